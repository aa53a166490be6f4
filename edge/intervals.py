"""Confidence intervals of counts, in the standard library alone: SciPy is too heavy for a rig."""

from __future__ import annotations

import math
from statistics import NormalDist

CONFIDENCE = 0.95
_NORMAL = NormalDist()
_NEGLIGIBLE = 1e-17


def wilson(found: int, tried: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Score interval of a proportion, two-sided.

    The interval of E. B. Wilson (J. Am. Stat. Assoc. 22, 209, 1927), which Brown, Cai and
    DasGupta (Stat. Sci. 16, 101, 2001) recommend: its coverage stays close to the stated one
    down to a few trials and at proportions of 0 and 1, and it has a closed form.

    Parameters
    ----------
    found, tried : int
        Successes and trials.
    confidence : float
        Share of repetitions in which the interval holds the truth.

    Returns
    -------
    low, high : float
        (0, 1) without a trial.
    """
    if not 0 <= found <= tried:
        raise ValueError(f"{found} of {tried} is no proportion")
    if tried == 0:
        return 0.0, 1.0
    z = _NORMAL.inv_cdf(0.5 + confidence / 2)
    share, weight = found / tried, z * z / tried
    middle = share + weight / 2
    half = z * math.sqrt(share * (1 - share) / tried + weight / (4 * tried))
    low = 0.0 if found == 0 else max((middle - half) / (1 + weight), 0.0)
    high = 1.0 if found == tried else min((middle + half) / (1 + weight), 1.0)
    return low, high


def poisson_upper(count: int, confidence: float = CONFIDENCE) -> float:
    """Exact one-sided upper limit of a Poisson mean: the classical limit without background.

    The mean at which `count` or fewer events come with probability 1 - `confidence` (F. Garwood,
    Biometrika 28, 437, 1936): 2.996 for none at 95 %.
    """
    if count < 0:
        raise ValueError(f"{count} is no count")
    tail = 1 - confidence
    low, high = float(count), count + 10 * math.sqrt(count + 1) + 20
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if poisson_cdf(count, middle) > tail else (low, middle)
    return high


def poisson_cdf(count: int, mean: float) -> float:
    """Probability of `count` or fewer events, for a mean at or above `count`.

    Summed from the largest term downwards until terms no longer matter: about sqrt(count) terms.
    """
    if mean <= 0:
        return 1.0
    term = total = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    for number in range(count, 0, -1):
        term *= number / mean
        total += term
        if term < _NEGLIGIBLE * total:
            break
    return min(total, 1.0)
