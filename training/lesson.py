"""What there is to learn from, and a committee of nets that learned it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from training.copies import Copies
from training.encoding import Columns, Encoding
from training.folds import group_folds
from training.labelled import LabelledCrops
from training.members import Members, Plan, train_members
from training.scores import ARTEFACT
from training.trusted import group_weights

Rows = NDArray[np.int64]
_INNER_FOLDS = 4
_DIM_SHARE = 0.125


@dataclass(frozen=True, slots=True, eq=False)
class Committee:
    """Nets of one kind, and how they are shown a crop's numbers."""

    encoding: Encoding
    members: Members

    def logits(self, told: NDArray[np.float32]) -> NDArray[np.float64]:
        """Of numbers of shape (n, numbers)."""
        return self.members.logits(self.encoding.encode(told))


class Lesson:
    """Crops and their copies, encoded once for all nets that learn from them.

    Parameters
    ----------
    crops : LabelledCrops
    copies : Copies
        Of these crops.
    columns : (int, int)
        Which numbers the nets are shown.
    plan : Plan
    beside : ndarray of int64, optional
        Rows that are learned from always and never asked for.
    dim_share : float
        Dim crops that are learned from as artefacts, over the others.
    told : callable
        Told of each epoch done.
    """

    def __init__(
        self,
        crops: LabelledCrops,
        copies: Copies,
        columns: Columns,
        plan: Plan,
        *,
        told: Callable[[], None],
        beside: Rows | None = None,
        dim_share: float = _DIM_SHARE,
    ) -> None:
        self.encoding = Encoding.of(copies.told, columns)
        self._crops, self._plan, self._told = crops, plan, told
        self._shown = self.encoding.encode(copies.told)
        self._dimmed = self.encoding.encode(copies.dim_told)
        self._dim_share = dim_share
        self._beside = np.zeros(0, np.int64) if beside is None else beside
        self._asked = np.setdiff1d(np.arange(len(crops)), self._beside)

    @staticmethod
    def steps_of(plan: Plan, rounds: int = 1) -> int:
        """Epochs that so many rounds of `of_unseen`, and one of `committee`, take."""
        return (rounds * _INNER_FOLDS + 1) * plan.epochs

    def of_unseen(self, chosen: Rows) -> NDArray[np.float64]:
        """Logits of what is asked for by nets trained on the chosen of other groups alone.

        Returns
        -------
        ndarray of float64, shape (rows that are not beside, 4)
            0 where there is but one group.
        """
        asked = self._crops.take(self._asked)
        logits = np.zeros((len(asked), len(CLASSES)))
        folds = min(_INNER_FOLDS, len(set(asked.group)))
        if folds < 2:
            return logits
        for train, test in group_folds(asked, folds, self._plan.seed):
            learned = train[np.isin(self._asked[train], chosen)]
            learned = learned if len(learned) else train
            net = self._net(np.concatenate([self._asked[learned], self._beside]))
            logits[test] = net.logits(self._shown[0, self._asked[test]])
        return logits

    def committee(self, chosen: Rows) -> Committee:
        """Train the one to hand out."""
        return Committee(self.encoding, self._net(np.concatenate([chosen, self._beside])))

    def _net(self, rows: Rows) -> Members:
        """Train on some crops, and on some dim ones that are artefacts to everyone."""
        votes = self._crops.votes
        random = np.random.default_rng(self._plan.seed)
        signals = rows[votes[rows, ARTEFACT] < 0.5]
        dim = random.choice(signals, int(self._dim_share * len(rows))) if len(signals) else signals
        weights = group_weights([self._crops.group[i] for i in rows])
        artefact = np.eye(len(CLASSES), dtype=np.float32)[ARTEFACT]
        dimmed = np.broadcast_to(self._dimmed[dim], (len(self._shown), *self._dimmed[dim].shape))
        return train_members(
            np.concatenate([self._shown[:, rows], dimmed], axis=1),
            np.concatenate([votes[rows], np.tile(artefact, (len(dim), 1))]),
            np.append(weights, np.full(len(dim), np.median(weights), np.float32)),
            self._plan,
            lambda epoch: self._told(),
        )
