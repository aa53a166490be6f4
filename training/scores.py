"""How good a classifier is: accuracies with intervals, confusion, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from training.bootstrap import (
    DRAWS,
    Drawn,
    GroupDraws,
    interval,
    mean_known,
    mirrored_interval,
    ratio,
)

ARTEFACT = CLASSES.index("artefact")
SURE = 0.9
BINS = 15


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
    counts, told, true = calibration_bins(top, right)
    return float(np.abs(told - true).sum() / counts.sum())


def calibration_bins(
    top: NDArray[Any], right: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each of 15 bins of equal width: rows, sum of largest scores, rows that are right."""
    bins = _bin_of(top)
    return (
        np.asarray(np.bincount(bins, minlength=BINS), np.int64),
        np.asarray(np.bincount(bins, top, BINS), np.float64),
        np.asarray(np.bincount(bins, right, BINS), np.float64),
    )


def _bin_of(top: NDArray[Any]) -> NDArray[np.int64]:
    return np.minimum((top * BINS).astype(np.int64), BINS - 1)


def confusion(predicted: NDArray[Any], label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts, shape (4, 4): the true class down, the called one across."""
    counts = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    np.add.at(counts, (label, predicted.argmax(axis=1)), 1)
    return counts


def group_interval(
    values: NDArray[Any], group: Sequence[str], *, seed: int = 0, draws: int = DRAWS
) -> tuple[float, float]:
    """95 % interval of a mean, by drawing whole groups again and again."""
    rows = np.stack([values, np.ones(len(values))], axis=1)
    totals = GroupDraws(group, seed=seed, draws=draws).totals(rows)
    return interval(ratio(totals[:, 0], totals[:, 1]))


def drawn_scores(
    predicted: NDArray[Any],
    label: NDArray[np.int64],
    confident: NDArray[np.bool_],
    draws: GroupDraws,
) -> dict[str, Drawn]:
    """Every figure of `Scores` in every draw of groups, as the mean over repeats.

    Parameters
    ----------
    predicted : ndarray, shape (repeats, n, 4)
        Of rows that all have a label.
    label, confident : ndarray, shape (n,)
    draws : GroupDraws
        Of these rows.

    Returns
    -------
    dict of str to ndarray, shape (draws,)
        By the names of `Scores`.
    """
    repeats, rows = predicted.shape[:2]
    best, top = predicted.argmax(axis=2), predicted.max(axis=2)
    right, sure = best == label, top > SURE
    gap = np.zeros((repeats, rows, BINS))
    np.put_along_axis(gap, _bin_of(top)[..., np.newaxis], (top - right)[..., np.newaxis], axis=2)
    columns = [
        np.ones((1, rows)),
        right.mean(axis=0, keepdims=True),
        confident[np.newaxis],
        (right & confident).mean(axis=0, keepdims=True),
        ((best == ARTEFACT) == (label == ARTEFACT)).mean(axis=0, keepdims=True),
        sure,
        sure & right,
        gap.transpose(0, 2, 1).reshape(repeats * BINS, rows),
    ]
    ends = np.cumsum([len(one) for one in columns])[:-1]
    totals = draws.totals(np.concatenate(columns).T)
    count, hit, agreed, agreed_hit, told_apart, kept, kept_hit, off = np.split(totals, ends, axis=1)
    error = np.abs(off.reshape(draws.draws, repeats, BINS)).sum(axis=2) / count
    return {
        "all": ratio(hit, count)[:, 0],
        "confident": ratio(agreed_hit, agreed)[:, 0],
        "artefact": ratio(told_apart, count)[:, 0],
        "sure": mean_known(ratio(kept_hit, kept), axis=1),
        "sure_kept": mean_known(ratio(kept, count), axis=1),
        "ece": mean_known(error, axis=1),
    }


def score_intervals(mean: Scores, drawn: Mapping[str, Drawn]) -> dict[str, tuple[float, float]]:
    """95 % intervals of the figures whose draws `drawn_scores` gave."""
    return {
        key: mirrored_interval(mean.ece, one) if key == "ece" else interval(one)
        for key, one in drawn.items()
    }


def _share(hit: NDArray[np.bool_]) -> float:
    return float(hit.mean()) if hit.size else float("nan")
