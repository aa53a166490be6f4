"""Numbers of crops on one scale and in few dimensions, for what measures distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXPLAINED = 0.95
MOST_DIMENSIONS = 20
_LOW, _HIGH, _SIGMAS = 0.02, 0.98, 4.0
_REACH = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Principal components of standardised numbers.

    Attributes
    ----------
    values : ndarray of float64, shape (n, dimensions)
    explained : float
        Share of the variance that they hold.
    """

    values: NDArray[np.float64]
    explained: float


def vectors_of(numbers: NDArray[Any]) -> Vectors:
    """Standardise by quantiles, and keep 95 % of the variance or 20 dimensions.

    Some numbers have long tails: the span from the 2nd to the 98th percentile is taken for 4
    standard deviations, and nothing lies farther out than 4 of these, so that no single crop makes
    an axis of its own. What is the same for nearly all crops is left out.

    Parameters
    ----------
    numbers : ndarray, shape (n, k)

    Returns
    -------
    Vectors
        Without a dimension where all crops are alike.
    """
    told = np.asarray(numbers, np.float64)
    low, middle, high = np.quantile(told, [_LOW, 0.5, _HIGH], axis=0)
    span = high - low
    differ = span > 1e-9 * np.maximum(np.abs(middle), 1e-9)
    scaled = (told - middle)[:, differ] / (span[differ] / _SIGMAS)
    scaled = np.clip(scaled, -_REACH, _REACH)
    scaled -= scaled.mean(axis=0)
    if not scaled.size:
        return Vectors(np.zeros((len(told), 0)), 0.0)
    _, singular, axes = np.linalg.svd(scaled, full_matrices=False)
    held = np.cumsum(singular**2) / max(float((singular**2).sum()), 1e-300)
    count = min(int(np.searchsorted(held, EXPLAINED)) + 1, MOST_DIMENSIONS, len(held))
    return Vectors(scaled @ axes[:count].T, float(held[count - 1]))
