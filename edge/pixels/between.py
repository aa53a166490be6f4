"""Whether charge lies between two clusters: the pixels on the way against those beside it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibration.model import Calibration
from edge.pixels.picture import Readable

Ends = tuple[int, int, int, int]
"""Row and column of a pixel, and of another."""

_MOST_SIGMA = 3.5
"""No pixel counts more: a blinking pixel that the calibration missed is no bridge."""

_LEAST_SPREAD_SIGMA = 0.5
"""Where values are so coarse that all pixels beside are equal, their noise is not 0."""

_ACROSS = np.arange(-8, 9)
"""Pixels looked at across the way: along a row or a column, whichever crosses it more steeply."""
_CENTRE = 8
_BAND = np.abs(_ACROSS) <= 2
_BESIDE = np.abs(_ACROSS) >= 4
_WEIGHT = np.exp(-0.5 * _ACROSS[_BAND].astype(np.float64) ** 2)
"""Charge spreads over a pixel or so to both sides, and the way is not known to the pixel."""
_LEAST_BESIDE = 8


def steps_px(ends: Ends) -> int:
    """Steps from pixel to pixel, diagonal ones included: one more than pixels between."""
    y0, x0, y1, x1 = ends
    return max(abs(y1 - y0), abs(x1 - x0))


def proof_sigma(
    pixels: Readable, calibration: Calibration, ends: Ends, lit: NDArray[np.int64]
) -> float:
    """Excess of the pixels on the straight way over those beside, in units of its noise.

    A matched filter for a line a little wider than a pixel. The pixels 4 to 8 away from it give
    both its background and its noise: where a frame's level is a little off, where a row shares
    noise or light leaks in, they have the same.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width), or Picture
        At the calibration's level.
    calibration : Calibration
        Masked and hot pixels are left out.
    ends : tuple of int
        The two pixels it goes between.
    lit : ndarray of int64
        Flat indices of all clusters' pixels, ascending: left out too.

    Returns
    -------
    float
        -inf where too few pixels are left.
    """
    rows, cols = _around(ends)
    height, width = pixels.shape
    known = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    at = np.clip(rows, 0, height - 1), np.clip(cols, 0, width - 1)
    known &= ~calibration.masked[at] & ~calibration.hot[at]
    known &= ~_is_among(at[0] * width + at[1], lit)
    if not known[:, _CENTRE].any() or np.count_nonzero(known[:, _BESIDE]) < _LEAST_BESIDE:
        return -math.inf
    z = (pixels[at].astype(np.float64) - calibration.mean_adu[at]) / calibration.sigma_adu[at]
    z = np.clip(z, -_MOST_SIGMA, _MOST_SIGMA)
    beside = z[:, _BESIDE][known[:, _BESIDE]]
    weight = np.where(known[:, _BAND], _WEIGHT, 0.0)
    excess = float((weight * (z[:, _BAND] - beside.mean())).sum())
    variance = float((weight**2).sum()) + float(weight.sum()) ** 2 / len(beside)
    return excess / (max(float(beside.std()), _LEAST_SPREAD_SIGMA) * math.sqrt(variance))


def _around(ends: Ends) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pixels on the way and beside it, shape (between, across)."""
    y0, x0, y1, x1 = ends
    steps = steps_px(ends)
    # In whole numbers, halves up: the same pixels on every machine.
    step = np.arange(1, steps, dtype=np.int64)
    rows = y0 + (2 * step * (y1 - y0) + steps) // (2 * steps)
    cols = x0 + (2 * step * (x1 - x0) + steps) // (2 * steps)
    same = np.zeros_like(_ACROSS)
    if abs(y1 - y0) >= abs(x1 - x0):
        return rows[:, None] + same, cols[:, None] + _ACROSS
    return rows[:, None] + _ACROSS, cols[:, None] + same


def _is_among(flat: NDArray[np.int64], lit: NDArray[np.int64]) -> NDArray[np.bool_]:
    place = np.minimum(np.searchsorted(lit, flat), len(lit) - 1)
    return np.asarray(lit[place] == flat)
