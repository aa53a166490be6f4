"""One good message body of each kind, for tests to change."""

from __future__ import annotations

import base64
import copy
from typing import Any

import cv2
import numpy as np

from edge.messages import envelope

EPOCH = "0123456789abcdef"
RIG = "cellar-1"


def png(width: int = 60, height: int = 60) -> str:
    pixels = np.arange(width * height, dtype=np.uint16).reshape(height, width)
    done, data = cv2.imencode(".png", pixels)
    assert done
    return base64.b64encode(data.tobytes()).decode()


_HIT: dict[str, Any] = {
    "time_utc": "2026-11-21T10:00:00.050000000Z",
    "time_uncertainty_s": 0.002,
    "window_start_utc": "2026-11-21T10:00:00.000000000Z",
    "window_end_utc": "2026-11-21T10:00:00.100000000Z",
    "clock": "synced",
    "series": "",
    "frame": 17,
    "x_px": 40,
    "y_px": 41,
    "peak_adu": 900,
    "sum_adu": 1234.5,
    "area_px": 7,
    "crop": {
        "x0_px": 10,
        "y0_px": 11,
        "width_px": 60,
        "height_px": 60,
        "bit_depth": 12,
        "black_level_adu": None,
        "encoding": "png",
        "data": png(),
    },
    "features": {"ellipticity": 0.25, "solidity": 1.0},
    "class": "spot",
    "scores": {},
    "anomaly": None,
    "position": None,
    "orientation": None,
    "provenance": {
        "calibration_id": "c-1",
        "model_id": None,
        "config_hash": "abc",
        "software": "cosmic-edge 0.1.0",
    },
}

_EXPOSURE: dict[str, Any] = {
    "series": "",
    "from_utc": "2026-11-21T10:00:00.000000000Z",
    "to_utc": "2026-11-21T10:01:00.000000000Z",
    "frames": {
        "expected": 1800,
        "received": 1790,
        "missing": 10,
        "processed": 1700,
        "calibrating": 50,
        "uncovered": 20,
        "dropped": 19,
        "bad": 1,
    },
    "live_time_ns": 56_666_666_667,
    "dead_time_ns": {"missing": 333_333_333, "uncovered": 666_666_666},
    "candidates": 10,
    "hits": 3,
    "rejected": {"hot_pixel": 5, "held": 2},
    "thresholds": {"seed_sigma": 6.5},
    "sensor": {"name": "ov5647", "width_px": 1296, "height_px": 972},
    "temperature_c": None,
    "clock": {"state": "synced", "uncertainty_s": 0.001},
    "zero_bias": None,
    "closed": "minute",
    "provenance": {"calibration_id": "c-1", "config_hash": "abc", "software": "cosmic-edge 0.1.0"},
}

_CALIBRATION: dict[str, Any] = {
    "calibration_id": "c-1",
    "sensor": {"sensor": "ov5647", "width_px": 1296, "height_px": 972, "bit_depth": 10},
    "thresholds": {"seed_sigma": 6.5, "cover_mean_adu": 20.0},
    "noise": {"median_adu": 1.5},
    "hot_pixels": 12,
    "masked_px": 3,
    "frames_used": 500,
    "expected_false_triggers_per_hour": 0.5,
    "temperature_c": 31.0,
}

_LOST: dict[str, Any] = {
    "reason": "outbox_full",
    "ranges": [{"first_seq": 1, "last_seq": 4}],
    "lost_epoch": None,
    "kinds": {"hit": 4},
}

_CLOCK: dict[str, Any] = {
    "boot_id": "b-1",
    "reference_boot_ns": 10,
    "reference_utc": "2026-11-21T10:00:00.000000000Z",
    "rate_ppm": 1.5,
    "from_boot_ns": 0,
    "to_boot_ns": None,
    "uncertainty_s": 0.01,
    "state": "synced",
}

_BODIES = {
    "hit": _HIT,
    "exposure": _EXPOSURE,
    "calibration": _CALIBRATION,
    "lost": _LOST,
    "clock": _CLOCK,
}


def body(kind: str, **changes: Any) -> dict[str, Any]:
    """Return a fresh good body, with the top-level `changes`."""
    return copy.deepcopy(_BODIES[kind]) | changes


def message(kind: str, seq: int = 9, floor: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a whole good message of `kind`."""
    return envelope(
        kind, body(kind, **changes), rig=RIG, epoch=EPOCH, seq=seq, floor=floor, origin="camera"
    )
