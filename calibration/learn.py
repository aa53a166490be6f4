"""What a stripe teaches: the baselines of the next block, and the scatter of each pixel.

Element by element in float32, in the same order of operations compiled and in NumPy, so that both
come to the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.jit import compiled, numba_available

SCATTER_PARTS = 4096
"""Of the variance that is usual; 16 bits hold up to 16 times as much."""

_SCATTER_PARTS, _PER_SCATTER = np.float32(SCATTER_PARTS), np.float32(1 / SCATTER_PARTS)


@dataclass(frozen=True, slots=True)
class Steps:
    """How a stripe is learned from, the same for all its pixels.

    Attributes
    ----------
    weight : float
        Of a new value in the mean that a baseline is.
    step_adu : float
        Added to every baseline: the level of the next block.
    level_adu : float
        What the stripe's pixels lie above their baselines by, all together.
    usual_square : float
        Mean square that is usual, in units of the noise.
    noise_memory : float
        Values that a pixel's scatter is the mean of.
    restless : float
        A pixel of more scatter gives cause to watch it.
    risen_sigma, risen_adu : float
        So does one that lies so much above the first calibration, beyond what all do.
    judges : bool
        Whether to look for such pixels: they take minutes to show, and need no look each time.
    """

    weight: float
    step_adu: float
    level_adu: float
    usual_square: float
    noise_memory: float
    restless: float
    risen_sigma: float
    risen_adu: float
    judges: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The stripe's rows of all maps, shape (rows, width); `next_adu` and `excess` are written.

    Attributes
    ----------
    now_adu, next_adu, sigma_adu : ndarray of float32
        Baselines now and of the next block; noise.
    excess : ndarray of uint16
        Scatter: the mean square of a pixel's deviations, in 4096ths of its variance.
    first : ndarray of uint16
        Baselines of the first calibration, in parts of an ADU.
    parts : float
        Of an ADU.
    """

    now_adu: NDArray[np.float32]
    next_adu: NDArray[np.float32]
    sigma_adu: NDArray[np.float32]
    excess: NDArray[np.uint16]
    first: NDArray[np.uint16]
    parts: float


def learn(
    stripe: NDArray[Any], quiet: NDArray[np.bool_], rows: Rows, steps: Steps
) -> NDArray[np.int64]:
    """Learn from a stripe.

    Parameters
    ----------
    stripe : ndarray of uint8 or uint16, shape (rows, width)
    quiet : ndarray of bool, shape (rows, width)
        Pixels that may move their baseline.

    Returns
    -------
    ndarray of int64
        Flat indices in the stripe of pixels that give cause to watch them, ascending.
    """
    numbers = np.array(
        [
            steps.weight, steps.step_adu, steps.level_adu, 1 / steps.usual_square,
            1 / steps.noise_memory, steps.restless, steps.risen_sigma, steps.risen_adu,
            1 / rows.parts,
        ],
        np.float32,
    )  # fmt: skip
    restless = np.empty(stripe.shape if steps.judges else (0, 0), np.bool_)
    method = _kernel() if numba_available() else learn_numpy
    found = method(
        stripe, quiet, rows.now_adu, rows.next_adu, rows.sigma_adu, rows.excess, rows.first,
        numbers, restless,
    )  # fmt: skip
    return np.flatnonzero(restless) if found else np.empty(0, np.int64)


def learn_numpy(  # noqa: PLR0917  (as the compiled one, which takes no keywords)
    stripe: NDArray[Any],
    quiet: NDArray[np.bool_],
    now: NDArray[np.float32],
    following: NDArray[np.float32],
    sigma: NDArray[np.float32],
    excess: NDArray[np.uint16],
    first: NDArray[np.uint16],
    numbers: NDArray[np.float32],
    restless: NDArray[np.bool_],
) -> int:
    """Give the same answer with NumPy alone: the fallback, and the tests' reference."""
    weight, step, level, per_usual, per_memory, most, risen_sigma, risen, per_part = numbers
    residual = stripe.astype(np.float32)
    residual -= now
    residual -= level
    mean = np.where(quiet, residual, np.float32(0))
    mean *= weight
    mean += now
    mean += step
    following[:] = mean
    residual /= sigma
    np.square(residual, out=residual)
    residual *= per_usual
    scatter = excess.astype(np.float32) * _PER_SCATTER
    residual -= scatter
    residual *= per_memory
    scatter += np.where(quiet, residual, np.float32(0))
    scatter = np.minimum(scatter * _SCATTER_PARTS + np.float32(0.5), np.float32(65_535))
    excess[:] = scatter.astype(np.uint16)
    if not restless.size:
        return 0
    above = mean - first.astype(np.float32) * per_part
    above -= risen
    np.greater(above, risen_sigma * sigma, out=restless)
    restless |= excess.astype(np.float32) * _PER_SCATTER > most
    return int(np.count_nonzero(restless))


def _learn_scalar(  # noqa: PLR0917  (numba compiles one function best)
    stripe: Any,
    quiet: Any,
    now: Any,
    following: Any,
    sigma: Any,
    excess: Any,
    first: Any,
    numbers: Any,
    restless: Any,
) -> Any:
    """One short loop for each map that is written: so each is done in vectors."""
    weight, step, level, per_usual = numbers[0], numbers[1], numbers[2], numbers[3]
    per_memory, most, risen_sigma, risen = numbers[4], numbers[5], numbers[6], numbers[7]
    per_part, zero = numbers[8], np.float32(0)
    parts, per_scatter = np.float32(4096), np.float32(1 / 4096)
    half, most_parts = np.float32(0.5), np.float32(65_535)
    found = np.int64(0)
    for y in range(stripe.shape[0]):
        values, still, mean, noise = stripe[y], quiet[y], now[y], sigma[y]
        target, scatter = following[y], excess[y]
        count = values.shape[0]
        for x in range(count):
            residual = np.float32(values[x]) - mean[x] - level
            moved = residual if still[x] else zero
            target[x] = moved * weight + mean[x] + step
        for x in range(count):
            residual = np.float32(values[x]) - mean[x] - level
            scaled = residual / noise[x]
            before = np.float32(scatter[x]) * per_scatter
            gained = (scaled * scaled * per_usual - before) * per_memory
            after = before + (gained if still[x] else zero)
            scatter[x] = np.uint16(min(after * parts + half, most_parts))
        if restless.shape[0] == 0:
            continue
        origin, marks = first[y], restless[y]
        number = np.int32(0)
        for x in range(count):
            above = target[x] - np.float32(origin[x]) * per_part - risen
            is_restless = (above > risen_sigma * noise[x]) | (
                np.float32(scatter[x]) * per_scatter > most
            )
            marks[x] = is_restless
            number = np.int32(number + is_restless)
        found += number
    return found


@cache
def _kernel() -> Any:
    return compiled(_learn_scalar)
