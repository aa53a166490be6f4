"""Candidates and outcomes for tests of the stages."""

from __future__ import annotations

import numpy as np

from edge.detection import Candidate, Crop, FrameStamp
from edge.frame import SensorMode
from edge.stages.outcome import Outcome

MS = 1_000_000
MODE = SensorMode(
    "test", 100, 80, 10, exposure_ns=30 * MS, frame_duration_ns=33 * MS, black_level_adu=64.0
)


def candidate(*pixels: tuple[int, int], excess: float = 50.0) -> Candidate:
    """A candidate of these (row, column) pixels; the first is the brightest."""
    order = sorted(pixels)
    rows = np.array([p[0] for p in order], np.int32)
    cols = np.array([p[1] for p in order], np.int32)
    values = np.full(len(order), excess, np.float32)
    peak = order.index(pixels[0])
    values[peak] += 10
    return Candidate(
        rows=rows,
        cols=cols,
        values_adu=(values + 64).astype(np.uint16),
        excess_adu=values,
        peak=peak,
        peak_sigma=float(values[peak]) / 2,
        crop=Crop(np.zeros((8, 8), np.uint16), 0, 0),
    )


def stamp(index: int, mode: SensorMode = MODE, **changes: object) -> FrameStamp:
    """A frame of a steady camera."""
    time_ns = index * (mode.frame_duration_ns or 0)
    values = {
        "sequence": index,
        "index": index,
        "series": "",
        "mode": mode,
        "sensor_time_ns": time_ns,
        "utc_ns": None,
        "exposure_ns": mode.exposure_ns or 0,
        "temperature_c": None,
        "origin": "camera",
    }
    return FrameStamp(**(values | changes))  # type: ignore[arg-type]


def processed(index: int, *candidates: Candidate, flood: bool = False) -> Outcome:
    """A frame that was looked at."""
    return Outcome("processed", stamp(index), tuple(candidates), flood)
