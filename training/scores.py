"""How good a classifier is: accuracies with intervals, confusion, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES

ARTEFACT = CLASSES.index("artefact")
SURE = 0.9
_BINS = 15


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one set of predictions for labelled rows.

    Attributes
    ----------
    all, confident : float
        Share of the rows, and of those people agreed on, with the right class.
    artefact : float
        Share that is rightly called artefact or no artefact.
    sure : float
        Share that is right of those with a score above 0.9; `sure_kept` is how many these are.
    ece : float
        Expected calibration error of the largest score, 15 bins of equal width.
    """

    all: float
    confident: float
    artefact: float
    sure: float
    sure_kept: float
    ece: float


def scores_of(
    predicted: NDArray[Any], label: NDArray[np.int64], confident: NDArray[np.bool_]
) -> Scores:
    """Judge predictions of shape (n, 4) of rows that all have a label."""
    best = predicted.argmax(axis=1)
    right = best == label
    top = predicted.max(axis=1)
    sure = top > SURE
    return Scores(
        all=_share(right),
        confident=_share(right[confident]),
        artefact=_share((best == ARTEFACT) == (label == ARTEFACT)),
        sure=_share(right[sure]),
        sure_kept=_share(sure),
        ece=calibration_error(top, right),
    )


def calibration_error(top: NDArray[Any], right: NDArray[np.bool_]) -> float:
    """Expected calibration error (Naeini, Cooper and Hauskrecht, AAAI 2015)."""
    if not len(top):
        return float("nan")
    bins = np.minimum((top * _BINS).astype(np.int64), _BINS - 1)
    counts = np.bincount(bins, minlength=_BINS)
    told = np.bincount(bins, top, _BINS)
    true = np.bincount(bins, right, _BINS)
    return float(np.abs(told - true).sum() / counts.sum())


def confusion(predicted: NDArray[Any], label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts, shape (4, 4): the true class down, the called one across."""
    counts = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    np.add.at(counts, (label, predicted.argmax(axis=1)), 1)
    return counts


def group_interval(
    values: NDArray[Any], group: Sequence[str], *, seed: int = 0, draws: int = 2000
) -> tuple[float, float]:
    """95 % interval of a mean, by drawing whole groups again and again.

    Crops of one device stand and fall together: drawing them one by one would make the interval
    several times too narrow.
    """
    _, member = np.unique(np.asarray(group), return_inverse=True)
    sums, counts = np.bincount(member, values), np.bincount(member)
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(sums), (draws, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _share(hit: NDArray[np.bool_]) -> float:
    return float(hit.mean()) if hit.size else float("nan")
