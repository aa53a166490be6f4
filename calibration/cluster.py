"""When a pixel and its neighbours are too bright together to be noise.

A particle that lights several pixels shows in all of them, noise in one. A pixel well above its
noise, but below the threshold it would trigger at alone, is therefore looked at together with its
eight neighbours, all in units of their own noise (z). Two statistics, each with its own limit:

- *pattern*: z0^2 + sum of (z^2 - 4) over the neighbours with z > 2, the logarithm of the
  likelihood ratio of "these pixels are lit, however brightly" to "noise", less a price for each
  pixel chosen (the generalised likelihood ratio with a penalty; Foster & George (1994), Ann.
  Statist. 22, 1947). It finds pairs, lines and blocks of like brightness.
- *spot*: the matched filter for a spot a little wider than a pixel, linear in z. It finds what
  spills little into each of many neighbours.

For normal noise the probability of both follows from the one of z, without simulation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from calibration.tail import normal_tail

PENALTY = 4.0
"""Price of a neighbour in the pattern statistic: it counts from 2 sigma on."""

SIDE, CORNER = 0.2, 0.05
"""Weights of the neighbours in the spot statistic; 1 is the centre's."""

NEIGHBOURS = 8
CLUSTER_SHARE = 0.25
"""Of the wanted false triggers; the rest is for single pixels, which it costs 0.04 sigma."""

_PATTERN_SHARE = 0.6
_LOOK_SHARE = 0.64
_LEAST_LOOK_SIGMA, _MOST_LOOK_SIGMA = 3.5, 4.5
_LEAST_SINGLE_SIGMA = 4.5
"""Where single pixels trigger below, there is nothing to gain from their neighbours."""

_WEIGHTS_SQUARE = 1 + 4 * (SIDE**2 + CORNER**2)
_WEIGHTS_SUM = 1 + 4 * (SIDE + CORNER)
_STEP, _REACH = 0.1, 40.0
_CENTRES, _SPOT_STEPS, _SPOT_REACH = 32, 400, 5.0


@dataclass(frozen=True, slots=True)
class ClusterRule:
    """Limits of the two statistics.

    Attributes
    ----------
    look_sigma : float
        From here on a pixel is looked at, in units of its noise (the tail's stretch included).
    pattern_limit, spot_limit : float
        A cluster triggers when its statistic is above.
    stretch, hot_stretch : float
        The noise of a pixel counts as so many times wider; hot pixels' by both factors.
    correlation : float
        Of the noise of neighbouring pixels, 0 or more.
    false_probability : float
        That noise alone makes a cluster trigger at a pixel in one frame.
    """

    look_sigma: float
    pattern_limit: float
    spot_limit: float
    stretch: float = 1.0
    hot_stretch: float = 1.0
    correlation: float = 0.0
    false_probability: float = 0.0

    def pattern_terms(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the brighter pixels foretell of the next one, and what its surprise counts.

        For noise that is equally correlated between all nine pixels: the j-th in order of
        brightness is expected at `foretold[j]` times the sum of those before, and the square of
        what it lies above counts `weight[j]` times (the conditional normal distribution). Where
        the true correlation is less, the statistic is less too.

        Returns
        -------
        foretold, weight : ndarray of float32, shape (9,)
            For j = 0 (the centre): 0 and 1.
        """
        rho = self.correlation
        before = np.arange(NEIGHBOURS + 1, dtype=np.float64)
        foretold = rho / (1 + (before - 1) * rho)
        weight = (1 + (before - 1) * rho) / ((1 - rho) * (1 + before * rho))
        foretold[0], weight[0] = 0.0, 1.0
        return foretold.astype(np.float32), weight.astype(np.float32)


def cluster_rule(
    single_sigma: float,
    false_probability: float,
    *,
    stretch: float = 1.0,
    hot_stretch: float = 1.0,
    correlation: float = 0.0,
) -> ClusterRule | None:
    """Limits that noise exceeds with a probability; None where single pixels trigger so early.

    Parameters
    ----------
    single_sigma : float
        Threshold of a single pixel in units of its noise, the tail's stretch included.
    false_probability : float
        Wanted, at each pixel in each frame, beside that of single pixels.
    stretch, hot_stretch, correlation : float
        See `ClusterRule`.
    """
    single = single_sigma / stretch
    if single < _LEAST_SINGLE_SIGMA:
        return None
    look = look_sigma(single)
    pattern, spot = _limits(round(look, 6), round(single, 6), false_probability)
    # The noise of a sum of pixels of like correlation.
    spread = math.sqrt(1 + correlation * (_WEIGHTS_SUM**2 / _WEIGHTS_SQUARE - 1))
    return ClusterRule(
        look_sigma=look * stretch,
        pattern_limit=round(pattern, 4),
        spot_limit=round(spot * spread * math.sqrt(_WEIGHTS_SQUARE), 4),
        stretch=stretch,
        hot_stretch=hot_stretch,
        correlation=correlation,
        false_probability=false_probability,
    )


def look_sigma(single_sigma: float) -> float:
    """From where on a pixel is looked at: rarely, and no cluster is below by much."""
    return min(max(_LOOK_SHARE * single_sigma, _LEAST_LOOK_SIGMA), _MOST_LOOK_SIGMA)


@cache
def _limits(look: float, most: float, probability: float) -> tuple[float, float]:
    pattern = _solved(pattern_tail(look, most), _PATTERN_SHARE * probability, look * look)
    spot = _solved(
        lambda limit: spot_probability(limit, look, most), (1 - _PATTERN_SHARE) * probability, look
    )
    return pattern, spot


def _solved(probability: Callable[[float], float], wanted: float, least: float) -> float:
    """Limit where a falling function of it is `wanted`."""
    low, high = least, 4 * least
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if probability(middle) > wanted else (low, middle)
    return high


def spot_probability(limit: float, look: float, most: float) -> float:
    """Probability that the spot statistic, in units of its noise, is above `limit`.

    Of normal noise at one pixel, together with `look` < z of the centre <= `most`. The local
    maximum that the trigger asks for takes away next to nothing.
    """
    shared = 1 / math.sqrt(_WEIGHTS_SQUARE)
    rest = math.sqrt(1 - shared * shared)
    step = _SPOT_REACH / _SPOT_STEPS
    total = 0.0
    for i in range(_SPOT_STEPS):
        s = limit + (i + 0.5) * step
        inside = normal_tail((look - shared * s) / rest) - normal_tail((most - shared * s) / rest)
        total += _density(s) * inside * step
    return total


def pattern_tail(look: float, most: float) -> Callable[[float], float]:
    """Make the function that gives the probability of a pattern statistic above its argument.

    Of normal noise at one pixel that is brighter than its neighbours, together with
    `look` < z of the centre <= `most`. The excesses (z^2 - 4) of the eight neighbours are
    independent, so that the distribution of their sum is an eightfold convolution, made here on
    a grid for each of a few brightnesses of the centre.
    """
    cells = math.ceil((4 * look * look + _REACH) / _STEP)
    edges = np.sqrt(PENALTY + _STEP * np.arange(cells + 1))
    above = np.array([normal_tail(float(edge)) for edge in edges])
    mass = above[:-1] - above[1:]
    width = (most - look) / _CENTRES
    centres = look + (np.arange(_CENTRES) + 0.5) * width
    tails = [_sum_tail(mass, math.ceil((c * c - PENALTY) / _STEP)) for c in centres.tolist()]
    densities = [_density(c) * width for c in centres.tolist()]

    def probability(limit: float) -> float:
        total: float = sum(
            density * _at(tail, limit - c * c)
            for density, tail, c in zip(densities, tails, centres.tolist(), strict=True)
        )
        return total

    return probability


def _sum_tail(mass: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Probability that the sum of eight excesses is at or above each point of the grid.

    `reach`: no neighbour is brighter than the centre.
    """
    one = np.zeros(len(mass) + 1)
    kept = mass[:reach]
    one[: len(kept)] += kept / 2  # a cell's mass lies between its two edges
    one[1 : len(kept) + 1] += kept / 2
    one[0] += 1 - normal_tail(math.sqrt(PENALTY))
    for _ in range(3):
        one = np.convolve(one, one)[: len(one)]
    return np.cumsum(one[::-1])[::-1]


def _at(tail: NDArray[np.float64], value: float) -> float:
    """Tail between two points of the grid: it falls by the same factor all the way."""
    if value <= 0:
        return 1.0
    place = value / _STEP + 0.5  # half a step on: the mass of a point lies around it
    below = min(int(place), len(tail) - 2)
    low, high = float(tail[below]), float(tail[below + 1])
    if high <= 0:
        return low
    return low * math.exp((place - below) * math.log(high / low))


def _density(sigma: float) -> float:
    return math.exp(-0.5 * sigma * sigma) / math.sqrt(2 * math.pi)
