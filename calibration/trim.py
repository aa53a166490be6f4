"""What leaving out the largest values does to a mean and a standard deviation.

For normal noise the mean of the `n - t` smallest of `n` values is too low and their spread too
small. Both effects are known numbers, computed here from the densities of the order statistics
(David & Nagaraja, Order Statistics, 3rd ed., eq. 2.1.6) on a fixed grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

LOWER_SHARE = 0.8
"""Of the pixels of like mean, those whose spreads say what noise they share."""

_SAMPLES = 40_000


@dataclass(frozen=True, slots=True)
class TrimBias:
    """Corrections for normal noise of unit variance.

    Attributes
    ----------
    mean : float
        Expected mean of the kept values (negative: the largest are gone).
    variance : float
        Expected sample variance (divisor kept - 1) of the kept values.
    """

    mean: float
    variance: float


def values_to_drop(count: int, most: int = 4) -> int:
    """How many of `count` values to leave out: a fifth, at least one, at most `most`."""
    return max(1, min(most, count // 5))


@cache
def trim_bias(count: int, dropped: int) -> TrimBias:
    """Bias of mean and variance when the `dropped` largest of `count` normal values are left out.

    Exact up to the grid (better than 1e-4), except that the covariance of the kept order
    statistics enters through the variance of the top ones, taken as independent of the rest:
    for `count` up to 40 the variance is averaged over a fixed-seed sample instead.
    """
    kept = count - dropped
    if kept < 2:
        raise ValueError(f"{count} frames less {dropped} leave fewer than two")
    if count <= 40:
        return _sampled(count, dropped)
    first, second = _moments_of_largest(count, dropped)
    mean = -first / kept
    # E[sum x^2] of all is `count`; E[(sum x)^2] of the kept is close to kept + (their mean sum)^2.
    variance = ((count - second) - kept * mean * mean - 1.0) / (kept - 1)
    return TrimBias(mean, variance)


def mean_of_lower(values: NDArray[np.float64]) -> float:
    """Mean of the lower `LOWER_SHARE` of `values`, at least of one."""
    kept = max(1, round(LOWER_SHARE * values.size))
    return float(np.partition(values, kept - 1)[:kept].mean())


@cache
def lower_mean_square(count: int, dropped: int) -> float:
    """Mean square of the lower `LOWER_SHARE` of spreads, for normal noise of unit variance.

    Of spreads corrected by `trim_bias`, from a fixed-seed sample. Beyond 40 values the few that
    are left out no longer change the distribution: chi-square over its degrees of freedom.
    """
    if count > 40:
        degrees = count - dropped - 1
        squares = np.random.default_rng(20260102).chisquare(degrees, _SAMPLES) / degrees
    else:
        squares = _kept(count, dropped).var(axis=1, ddof=1) / trim_bias(count, dropped).variance
    return mean_of_lower(squares)


def _kept(count: int, dropped: int) -> NDArray[np.float64]:
    sample = np.random.default_rng(20260101).standard_normal((_SAMPLES, count))
    sample.sort(axis=1)
    return sample[:, : count - dropped]


def _sampled(count: int, dropped: int) -> TrimBias:
    kept = _kept(count, dropped)
    return TrimBias(float(kept.mean()), float(kept.var(axis=1, ddof=1).mean()))


def _moments_of_largest(count: int, dropped: int) -> tuple[float, float]:
    """Sum of E[x] and of E[x^2] over the `dropped` largest of `count` normal values."""
    x = np.linspace(-9.0, 9.0, 36_001)
    log_density = -0.5 * x * x - 0.5 * math.log(2 * math.pi)
    erfc = np.array([math.erfc(v / math.sqrt(2)) for v in x[::10]])
    upper = np.exp(np.interp(x, x[::10], np.log(np.maximum(0.5 * erfc, 1e-300))))
    lower = upper[::-1]
    first = second = 0.0
    for above in range(dropped):
        below = count - 1 - above
        log_weight = math.lgamma(count + 1) - math.lgamma(below + 1) - math.lgamma(above + 1)
        density = np.exp(log_weight + below * np.log(lower) + above * np.log(upper) + log_density)
        first += float(np.trapezoid(x * density, x))
        second += float(np.trapezoid(x * x * density, x))
    return first, second
