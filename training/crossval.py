"""Methods beside one another in the same folds, on groups that none of them was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import GroupDraws, mean_known
from training.copies import Copies
from training.folds import group_folds
from training.labelled import LabelledCrops
from training.scores import Scores, confusion, drawn_scores, score_intervals, scores_of

Told = Callable[[str], None]
Rows = NDArray[np.int64]


class Method(Protocol):
    """Learns from some rows and gives others scores."""

    @property
    def name(self) -> str:
        """For the table."""

    def scores(self, given: Given, train: Rows, test: Rows, seed: int) -> NDArray[Any]:
        """Train on some rows; scores of others, shape (len(test), 4)."""


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What every method may use: the crops, and their copies and numbers, made once for all.

    Attributes
    ----------
    crops : LabelledCrops
    copies : Copies
    judged : int, optional
        So many of the first are judged; those behind them are only ever trained on. None: all.
    asked : ndarray of float32, shape (n, numbers), optional
        Numbers that are judged instead of the crops' own, such as those on another ground.
    """

    crops: LabelledCrops
    copies: Copies
    judged: int | None = None
    asked: NDArray[np.float32] | None = None

    def told_of(self, test: Rows) -> NDArray[np.float32]:
        """Numbers of the rows to be judged."""
        return (self.copies.told[0] if self.asked is None else self.asked)[test]

    @property
    def to_judge(self) -> Given:
        """The crops that are judged alone."""
        if self.judged is None:
            return self
        rows = np.arange(self.judged)
        return Given(self.crops.take(rows), self.copies.take(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What a method reached.

    Attributes
    ----------
    name : str
    mean : Scores
        Over all repeats.
    intervals : dict of str to (float, float)
        95 %, groups drawn, of each figure of `mean`.
    confusion : ndarray of int64, shape (4, 4)
        Of all repeats together.
    predicted : ndarray, shape (repeats, n, 4)
        For every row, by a net that did not see its group.
    """

    name: str
    mean: Scores
    intervals: dict[str, tuple[float, float]]
    confusion: NDArray[np.int64]
    predicted: NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        """Figures alone."""
        return {
            **{key: round(value, 4) for key, value in asdict(self.mean).items()},
            "intervals": {
                key: [round(one, 4) for one in pair] for key, pair in self.intervals.items()
            },
            "confusion": self.confusion.tolist(),
        }


def cross_validate(
    given: Given,
    methods: Sequence[Method],
    *,
    together: Sequence[str] = (),
    folds: int = 5,
    repeats: int = 5,
    seed: int = 0,
    told: Told | None = None,
) -> list[Compared]:
    """Repeat a stratified group k-fold; every method sees the same folds.

    Parameters
    ----------
    given : Given
    methods : sequence of Method
    together : sequence of str
        Names of methods whose mean is judged as another one.
    folds, repeats, seed : int
    told : callable, optional
        Told a line for each training.
    """
    say, crops = told or (lambda line: None), given.to_judge.crops
    beside = np.arange(len(crops), len(given.crops))
    predicted = {method.name: np.full((repeats, len(crops), 4), np.nan) for method in methods}
    for repeat in range(repeats):
        for fold, (train, test) in enumerate(group_folds(crops, folds, seed + repeat)):
            for method in methods:
                learned = np.concatenate([train, beside])
                answers = method.scores(given, learned, test, seed + 100 * repeat + fold)
                predicted[method.name][repeat, test] = answers
                known = test[crops.label[test] >= 0]
                found = predicted[method.name][repeat, known].argmax(axis=1)
                right = float((found == crops.label[known]).mean())
                say(f"repeat {repeat + 1} fold {fold + 1} {method.name}: {right:.1%}")
    if together:
        mean = np.mean([predicted[name] for name in together], axis=0)
        predicted[" + ".join(together)] = mean
    return [compared(crops, name, found) for name, found in predicted.items()]


def compared(crops: LabelledCrops, name: str, predicted: NDArray[np.float64]) -> Compared:
    """Judge what a method said of every crop, shape (repeats, n, 4), by those with a label."""
    known = np.flatnonzero(crops.label >= 0)
    label, confident = crops.label[known], crops.confident[known]
    each = [scores_of(one[known], label, confident) for one in predicted]
    figures = np.array([list(asdict(one).values()) for one in each])
    mean = Scores(*mean_known(figures).tolist())
    draws = GroupDraws([crops.group[i] for i in known])
    drawn = drawn_scores(predicted[:, known], label, confident, draws)
    return Compared(
        name,
        mean,
        score_intervals(mean, drawn),
        np.sum([confusion(one[known], label) for one in predicted], axis=0),
        predicted,
    )
