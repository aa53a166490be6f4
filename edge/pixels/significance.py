"""Looked-at pixels judged with their neighbours: which of them are seeds of a cluster."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.cluster import CORNER, PENALTY, SIDE, ClusterRule
from calibration.jit import numba_available
from calibration.linked import linked
from calibration.model import Calibration
from edge.pixels.memory import as_map
from edge.pixels.packing import value_at
from edge.pixels.picture import Readable, raw

_CENTRE = 4
_ROUND = 8
_AROUND = np.array([0, 1, 2, 3, 5, 6, 7, 8])
"""The neighbours of a pixel among the nine in raster order."""


def significant(
    pixels: Readable, looked: NDArray[np.int64], calibration: Calibration, rule: ClusterRule
) -> NDArray[np.int64]:
    """Seeds among the pixels above the look threshold, and what belongs to them.

    A pixel above its own seed threshold is one. So is a pixel that is the brightest of its
    neighbourhood in units of its noise, where one of the two statistics of `calibration.cluster`
    is above its limit; the neighbours that the pattern statistic counts are seeds with it.
    Neighbours that are masked or not to be used (their look threshold is not below their seed
    threshold) or outside the frame count as 0.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)
        At the calibration's level.
    looked : ndarray of int64
        Flat indices of the pixels above the look threshold, ascending.
    calibration : Calibration
        With a look threshold.
    rule : ClusterRule

    Returns
    -------
    ndarray of int64
        Flat indices, ascending, each once.
    """
    return Significance(calibration, rule).seeds(pixels, looked)


class Significance:
    """The rule and the maps of a calibration, as the kernel takes them; see `significant`."""

    def __init__(self, calibration: Calibration, rule: ClusterRule) -> None:
        look = calibration.look_threshold
        self._given: tuple[NDArray[Any], ...] | None = None
        if look is not None:
            maps = (
                calibration.seed_threshold,
                look,
                calibration.mean_adu,
                calibration.sigma_adu,
                calibration.hot,
            )
            given: tuple[NDArray[Any], ...] = (*maps, *_numbers(rule))
            self._given = tuple(as_map(values) for values in given)

    def seeds(self, pixels: Readable, looked: NDArray[np.int64]) -> NDArray[np.int64]:
        """Flat indices, ascending, each once."""
        if self._given is None or not len(looked):
            return looked
        if numba_available():
            found = _kernel()(*raw(pixels), looked, *self._given)
        else:
            found = significant_numpy(pixels, looked, *self._given)
        once: NDArray[np.int64] = np.unique(found) if len(found) > 1 else found
        return once


def constants(rule: ClusterRule) -> NDArray[np.float32]:
    """Numbers of a rule as both paths take them, float32 so that they agree to the last bit."""
    scales = (rule.stretch, rule.stretch * rule.hot_stretch)
    limits = (rule.pattern_limit, rule.spot_limit)
    return np.array([*scales, *limits, SIDE, CORNER, PENALTY], np.float32)


@lru_cache(maxsize=16)
def _numbers(rule: ClusterRule) -> tuple[NDArray[np.float32], ...]:
    return constants(rule), *rule.pattern_terms()


def significant_compiled(
    pixels: Readable,
    looked: NDArray[np.int64],
    *maps_and_numbers: NDArray[Any],
) -> NDArray[np.int64]:
    """Seeds, and what belongs to them, in no order and some twice; as `significant_numpy`."""
    given = map(as_map, maps_and_numbers)
    found: NDArray[np.int64] = _kernel()(*raw(pixels), looked, *given)
    return found


def significant_numpy(  # noqa: PLR0917  (as the compiled one, which takes no keywords)
    pixels: Readable,
    looked: NDArray[np.int64],
    seed: NDArray[np.uint16],
    look: NDArray[np.uint16],
    mean_adu: NDArray[np.float32],
    sigma_adu: NDArray[np.float32],
    hot: NDArray[np.bool_],
    numbers: NDArray[np.float32],
    foretold: NDArray[np.float32],
    weight: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Give the same answer with NumPy alone: the fallback, and the tests' reference."""
    scale, hot_scale, pattern_limit, spot_limit, side, corner, penalty = numbers
    height, width = pixels.shape
    y, x = np.divmod(looked, width)
    single = pixels[y, x] > seed[y, x]
    rows = y[:, None] + np.repeat([-1, 0, 1], 3)
    cols = x[:, None] + np.tile([-1, 0, 1], 3)
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    at = (np.clip(rows, 0, height - 1), np.clip(cols, 0, width - 1))
    usable = inside & (look[at] < seed[at])
    noise = sigma_adu[at] * np.where(hot[at], hot_scale, scale)
    z = (pixels[at].astype(np.float32) - mean_adu[at]) / noise
    z = np.where(usable, z, np.float32(0))
    centre = z[:, _CENTRE]
    # Of equally bright ones the first is the brightest.
    brightest = (z[:, :_CENTRE] < centre[:, None]).all(axis=1)
    brightest &= (z[:, _CENTRE + 1 :] <= centre[:, None]).all(axis=1)
    spot = centre + side * (((z[:, 1] + z[:, 3]) + z[:, 5]) + z[:, 7])
    spot = spot + corner * (((z[:, 0] + z[:, 2]) + z[:, 6]) + z[:, 8])
    order = np.argsort(-z[:, _AROUND], axis=1, kind="stable")
    ranked = np.take_along_axis(z[:, _AROUND], order, axis=1)
    pattern, before = centre * centre, centre
    counted = np.zeros((len(looked), _ROUND), np.bool_)
    going = np.ones(len(looked), np.bool_)
    for j in range(_ROUND):
        above = ranked[:, j] - foretold[j + 1] * before
        share = (above * above) * weight[j + 1]
        going &= (above > 0) & (share > penalty)
        pattern = np.where(going, pattern + (share - penalty), pattern)
        before = before + ranked[:, j]
        counted[:, j] = going
    cluster = ~single & usable[:, _CENTRE] & brightest
    cluster &= (pattern > pattern_limit) | (spot > spot_limit)
    chosen = counted[cluster]
    places = _AROUND[order[cluster]]
    near = looked[cluster][:, None] + (places // 3 - 1) * width + (places % 3 - 1)
    return np.concatenate([looked[single], looked[cluster], near[chosen]])


def _significant_scalar(  # noqa: PLR0912, PLR0915, PLR0917  (numba compiles one function best)
    rows: Any,
    layout: Any,
    shift_adu: int,
    looked: Any,
    seed: Any,
    look: Any,
    mean_adu: Any,
    sigma_adu: Any,
    hot: Any,
    numbers: Any,
    foretold: Any,
    weight: Any,
) -> Any:
    height, width = seed.shape
    found = np.empty(9 * looked.shape[0], np.int64)
    count = 0
    z = np.empty(9, np.float32)
    order = np.empty(8, np.int64)
    for flat in looked:
        y = flat // width
        x = flat % width
        if value_at(rows, layout, shift_adu, y, x) > seed[y, x]:
            found[count] = flat
            count += 1
            continue
        if look[y, x] >= seed[y, x]:
            continue
        for k in range(9):
            ny = y + k // 3 - 1
            nx = x + k % 3 - 1
            z[k] = np.float32(0)
            if 0 <= ny < height and 0 <= nx < width and look[ny, nx] < seed[ny, nx]:
                scale = numbers[1] if hot[ny, nx] else numbers[0]
                noise = sigma_adu[ny, nx] * scale
                value = value_at(rows, layout, shift_adu, ny, nx)
                z[k] = (np.float32(value) - mean_adu[ny, nx]) / noise
        centre = z[4]
        brightest = True
        for k in range(9):
            if (k < 4 and z[k] >= centre) or z[k] > centre:
                brightest = False
        if not brightest:
            continue
        spot = centre + numbers[4] * (((z[1] + z[3]) + z[5]) + z[7])
        spot = spot + numbers[5] * (((z[0] + z[2]) + z[6]) + z[8])
        for k in range(8):  # by brightness, equal ones as they lie
            place = k if k < 4 else k + 1
            j = k
            while j > 0 and z[order[j - 1]] < z[place]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = place
        pattern = centre * centre
        before = centre
        counted = 0
        for j in range(8):
            value = z[order[j]]
            above = value - foretold[j + 1] * before
            share = (above * above) * weight[j + 1]
            if above <= np.float32(0) or share <= numbers[6]:
                break
            pattern = pattern + (share - numbers[6])
            before = before + value
            counted += 1
        if pattern > numbers[2] or spot > numbers[3]:
            found[count] = flat
            count += 1
            for j in range(counted):
                found[count] = (y + order[j] // 3 - 1) * width + x + order[j] % 3 - 1
                count += 1
    return found[:count].copy()


@cache
def _kernel() -> Any:
    return linked(_significant_scalar, value_at=value_at)
