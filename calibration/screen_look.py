"""A quick look at one frame: what a calibration that runs beside a camera has the time for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.screen_against import block_means
from calibration.screen_own import white_noise_adu

BLOCKS = 8
_SAMPLE_PX = 98_304
_NOISE_PX = 24_576
_BLOCK_PX = 64
"""Blocks of fewer pixels would say nothing."""

_CLIP_SIGMA = 4.0
_COLUMN_STEP = 8


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Measures of one frame, from a sample of its rows where it is large.

    Attributes
    ----------
    level_adu : float
        Mean, outliers held: particles do not move it.
    noise_adu : float
        White noise.
    blocks_adu : ndarray of float64, shape (blocks, blocks)
        Means, outliers held, less their median.
    blocks_error_adu : float
        Chance in one of them.
    rows_adu : ndarray of float64, shape (height,)
        Means of rows, over every eighth column, outliers held.
    rows_error_adu : float
        Chance in one of them.
    void_rows : int
        Rows of one value, or the same as the row above.
    full_px : int
        Pixels at the top of the scale.
    bright_px : int
        Pixels far above the middle.
    """

    level_adu: float
    noise_adu: float
    blocks_adu: NDArray[np.float64]
    blocks_error_adu: float
    rows_adu: NDArray[np.float64]
    rows_error_adu: float
    void_rows: int
    full_px: int
    bright_px: int


def look(pixels: NDArray[Any], full_scale_adu: int, bright_px: int) -> Look:
    """Measure a frame of shape (height, width), uint8 or uint16."""
    sample = _rows_of(pixels, _SAMPLE_PX)
    noise = white_noise_adu(_rows_of(pixels, _NOISE_PX))
    middle = np.float32(np.median(sample[:, ::_COLUMN_STEP]))
    reach = np.float32(_CLIP_SIGMA * max(noise, 0.5))
    held = np.clip(sample.astype(np.float32), middle - reach, middle + reach)
    level = float(held.mean(dtype=np.float64))
    side = max(1, min(BLOCKS, int(np.sqrt(sample.size / _BLOCK_PX))))
    blocks, block_px = block_means(held, side)
    thin = np.ascontiguousarray(pixels[:, ::_COLUMN_STEP])
    held = np.clip(thin.astype(np.float32), middle - reach, middle + reach)
    void = np.ptp(thin, axis=1) == 0
    void[1:] |= (thin[1:] == thin[:-1]).all(axis=1)
    return Look(
        level_adu=level,
        noise_adu=noise,
        blocks_adu=blocks - np.median(blocks),
        blocks_error_adu=noise / float(np.sqrt(block_px)),
        rows_adu=held.mean(axis=1, dtype=np.float64),
        rows_error_adu=noise / float(np.sqrt(thin.shape[1])),
        void_rows=int(np.count_nonzero(void)),
        full_px=int(np.count_nonzero(pixels >= full_scale_adu)),
        bright_px=bright_px,
    )


def _rows_of(pixels: NDArray[Any], most_px: int) -> NDArray[Any]:
    """Whole rows from all over the frame, at most about so many pixels."""
    rows = max(1, most_px // max(pixels.shape[1], 1))
    return pixels[:: max(1, -(-pixels.shape[0] // rows))]
