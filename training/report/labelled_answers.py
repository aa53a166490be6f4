"""What a method said of the rows that have a label, beside what is true of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import Drawn, GroupDraws
from training.crossval import Compared, Given
from training.scores import drawn_scores


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Rows with a label.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Where they are among the crops.
    label : ndarray of int64, shape (n,)
    confident : ndarray of bool, shape (n,)
    draws : GroupDraws
        The same for every method: what differs between two of them is drawn in pairs.
    """

    rows: NDArray[np.int64]
    label: NDArray[np.int64]
    confident: NDArray[np.bool_]
    draws: GroupDraws

    @classmethod
    def of(cls, given: Given) -> Truth:
        """Those of the crops that have a label."""
        crops = given.crops
        rows = np.flatnonzero(crops.label >= 0)
        draws = GroupDraws([crops.group[i] for i in rows])
        return cls(rows, crops.label[rows], crops.confident[rows], draws)


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one method said of them.

    Attributes
    ----------
    name : str
    compared : Compared
    predicted : ndarray of float64, shape (repeats, n, 4)
    truth : Truth
    """

    name: str
    compared: Compared
    predicted: NDArray[np.float64]
    truth: Truth

    @classmethod
    def of(cls, compared: Compared, truth: Truth) -> Answers:
        """Those to the rows with a label."""
        return cls(compared.name, compared, compared.predicted[:, truth.rows], truth)

    @property
    def repeats(self) -> int:
        """How often every row was judged."""
        return len(self.predicted)

    @property
    def called(self) -> NDArray[np.int64]:
        """Class of the largest score, shape (repeats, n)."""
        return np.asarray(self.predicted.argmax(axis=2), np.int64)

    @property
    def top(self) -> NDArray[np.float64]:
        """Largest score, shape (repeats, n)."""
        return np.asarray(self.predicted.max(axis=2), np.float64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the class is the true one, shape (repeats, n)."""
        return np.asarray(self.called == self.truth.label)

    def drawn(self) -> dict[str, Drawn]:
        """Figures of `training.scores.Scores` in every draw of groups."""
        truth = self.truth
        return drawn_scores(self.predicted, truth.label, truth.confident, truth.draws)
