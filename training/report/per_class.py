"""Statistics of each class, and how near scores are to what judges voted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from training.bootstrap import interval, mean_known, ratio
from training.labelled import LabelledCrops
from training.report.labelled_answers import Answers

FLOOR = 1e-3
"""Scores below it count as this much in a divergence, which one 0 would make infinite."""

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Of one class and one method; NaN where nothing tells.

    Attributes
    ----------
    name : str
    crops, groups, confident : int
        Rows that have this label, groups they are in, and rows nearly all judges agreed on.
    called : float
        Rows given this class, mean over repeats.
    precision, recall, f1 : float
        Of all repeats together.
    intervals : dict of str to (float, float)
        95 % of these three, groups drawn.
    auc : float
        Area under the ROC curve of this class against the rest, mean over repeats.
    mean_score, share : float
        Mean score of this class over all rows, and the share of rows that have it.
    brier : float
        Mean squared difference of score and 1 or 0.
    vote_error : float
        Mean squared difference of score and judges' share, over all rows that were voted on.
    divergence : float
        Mean Kullback-Leibler divergence of scores from votes, in nats, of rows of this label.
    """

    name: str
    crops: int
    groups: int
    confident: int
    called: float
    precision: float
    recall: float
    f1: float
    intervals: dict[str, Pair]
    auc: float
    mean_score: float
    share: float
    brier: float
    vote_error: float
    divergence: float

    def to_json(self) -> dict[str, Any]:
        """Figures alone."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Over all classes.

    Attributes
    ----------
    brier : float
        Sum over classes (G. W. Brier, Mon. Weather Rev. 78 (1950) 1): 0 to 2.
    vote_error : float
        Mean squared difference of scores and votes.
    divergence : float
        Mean Kullback-Leibler divergence of scores from votes, in nats.
    rows : int
        With votes, with or without a label.
    """

    brier: float
    vote_error: float
    divergence: float
    rows: int


def class_figures(crops: LabelledCrops, answers: Answers) -> list[ClassFigures]:
    """Judge a method class by class."""
    truth, predicted = answers.truth, answers.predicted
    groups = np.array(crops.group)[truth.rows] if len(truth.rows) else np.array([])
    errors = _vote_errors(crops, answers)
    divergence = _divergences(crops, answers)[truth.rows]
    made = []
    for i, name in enumerate(CLASSES):
        mine, called, scores = truth.label == i, answers.called == i, predicted[:, :, i]
        hits = (called & mine).mean(axis=0)
        columns = np.stack([hits, called.mean(axis=0), mine], axis=1)
        rates = _rates(columns.sum(axis=0)[np.newaxis])
        drawn = _rates(truth.draws.totals(columns))
        precision, recall, f1 = (float(one[0]) for one in rates.values())
        made.append(
            ClassFigures(
                name=name,
                crops=int(mine.sum()),
                groups=len(np.unique(groups[mine])),
                confident=int((mine & truth.confident).sum()),
                called=float(columns[:, 1].sum()),
                precision=precision,
                recall=recall,
                f1=f1,
                intervals={key: interval(one) for key, one in drawn.items()},
                auc=float(mean_known(np.array([area_under_roc(one, mine) for one in scores]))),
                mean_score=_mean(scores),
                share=_mean(mine),
                brier=_mean((scores - mine) ** 2),
                vote_error=_mean(errors[:, i]),
                divergence=_mean(divergence[mine]),
            )
        )
    return made


def agreement(crops: LabelledCrops, answers: Answers, classes: Sequence[ClassFigures]) -> Agreement:
    """Judge a method over all classes."""
    return Agreement(
        brier=float(sum(one.brier for one in classes)),
        vote_error=_mean(_vote_errors(crops, answers)),
        divergence=_mean(_divergences(crops, answers)),
        rows=len(crops),
    )


def area_under_roc(scores: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """Chance that one of the class has a larger score than another, equal ones counting half.

    The statistic of H. B. Mann and D. R. Whitney, Ann. Math. Stat. 18 (1947) 50.
    """
    count, rest = int(positive.sum()), int((~positive).sum())
    if not count or not rest:
        return float("nan")
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(ties) - (ties - 1) / 2)[place]
    return float((rank[positive].sum() - count * (count + 1) / 2) / (count * rest))


def _rates(totals: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """Precision, recall and F1 of hits, called and labelled rows, shape (…, 3)."""
    hits, called, mine = totals.T
    return {
        "precision": ratio(hits, called),
        "recall": ratio(hits, mine),
        "f1": ratio(2 * hits, called + mine),
    }


def _vote_errors(crops: LabelledCrops, answers: Answers) -> NDArray[np.float64]:
    """Of every row and class, labelled or not, mean over repeats."""
    return np.asarray(((answers.compared.predicted - crops.votes) ** 2).mean(axis=0))


def _divergences(crops: LabelledCrops, answers: Answers) -> NDArray[np.float64]:
    """Of every row, labelled or not, mean over repeats."""
    scores = np.maximum(answers.compared.predicted, FLOOR)
    scores = scores / scores.sum(axis=2, keepdims=True)
    votes = crops.votes.astype(np.float64)
    sure = np.where(votes > 0, votes, 1.0)
    return np.asarray((votes * np.log(sure / scores)).sum(axis=2).mean(axis=0))


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else float("nan")
