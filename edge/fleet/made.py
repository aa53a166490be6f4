"""Hits of rigs that are not there: true in form, `simulation` by their origin."""

from __future__ import annotations

import base64
import time
from typing import Any

import numpy as np

from edge import __version__
from edge.classification.classes import CLASSES
from edge.crop import encode_png
from edge.detection import Crop, Draft
from edge.messages.utc import format_utc_ns

_POOL = 32
_EXPOSURE_NS = 33_000_000
_LEVEL_ADU, _NOISE_ADU, _LIGHT_ADU = 64.0, 3.0, 400.0


class MadeHits:
    """Bodies of hits, their crops out of a small pool.

    Parameters
    ----------
    crop_px : int
        Edge of the crop: 60 makes messages of some 6 kB, 16 of some 1.5 kB.
    seed : int
    """

    def __init__(self, crop_px: int = 60, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._crop_px = crop_px
        self._pngs = [self._png() for _ in range(_POOL)]

    def draft(self, frame: int) -> Draft:
        """One hit of now."""
        now_ns = time.time_ns()
        label = CLASSES[int(self._random.integers(len(CLASSES)))]
        x_px, y_px = (int(one) for one in self._random.integers(100, 900, 2))
        half = self._crop_px // 2
        body: dict[str, Any] = {
            "time_utc": format_utc_ns(now_ns),
            "time_uncertainty_s": None,
            "window_start_utc": format_utc_ns(now_ns - _EXPOSURE_NS // 2),
            "window_end_utc": format_utc_ns(now_ns + _EXPOSURE_NS // 2),
            "clock": "unsynced",
            "series": "",
            "frame": frame,
            "x_px": x_px,
            "y_px": y_px,
            "peak_adu": int(_LIGHT_ADU + _LEVEL_ADU),
            "sum_adu": round(float(self._random.uniform(500, 5000)), 3),
            "area_px": int(self._random.integers(1, 60)),
            "crop": {
                "x0_px": x_px - half,
                "y0_px": y_px - half,
                "width_px": self._crop_px,
                "height_px": self._crop_px,
                "bit_depth": 10,
                "black_level_adu": _LEVEL_ADU,
                "encoding": "png",
                "data": self._pngs[int(self._random.integers(_POOL))],
            },
            "features": {"ellipticity": round(float(self._random.uniform(0, 1)), 4)},
            "class": label,
            "scores": {name: float(name == label) for name in CLASSES},
            "votes": None,
            "anomaly": None,
            "position": None,
            "orientation": None,
            "provenance": {
                "calibration_id": None,
                "model_id": None,
                "config_hash": "fleet",
                "software": f"cosmic-edge {__version__}",
            },
        }
        return Draft("hit", body, "simulation")

    def _png(self) -> str:
        size = self._crop_px
        pixels = self._random.normal(_LEVEL_ADU, _NOISE_ADU, (size, size))
        rows = np.arange(size // 4, size // 2)
        pixels[rows, rows] += _LIGHT_ADU
        crop = Crop(np.clip(np.rint(pixels), 0, 1023).astype(np.uint16), 0, 0)
        return base64.b64encode(encode_png(crop)).decode()
