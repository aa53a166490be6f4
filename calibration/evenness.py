"""Whether light came from a side: a coarse grid of a frame's pixels against the calibration.

Compiled and in NumPy the same bits: what is added up are whole numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.jit import compiled, numba_available
from calibration.middle import middle

FIELDS = 8
_SAMPLE_PX = 4096
_MIDDLE_STEP = 4
"""Where all is dark hangs on every so many-th pixel; it is taken off all strips alike."""

_CLIP_SIGMA = np.float32(3)
_SIGMA_PARTS = np.float32(1024)


@dataclass(frozen=True, slots=True, eq=False)
class Evenness:
    """Baseline and noise of the pixels of a grid, taken together once for many frames.

    Attributes
    ----------
    taken : tuple of slice
        Rows and columns of the grid: 8 x 8 fields of as many pixels each.
    mean_adu, sigma_adu : ndarray of float32, shape (8 * rows of a field, 8 * columns)
    """

    taken: tuple[slice, slice]
    mean_adu: NDArray[np.float32]
    sigma_adu: NDArray[np.float32]

    @classmethod
    def of(cls, mean_adu: NDArray[np.float32], sigma_adu: NDArray[np.float32]) -> Evenness:
        """Choose the grid: about 4096 pixels; none of a frame that is smaller than 8 x 8."""
        height, width = mean_adu.shape
        step = max(1, math.isqrt(height * width // _SAMPLE_PX))
        rows, cols = height // step // FIELDS, width // step // FIELDS
        down, across = FIELDS * rows * step, FIELDS * cols * step
        taken = (slice(0, down, step), slice(0, across, step))
        return cls(taken, mean_adu[taken].copy(), sigma_adu[taken].copy())

    def unevenness(self, pixels: Any) -> float:
        """How far the brightest of 8 strips of the frame lies above the middle one.

        The larger value of the upright strips and of those across, in units of a pixel's noise.

        Parameters
        ----------
        pixels : ndarray of uint8 or uint16, shape (height, width)
            Or what is indexed alike.
        """
        if not self.mean_adu.size:
            return 0.0
        grid = np.ascontiguousarray(pixels[self.taken])
        every = slice(None, None, _MIDDLE_STEP)
        some = grid.reshape(-1)[every].astype(np.float32)
        some -= self.mean_adu.reshape(-1)[every]
        some /= self.sigma_adu.reshape(-1)[every]
        sums = _sums if numba_available() else sums_numpy
        rows, cols = sums(grid, self.mean_adu, self.sigma_adu, np.float32(middle(some)))
        across, upright = rows.reshape(FIELDS, -1), cols.reshape(FIELDS, -1)
        strip_px = grid.size // FIELDS
        above = max(_above_middle(across), _above_middle(upright))
        return above / (strip_px * float(_SIGMA_PARTS))


def sums_numpy(
    grid: NDArray[Any],
    mean: NDArray[np.float32],
    sigma: NDArray[np.float32],
    middle_sigma: np.float32,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sums of rows and of columns in 1024ths of a sigma: the fallback, the tests' reference."""
    excess = grid.astype(np.float32)
    excess -= mean
    excess /= sigma
    excess -= middle_sigma
    np.minimum(excess, _CLIP_SIGMA, out=excess)  # a hit is no light
    np.maximum(excess, -_CLIP_SIGMA, out=excess)
    excess *= _SIGMA_PARTS
    parts = excess.astype(np.int32).astype(np.int64)
    return parts.sum(axis=1), parts.sum(axis=0)


def _sums(
    grid: NDArray[Any],
    mean: NDArray[np.float32],
    sigma: NDArray[np.float32],
    middle_sigma: np.float32,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, cols = np.zeros(grid.shape[0], np.int64), np.zeros(grid.shape[1], np.int64)
    _kernel()(grid, mean, sigma, middle_sigma, rows, cols)
    return rows, cols


def _sums_scalar(  # noqa: PLR0917
    grid: Any, mean: Any, sigma: Any, middle_sigma: Any, rows: Any, cols: Any
) -> None:
    clip, parts = np.float32(3), np.float32(1024)
    row = np.empty(cols.shape[0], np.int32)
    for y in range(grid.shape[0]):
        values, base, noise = grid[y], mean[y], sigma[y]
        for x in range(values.shape[0]):
            excess = (np.float32(values[x]) - base[x]) / noise[x] - middle_sigma
            row[x] = np.int32(max(min(excess, clip), -clip) * parts)
        total = np.int64(0)
        for x in range(row.shape[0]):
            total += row[x]
        rows[y] = total
        for x in range(row.shape[0]):
            cols[x] += row[x]


@cache
def _kernel() -> Any:
    return compiled(_sums_scalar)


def _above_middle(strips: NDArray[np.int64]) -> float:
    ranked: list[int] = sorted(strips.sum(axis=1).tolist())
    half = len(ranked) // 2
    return float(ranked[-1] - (ranked[half - 1] + ranked[half]) / 2)
