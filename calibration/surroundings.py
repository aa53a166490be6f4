"""What a pixel stands out of: the baseline of those around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.bands import row_bands

HOT_SIGMA = 5.0
"""A pixel whose baseline stands this far above its surroundings is hot."""

_SURROUNDINGS_PX = 5
_AT_ONCE = 4096


def around_adu(mean_adu: NDArray[np.float32], index: NDArray[np.int64]) -> NDArray[np.float32]:
    """Median baseline of the 5 x 5 pixels around some.

    Parameters
    ----------
    mean_adu : ndarray of float32, shape (height, width)
    index : ndarray of int64, shape (n,)
        Flat indices.

    Returns
    -------
    ndarray of float32, shape (n,)
    """
    median = np.empty(len(index), np.float32)
    for start in range(0, len(index), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        median[some] = _medians_adu(mean_adu, index[some])
    return median


def _medians_adu(mean_adu: NDArray[np.float32], index: NDArray[np.int64]) -> NDArray[np.float32]:
    height, width = mean_adu.shape
    rows, cols = np.divmod(index, width)
    reach = np.arange(_SURROUNDINGS_PX) - _SURROUNDINGS_PX // 2
    down, across = np.meshgrid(reach, reach, indexing="ij")
    y = np.clip(rows[:, None] + down.ravel(), 0, height - 1)
    x = np.clip(cols[:, None] + across.ravel(), 0, width - 1)
    return np.asarray(np.median(mean_adu[y, x], axis=1), np.float32)


def stands_out(mean_adu: NDArray[np.float32], least_adu: float) -> NDArray[np.bool_]:
    """Pixels far above the median of their surroundings: amplifier glow is not.

    Parameters
    ----------
    mean_adu : ndarray of float32, shape (height, width)
    least_adu : float
        How far above.

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    import cv2

    above = np.empty(mean_adu.shape, np.bool_)
    for rows in row_bands(mean_adu.shape):
        top = max(rows.start - _SURROUNDINGS_PX // 2, 0)
        around = cv2.medianBlur(mean_adu[top : rows.stop + _SURROUNDINGS_PX // 2], _SURROUNDINGS_PX)
        start = rows.start - top
        level = around[start : start + rows.stop - rows.start]
        above[rows] = mean_adu[rows] - level > np.float32(least_adu)
    return above
