"""From raw counts to what a model is shown: the same function on the device and in training.

What is inside may change with the model; a model's file belongs to the version it was trained
with. Nothing outside may rest on more than the shape, the type and that every value is finite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import Pixels

SIZE_PX = 60
"""Edge of the square a model sees."""

CHANNELS = 2

_MAD_TO_SIGMA = 1.4826
_LEAST_NOISE_ADU = 1.0
_ARCSINH_SCALE = 8.0


def prepare(pixels: Pixels) -> NDArray[np.float32]:
    """Centre a crop on its hit and put its counts on a scale that no camera changes.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)
        Raw counts of any bit depth and black level; at least one pixel.

    Returns
    -------
    ndarray of float32, shape (SIZE_PX, SIZE_PX, CHANNELS)
        Channel 0: excess over the median, as a share of the largest, 0 to 1. Channel 1: arcsinh of
        the excess in units of the noise (from the median absolute deviation, at least 1 ADU),
        over 8. What lies beyond the crop is 0.
    """
    counts = np.asarray(pixels, np.float32)
    background = np.float32(np.median(counts))
    excess = counts - background
    noise = max(_MAD_TO_SIGMA * float(np.median(np.abs(excess))), _LEAST_NOISE_ADU)
    row, col = _centre(excess)
    square = _cut(excess, row, col)
    shown = np.zeros((SIZE_PX, SIZE_PX, CHANNELS), np.float32)
    peak = float(square.max())
    if peak > 0.0:
        shown[..., 0] = np.clip(square / np.float32(peak), 0.0, 1.0)
    shown[..., 1] = np.arcsinh(square / np.float32(noise)) / np.float32(_ARCSINH_SCALE)
    return shown


def _centre(excess: NDArray[np.float32]) -> tuple[int, int]:
    """Row and column of the brightest pixel of the mean over 3 by 3."""
    height, width = excess.shape
    padded = np.zeros((height + 2, width + 2), np.float32)
    padded[1:-1, 1:-1] = excess
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    mean = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    row, col = np.unravel_index(int(np.argmax(mean)), excess.shape)
    return int(row), int(col)


def _cut(excess: NDArray[Any], row: int, col: int) -> NDArray[np.float32]:
    """The square around a pixel, padded with zeros; the pixel lies at SIZE_PX // 2."""
    square = np.zeros((SIZE_PX, SIZE_PX), np.float32)
    y0, x0 = row - SIZE_PX // 2, col - SIZE_PX // 2
    height, width = excess.shape
    top, left = max(y0, 0), max(x0, 0)
    bottom, right = min(y0 + SIZE_PX, height), min(x0 + SIZE_PX, width)
    square[top - y0 : bottom - y0, left - x0 : right - x0] = excess[top:bottom, left:right]
    return square
