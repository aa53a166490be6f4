"""What a stripe teaches: baselines, the scatter of each pixel, and the thresholds that follow.

Element by element in float32, in the same order of operations compiled and in NumPy, so that both
come to the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.jit import compiled, numba_available
from calibration.maps import MASKED, threshold_rows

_NO_MAP = np.zeros((0, 0), np.uint16)


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
    """

    weight: float
    step_adu: float
    level_adu: float
    usual_square: float
    noise_memory: float
    restless: float
    risen_sigma: float
    risen_adu: float


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The stripe's rows of all maps; `next_adu`, `excess` and the thresholds are written.

    Attributes
    ----------
    now_adu, next_adu, base_adu, sigma_adu, excess : ndarray of float32, shape (rows, width)
        Baselines now, of the next block and of the first calibration; noise; scatter.
    masked, alone : ndarray of bool, shape (rows, width)
    thresholds : mapping of str to (ndarray of uint16, float)
        Each map's rows, and its height in units of the noise; ``look_threshold`` last.
    full_scale_adu : int
    """

    now_adu: NDArray[np.float32]
    next_adu: NDArray[np.float32]
    base_adu: NDArray[np.float32]
    sigma_adu: NDArray[np.float32]
    excess: NDArray[np.float32]
    masked: NDArray[np.bool_]
    alone: NDArray[np.bool_]
    thresholds: Mapping[str, tuple[NDArray[np.uint16], float]]
    full_scale_adu: int


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
    if not numba_available():
        return learn_numpy(stripe, quiet, rows, steps)
    seed, growth = rows.thresholds["seed_threshold"], rows.thresholds["growth_threshold"]
    look = rows.thresholds.get("look_threshold", (_NO_MAP, 0.0))
    numbers = np.array(
        [
            steps.weight, steps.step_adu, steps.level_adu, 1 / steps.usual_square,
            1 / steps.noise_memory, steps.restless, steps.risen_sigma, steps.risen_adu,
            seed[1], growth[1], look[1], min(rows.full_scale_adu, MASKED),
        ],
        np.float32,
    )  # fmt: skip
    restless = np.empty(stripe.shape, np.bool_)
    found = _kernel()(
        stripe, quiet, rows.now_adu, rows.next_adu, rows.base_adu, rows.sigma_adu, rows.excess,
        rows.masked, rows.alone, seed[0], growth[0], look[0], numbers, restless,
    )  # fmt: skip
    return np.flatnonzero(restless) if found else np.empty(0, np.int64)


def learn_numpy(
    stripe: NDArray[Any], quiet: NDArray[np.bool_], rows: Rows, steps: Steps
) -> NDArray[np.int64]:
    """Give the same answer with NumPy alone: the fallback, and the tests' reference."""
    residual = stripe.astype(np.float32)
    residual -= rows.now_adu
    residual -= np.float32(steps.level_adu)
    moved = np.where(quiet, residual, np.float32(0))
    mean = moved * np.float32(steps.weight)
    mean += rows.now_adu
    mean += np.float32(steps.step_adu)
    rows.next_adu[:] = mean
    residual /= rows.sigma_adu
    np.square(residual, out=residual)
    residual *= np.float32(1 / steps.usual_square)
    residual -= rows.excess
    residual *= np.float32(1 / steps.noise_memory)
    rows.excess[:] += np.where(quiet, residual, np.float32(0))
    write_thresholds(rows)
    above = mean - rows.base_adu
    above -= np.float32(steps.risen_adu)
    restless = above > np.float32(steps.risen_sigma) * rows.sigma_adu
    restless |= rows.excess > np.float32(steps.restless)
    return np.flatnonzero(restless)


def write_thresholds(rows: Rows) -> None:
    """Write the thresholds that follow from the next block's baselines."""
    for values, sigmas in rows.thresholds.values():
        values[:] = threshold_rows(rows.next_adu, rows.sigma_adu, sigmas, rows.full_scale_adu)
        values[rows.masked] = MASKED
    if "look_threshold" in rows.thresholds:
        look, seed = rows.thresholds["look_threshold"][0], rows.thresholds["seed_threshold"][0]
        np.copyto(look, seed, where=rows.alone)


def _learn_scalar(  # noqa: PLR0917  (numba compiles one function best)
    stripe: Any,
    quiet: Any,
    now: Any,
    following: Any,
    base: Any,
    sigma: Any,
    excess: Any,
    masked: Any,
    alone: Any,
    seed: Any,
    growth: Any,
    look: Any,
    numbers: Any,
    restless: Any,
) -> Any:
    """One short loop for each map that is written: so each is done in vectors."""
    weight, step, level, per_usual = numbers[0], numbers[1], numbers[2], numbers[3]
    per_memory, most, risen_sigma, risen = numbers[4], numbers[5], numbers[6], numbers[7]
    seed_sigmas, growth_sigmas, look_sigmas, top = numbers[8], numbers[9], numbers[10], numbers[11]
    zero = np.float32(0)
    looks = look.shape[0] > 0
    found = np.int64(0)
    for y in range(stripe.shape[0]):
        values, still, mean, noise = stripe[y], quiet[y], now[y], sigma[y]
        target, scatter, first, marks = following[y], excess[y], base[y], restless[y]
        hidden, lone, seeds, growths = masked[y], alone[y], seed[y], growth[y]
        count = values.shape[0]
        for x in range(count):
            residual = np.float32(values[x]) - mean[x] - level
            moved = residual if still[x] else zero
            target[x] = moved * weight + mean[x] + step
        for x in range(count):
            residual = np.float32(values[x]) - mean[x] - level
            scaled = residual / noise[x]
            gained = (scaled * scaled * per_usual - scatter[x]) * per_memory
            scatter[x] += gained if still[x] else zero
        for x in range(count):
            limit = min(max(np.floor(noise[x] * seed_sigmas + target[x]), zero), top)
            seeds[x] = np.uint16(65_535) if hidden[x] else np.uint16(limit)
        for x in range(count):
            limit = min(max(np.floor(noise[x] * growth_sigmas + target[x]), zero), top)
            growths[x] = np.uint16(65_535) if hidden[x] else np.uint16(limit)
        if looks:
            looked = look[y]
            for x in range(count):
                limit = min(max(np.floor(noise[x] * look_sigmas + target[x]), zero), top)
                own = np.uint16(65_535) if hidden[x] else np.uint16(limit)
                looked[x] = seeds[x] if lone[x] else own
        number = np.int32(0)
        for x in range(count):
            above = target[x] - first[x] - risen
            is_restless = (above > risen_sigma * noise[x]) | (scatter[x] > most)
            marks[x] = is_restless
            number = np.int32(number + is_restless)
        found += number
    return found


@cache
def _kernel() -> Any:
    return compiled(_learn_scalar)
