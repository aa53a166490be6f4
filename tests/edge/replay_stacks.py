"""Stacks that the tests of replay share."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.config.load import load_config
from tests.edge.stacks import (
    dark,
    in_memory,
)

COUNT, HEIGHT, WIDTH = 24, 40, 48


def one_pixel(
    stack: np.ndarray, frame: int, lasts: int = 1, at: tuple[int, int] = (20, 30)
) -> None:
    stack[frame : frame + lasts, at[0], at[1]] = 4000


def calm() -> Any:
    """Calibration of frames in which nothing happens."""
    from edge.presets.calibrated import CalibrationLearner

    series = in_memory(list(dark(50, seed=9))).contents[0]
    learner = CalibrationLearner(series.mode, load_config())
    for frame in series.frames():
        learner.add(frame)
    return learner.calibration()
