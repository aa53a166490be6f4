"""Offsets that a whole row or column of a frame shares."""

from __future__ import annotations

import numpy as np

from simulator.sensor import Floats32
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream


def add_line_noise(pixels: Floats32, spec: SimulationSpec, index: int) -> None:
    """Give every row and column of frame `index` an offset of its own, new in each frame.

    Rows are read out one after the other and share a ramp, columns each have their amplifier and
    converter; their noise is normal (EMVA Standard 1288, release 4.0, ch. 8: row and column
    variances). The columns' constant pattern is part of `sensor.Sensor`.
    """
    if spec.row_noise_adu > 0:
        random = stream(spec.seed, Purpose.ROWS, index)
        rows = random.standard_normal((spec.height_px, 1), dtype=np.float32)
        pixels += rows * np.float32(spec.row_noise_adu)
    if spec.column_noise_adu > 0:
        random = stream(spec.seed, Purpose.COLUMNS, index)
        columns = random.standard_normal(spec.width_px, dtype=np.float32)
        pixels += columns * np.float32(spec.column_noise_adu)
