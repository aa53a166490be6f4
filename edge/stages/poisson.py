"""Chances of counts of what comes at random (Poisson)."""

from __future__ import annotations

import math

_NEGLIGIBLE = 1e-20


def at_least(least: int, mean: float) -> float:
    """Probability of `least` events or more where `mean` are expected."""
    if least <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if least <= mean:
        return max(1.0 - sum(_exactly(k, mean) for k in range(least)), 0.0)
    term, total, k = _exactly(least, mean), 0.0, least
    while term > _NEGLIGIBLE * total and term > 0:
        total += term
        k += 1
        term *= mean / k
    return total


def limit(chance: float, mean: float) -> int:
    """Smallest count that comes up, or is surpassed, with less than this chance."""
    # Normal quantile of the chance, as a start from below: the tail of a Poisson is the longer.
    low = max(int(mean), 0)
    step = max(int(math.sqrt(mean)), 1)
    while at_least(low + step, mean) >= chance:
        low += step
    while at_least(low, mean) >= chance:
        low += 1
    return low


def _exactly(k: int, mean: float) -> float:
    return math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1))
