"""Hit messages for tests."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from edge.crop import encode_png
from edge.detection import Crop
from edge.messages import encode, envelope, format_utc_ns, parse_message

START_NS = 1_780_000_000_000_000_000


def track(size: int = 60, peak: int = 700) -> np.ndarray:
    """A crop of a 10 bit camera with black level 64 and a diagonal track."""
    rng = np.random.default_rng(3)
    pixels = np.rint(rng.normal(64, 3, (size, size))).astype(np.uint16)
    for step in range(size // 2):
        pixels[size // 4 + step // 2, size // 4 + step] = 64 + peak // 2
    pixels[size // 2, size // 2] = 64 + peak
    return pixels


def message(
    seq: int = 1,
    *,
    pixels: np.ndarray | None = None,
    origin: str = "camera",
    rig: str = "roof-1",
    time_ns: int | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A whole hit message; `changes` replace fields of its body."""
    crop = track() if pixels is None else pixels
    height, width = crop.shape
    moment = START_NS + seq * 1_000_000_000 if time_ns is None else time_ns
    body: dict[str, Any] = {
        "time_utc": format_utc_ns(moment),
        "time_uncertainty_s": 0.0021,
        "window_start_utc": format_utc_ns(moment - 1000),
        "window_end_utc": format_utc_ns(moment + 1000),
        "clock": "synced",
        "series": "",
        "frame": seq,
        "x_px": 100 + width // 2,
        "y_px": 200 + height // 2,
        "peak_adu": int(crop.max()),
        "sum_adu": 4321.5,
        "area_px": 12,
        "crop": {
            "x0_px": 100,
            "y0_px": 200,
            "width_px": width,
            "height_px": height,
            "bit_depth": 8 if crop.dtype == np.uint8 else 10,
            "black_level_adu": 64.0,
            "encoding": "png",
            "data": base64.b64encode(encode_png(Crop(crop, 100, 200))).decode(),
        },
        "features": {"ellipticity": 0.91, "solidity": 0.88},
        "class": "track",
        "scores": {},
        "anomaly": None,
        "position": {
            "latitude_deg": 52.1,
            "longitude_deg": 21.2,
            "altitude_m": 168.0,
            "accuracy_m": 15.0,
            "provider": "manual",
        },
        "orientation": None,
        "provenance": {
            "calibration_id": "c0ffee",
            "model_id": None,
            "config_hash": "abcd1234",
            "software": "cosmic-edge 0.1.0",
        },
        **changes,
    }
    made = envelope("hit", body, rig=rig, epoch="0123456789ab", seq=seq, floor=1, origin=origin)
    parse_message(encode(made))
    return made
