"""Whether light came from a side: a coarse grid of a frame's pixels against the calibration.

Compiled and in NumPy the same bits: what is added up are whole numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.jit import numba_available
from calibration.linked import linked
from calibration.middle import middle_numpy, middle_scalar

FIELDS = 8
_SAMPLE_PX = 4096
_MIDDLE_STEP = 4
"""Where all is dark hangs on every so many-th pixel; it is taken off all strips alike."""

_CLIP_SIGMA = np.float32(3)
_SIGMA_PARTS = np.float32(1024)
_ADU_PARTS = np.float32(64)


class Look(NamedTuple):
    """What a grid of a frame's pixels shows.

    Attributes
    ----------
    middle_adu : float or None
        Median of what they lie above their baselines by; None where there is no grid.
    unevenness : float
        How far the brightest of 8 strips of the frame, upright or across, lies above the middle
        one, in units of a pixel's noise: light comes from a side.
    """

    middle_adu: float | None
    unevenness: float


@dataclass(frozen=True, slots=True, eq=False)
class Evenness:
    """Baseline and noise of the pixels of a grid, taken together once for many frames.

    The pixels of a field's row lie side by side: a row of the grid takes eight looks at memory.

    Attributes
    ----------
    rows : slice
        Rows of the grid.
    field_px : int
        Width of a field in the frame.
    cols : slice
        Which of its columns are taken.
    mean_adu, sigma_adu : ndarray of float32, shape (8 * rows of a field, 8 * columns)
    """

    rows: slice
    field_px: int
    cols: slice
    mean_adu: NDArray[np.float32]
    sigma_adu: NDArray[np.float32]

    @classmethod
    def of(cls, mean_adu: NDArray[np.float32], sigma_adu: NDArray[np.float32]) -> Evenness:
        """Choose the grid: about 4096 pixels; none of a frame that is smaller than 8 x 8."""
        height, width = mean_adu.shape
        step = max(1, math.isqrt(height * width // _SAMPLE_PX))
        down, across = height // step // FIELDS, width // step // FIELDS
        field_px = width // FIELDS
        if down > 1 and 2 * across <= field_px:
            # Half the rows and twice the columns: as many pixels in half as many places.
            step, down, across = 2 * step, down // 2, 2 * across
        start = (field_px - across) // 2
        grid = slice(0, FIELDS * down * step, step), field_px, slice(start, start + across)
        return cls(*grid, _taken(mean_adu, *grid), _taken(sigma_adu, *grid))

    def look(self, pixels: Any) -> Look:
        """See how even a frame is.

        Parameters
        ----------
        pixels : ndarray of uint8 or uint16, shape (height, width)
            Or what is indexed alike.
        """
        if not self.mean_adu.size:
            return Look(None, 0.0)
        grid = _taken(pixels, self.rows, self.field_px, self.cols)
        strips = np.zeros((2, FIELDS), np.int64)
        sums = _kernel() if numba_available() else sums_numpy
        middle_adu = sums(grid, self.mean_adu, self.sigma_adu, strips)
        return Look(float(middle_adu), self.unevenness(max(map(above_scalar, strips.tolist()))))

    def unevenness(self, above: float) -> float:
        """In units of a pixel's noise: what a strip's sum lies above the middle one's by."""
        return float(above * FIELDS / (self.mean_adu.size * float(_SIGMA_PARTS)))


def above_scalar(strips: Any) -> Any:
    """How far the largest of eight sums lies above the middle; also part of kernels.

    Parameters
    ----------
    strips : ndarray of int64, shape (8,), or list of int
    """
    ranked = strips.copy()
    for i in range(1, len(ranked)):
        j = i
        while j > 0 and ranked[j - 1] > ranked[j]:
            ranked[j - 1], ranked[j] = ranked[j], ranked[j - 1]
            j -= 1
    half = len(ranked) // 2
    return ranked[-1] - (ranked[half - 1] + ranked[half]) / 2


def _taken(pixels: Any, rows: slice, field_px: int, cols: slice) -> NDArray[Any]:
    """Copy the pixels of a grid, shape (rows, columns)."""
    lines = pixels[rows, : FIELDS * field_px]
    fields = lines.reshape(lines.shape[0], FIELDS, field_px)[:, :, cols]
    return np.ascontiguousarray(fields).reshape(lines.shape[0], FIELDS * (cols.stop - cols.start))


def sums_numpy(
    grid: NDArray[Any],
    mean: NDArray[np.float32],
    sigma: NDArray[np.float32],
    strips: NDArray[np.int64],
) -> np.float32:
    """Sums of the strips, across and upright, in 1024ths of a sigma; returns the middle.

    The fallback, and the tests' reference. `strips` is zeros, shape (2, 8), and takes the sums.
    """
    excess = grid.astype(np.float32)
    excess -= mean
    some = (excess.reshape(-1)[::_MIDDLE_STEP] * _ADU_PARTS).astype(np.int32)
    middle_adu = np.float32(middle_numpy(some)) / _ADU_PARTS
    excess -= middle_adu
    excess /= sigma
    np.minimum(excess, _CLIP_SIGMA, out=excess)  # a hit is no light
    np.maximum(excess, -_CLIP_SIGMA, out=excess)
    excess *= _SIGMA_PARTS
    parts = excess.astype(np.int32).astype(np.int64)
    strips[0] += parts.sum(axis=1).reshape(FIELDS, -1).sum(axis=1)
    strips[1] += parts.sum(axis=0).reshape(FIELDS, -1).sum(axis=1)
    return middle_adu


def sums_scalar(grid: Any, mean: Any, sigma: Any, strips: Any) -> Any:
    """Give the same answer inside a kernel."""
    height, width = grid.shape
    clip, parts, adu_parts = np.float32(3), np.float32(1024), np.float32(64)
    values, base = grid.reshape(-1), mean.reshape(-1)
    some = np.empty((values.shape[0] + 3) // 4, np.int32)
    for i in range(some.shape[0]):
        some[i] = np.int32((np.float32(values[4 * i]) - base[4 * i]) * adu_parts)
    middle_adu = np.float32(middle_scalar(some)) / adu_parts
    row = np.empty(width, np.int32)
    columns = np.zeros(width, np.int64)
    for y in range(height):
        line, level, noise = grid[y], mean[y], sigma[y]
        for x in range(line.shape[0]):
            excess = (np.float32(line[x]) - level[x] - middle_adu) / noise[x]
            row[x] = np.int32(max(min(excess, clip), -clip) * parts)
        total = np.int64(0)
        for x in range(row.shape[0]):
            total += row[x]
        strips[0, y * strips.shape[1] // height] += total
        for x in range(row.shape[0]):
            columns[x] += row[x]
    for x in range(width):
        strips[1, x * strips.shape[1] // width] += columns[x]
    return middle_adu


@cache
def _kernel() -> Any:
    return linked(sums_scalar, middle_scalar=middle_scalar)
