"""From raw counts to what a model is shown: the same function on the device and in training.

What is inside may change with the model; a model's file belongs to the version it was trained
with. Nothing outside may rest on more than the shape, the type and that every value is finite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE_PX = 48
"""Edge of the square a model sees."""

CHANNELS = 2

_DARK_SHARE = 0.8
_OF_NORMAL_NOISE = 1.5
"""Root mean square of the smaller 80 % of normal values, times this, is their sigma."""

LEAST_NOISE_ADU = 0.7
"""Noise below a count can't be told from none."""

_CLEAR_SIGMA = 4.0
_ARCSINH_SCALE = 4.0


def prepare(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Centre a crop on its hit and put its counts on a scale that no camera changes.

    Neither black level nor gain nor bit depth can be seen in what comes out: the shape of the hit,
    and how far it stands out of its own surroundings' noise.

    Parameters
    ----------
    pixels : ndarray of uint8, uint16 or float32, shape (height, width)
        Raw counts of any bit depth and black level; at least one pixel.

    Returns
    -------
    ndarray of float32, shape (SIZE_PX, SIZE_PX, CHANNELS)
        Channel 0: excess over the median, as a share of the largest, at most 1. Channel 1:
        arcsinh of the excess in units of four times the noise, over 4. What lies beyond the crop
        is 0.
    """
    excess = np.asarray(pixels, np.float32)
    excess = excess - np.float32(np.median(excess))
    noise = max(noise_adu(excess), LEAST_NOISE_ADU)
    square = _cut(excess, *_centre(excess))
    shown = np.empty((SIZE_PX, SIZE_PX, CHANNELS), np.float32)
    np.divide(square, np.float32(max(float(square.max()), 1.0)), out=shown[..., 0])
    np.maximum(shown[..., 0], np.float32(-1), out=shown[..., 0])
    shown[..., 1] = np.arcsinh(square / np.float32(_CLEAR_SIGMA * noise))
    shown[..., 1] /= np.float32(_ARCSINH_SCALE)
    return shown


def noise_adu(excess: NDArray[np.float32]) -> float:
    """Noise of a crop's dark pixels: of the four fifths that lie nearest to the median.

    A median absolute deviation is 0 or 1 where noise is below a count.
    """
    near = np.abs(excess).reshape(-1)
    count = max(int(near.size * _DARK_SHARE), 1)
    near = np.partition(near, count - 1)[:count]
    return float(np.sqrt(np.mean(np.square(near, dtype=np.float64)))) * _OF_NORMAL_NOISE


def _centre(excess: NDArray[np.float32]) -> tuple[int, int]:
    """Row and column of the brightest pixel of the mean over 3 by 3."""
    height, width = excess.shape
    padded = np.zeros((height + 2, width + 2), np.float32)
    padded[1:-1, 1:-1] = excess
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    mean = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    row, col = np.unravel_index(int(np.argmax(mean)), excess.shape)
    return int(row), int(col)


def _cut(excess: NDArray[np.float32], row: int, col: int) -> NDArray[np.float32]:
    """The square around a pixel, padded with zeros; the pixel lies at SIZE_PX // 2."""
    square = np.zeros((SIZE_PX, SIZE_PX), np.float32)
    y0, x0 = row - SIZE_PX // 2, col - SIZE_PX // 2
    height, width = excess.shape
    top, left = max(y0, 0), max(x0, 0)
    bottom, right = min(y0 + SIZE_PX, height), min(x0 + SIZE_PX, width)
    square[top - y0 : bottom - y0, left - x0 : right - x0] = excess[top:bottom, left:right]
    return square
