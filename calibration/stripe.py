"""A stripe of a frame against the calibration: what of it is quiet, its level and its noise.

Sums are taken of whole numbers, so that they are the same in any order: compiled, in vectors, or
in NumPy.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.jit import compiled, numba_available

_SUMMED_PX = 8192
"""Of more pixels, some rows are summed."""

_ADU_PARTS = np.float32(64)
_SQUARE_PARTS = np.float32(65_536)


class Quiet(NamedTuple):
    """What a stripe's ordinary pixels say.

    Attributes
    ----------
    quiet : ndarray of bool, shape (rows, width)
        Neither lit nor dark, and not beside a lit pixel.
    level_adu : float
        Their mean above the baselines.
    noise_square : float
        Their mean square about it, in units of the pixels' noise; 1 where there are none.
    """

    quiet: NDArray[np.bool_]
    level_adu: float
    noise_square: float


def look_at(
    stripe: NDArray[Any],
    mean_adu: NDArray[np.float32],
    sigma_adu: NDArray[np.float32],
    growth_sigma: float,
    middle_adu: float,
) -> Quiet:
    """Tell a stripe's quiet pixels.

    Parameters
    ----------
    stripe : ndarray of uint8 or uint16, shape (rows, width)
    mean_adu, sigma_adu : ndarray of float32, shape (rows, width)
    growth_sigma : float
        A pixel further from its baseline is lit, or dark.
    middle_adu : float
        About what the frame lies above the baselines by.
    """
    quiet = np.empty(stripe.shape, np.bool_)
    look = _kernel() if numba_available() else look_numpy
    count, rest_adu, squares = look(
        stripe, mean_adu, sigma_adu, np.float32(growth_sigma), np.float32(middle_adu),
        every_row(stripe.size), quiet,
    )  # fmt: skip
    return Quiet(quiet, *told_by(middle_adu, count, rest_adu, squares))


def every_row(size: int) -> int:
    """Of a stripe of so many pixels, every so many-th row is summed."""
    return max(size // _SUMMED_PX, 1)


def told_by(middle_adu: float, count: Any, rest_adu: Any, squares: Any) -> tuple[float, float]:
    """Level and noise that follow from the sums over the quiet pixels."""
    if not count:
        return middle_adu, 1.0
    return middle_adu + float(rest_adu), int(squares) / int(count) / float(_SQUARE_PARTS)


def look_numpy(  # noqa: PLR0917  (as the compiled one, which takes no keywords)
    stripe: NDArray[Any],
    mean: NDArray[np.float32],
    sigma: NDArray[np.float32],
    growth: np.float32,
    middle: np.float32,
    every: int,
    quiet: NDArray[np.bool_],
) -> tuple[int, np.float32, int]:
    """Give the same answer with NumPy alone: the fallback, and the tests' reference."""
    residual = stripe.astype(np.float32)
    residual -= mean
    residual -= middle
    limit = sigma * growth
    np.less_equal(np.abs(residual), limit, out=quiet)
    if not quiet.all():
        _spare_neighbours(quiet, residual > limit)
    residual, sigma, quiet = residual[::every], sigma[::every], quiet[::every]
    count = int(np.count_nonzero(quiet))
    parts = (residual * _ADU_PARTS).astype(np.int32)
    total = int(parts.sum(dtype=np.int64, where=quiet))
    rest = np.float32(total / max(count, 1)) / _ADU_PARTS
    residual = (residual - rest) / sigma
    np.square(residual, out=residual)
    residual *= _SQUARE_PARTS
    np.minimum(residual, np.float32(2**30), out=residual)  # what is not quiet may be anything
    squares = int(residual.astype(np.int32).sum(dtype=np.int64, where=quiet))
    return count, rest, squares


def _spare_neighbours(quiet: NDArray[np.bool_], lit: NDArray[np.bool_]) -> None:
    """Leave out what is beside a lit pixel: the faint rim of a hit."""
    quiet[:, 1:] &= ~lit[:, :-1]
    quiet[:, :-1] &= ~lit[:, 1:]
    quiet[1:] &= ~lit[:-1]
    quiet[:-1] &= ~lit[1:]


def look_scalar(  # noqa: PLR0917  (numba compiles one function best)
    stripe: Any, mean: Any, sigma: Any, growth: Any, middle: Any, every: int, quiet: Any
) -> tuple[Any, Any, Any]:
    """Give the same answer inside a kernel."""
    height, width = stripe.shape
    adu_parts = np.float32(64)
    square_parts = np.float32(65_536)
    for y in range(height):
        values, base, noise, still = stripe[y], mean[y], sigma[y], quiet[y]
        for x in range(values.shape[0]):
            residual = np.float32(values[x]) - base[x] - middle
            still[x] = abs(residual) <= noise[x] * growth
    for y in range(height):
        still = quiet[y]
        silent = np.int32(0)
        for x in range(still.shape[0]):
            silent = np.int32(silent + still[x])
        if silent == width:
            continue
        for x in range(width):
            if still[x]:
                continue
            residual = np.float32(stripe[y, x]) - mean[y, x] - middle
            if residual > sigma[y, x] * growth:
                quiet[y, max(x - 1, 0)] &= x == 0
                quiet[y, min(x + 1, width - 1)] &= x == width - 1
                quiet[max(y - 1, 0), x] &= y == 0
                quiet[min(y + 1, height - 1), x] &= y == height - 1
    count = np.int64(0)
    total = np.int64(0)
    for y in range(0, height, every):
        values, base, still = stripe[y], mean[y], quiet[y]
        row_count = np.int32(0)
        row_total = np.int64(0)
        for x in range(values.shape[0]):
            residual = np.float32(values[x]) - base[x] - middle
            row_count = np.int32(row_count + still[x])
            row_total += np.int32(residual * adu_parts) * still[x]
        count += row_count
        total += row_total
    kept = count if count > 0 else 1
    rest = np.float32(total / kept) / adu_parts
    squares = np.int64(0)
    for y in range(0, height, every):
        values, base, noise, still = stripe[y], mean[y], sigma[y], quiet[y]
        row_squares = np.int64(0)
        for x in range(values.shape[0]):
            residual = np.float32(values[x]) - base[x] - middle
            scaled = (residual - rest) / noise[x]
            square = min(scaled * scaled * square_parts, np.float32(1_073_741_824))
            row_squares += np.int32(square) * still[x]
        squares += row_squares
    return count, rest, squares


@cache
def _kernel() -> Any:
    return compiled(look_scalar)
