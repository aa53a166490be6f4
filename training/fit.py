"""Trains the net on labelled crops: judges' votes as targets, augmented copies in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.classification.numbers import numbers
from training.copies import Copies, copies_of
from training.encoding import Encoding
from training.folds import group_folds
from training.labelled import LabelledCrops
from training.members import Members, Plan, train_members
from training.scores import ARTEFACT
from training.temperature import Temperatures, temperatures_of
from training.trusted import group_weights, trusted, worth

Progress = Callable[[int, int], None]
Rows = NDArray[np.int64]

MEMBERS = 3
WIDTHS = (128, 64)
_INNER_FOLDS = 4
_ROUNDS = 2
_DIM_SHARE = 0.125


@dataclass(frozen=True, slots=True)
class FitRules:
    """How a net is trained.

    Attributes
    ----------
    epochs : int
        Looks at every crop.
    copies : int
        Augmented copies of each crop; each look at it is at one of them.
    seed : int
        The same crops and seed give the same net on the same computer.
    """

    epochs: int = 60
    copies: int = 10
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A trained net and what makes its answers probabilities.

    Attributes
    ----------
    encoding : Encoding
    members : Members
    temperatures : Temperatures
    learned_from : int
        Crops whose labels were learned from.
    unseen : ndarray of float64, shape (n, 4)
        Scores of the crops it was trained on, each by a net that never saw the crop's group.
    """

    encoding: Encoding
    members: Members
    temperatures: Temperatures
    learned_from: int
    unseen: NDArray[np.float64]

    def predict(self, pixels: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Calibrated scores, shape (n, 4), as the exported model gives them."""
        return self.scores(np.stack([numbers(one) for one in pixels]))

    def scores(self, told: NDArray[np.float32]) -> NDArray[np.float64]:
        """The same of crops that are measured already."""
        return self.temperatures.scores(self.members.logits(self.encoding.encode(told)))


def steps_of(rules: FitRules) -> int:
    """Steps of progress that a fit takes, without making copies."""
    return (_ROUNDS * _INNER_FOLDS + 1) * rules.epochs


def fit(
    crops: LabelledCrops,
    rules: FitRules,
    progress: Progress | None = None,
    *,
    copies: Copies | None = None,
) -> Fitted:
    """Train a net, and calibrate it on groups that nets of the same kind never saw.

    Two rounds over inner folds of groups. The first tells which labels no other group bears out;
    the second leaves those out. Whichever of the two answers unseen groups better decides what the
    net that is handed out learns from, and gives the temperatures.

    Parameters
    ----------
    crops : LabelledCrops
    rules : FitRules
    progress : callable, optional
        Told (steps done, steps in all): copies, then epochs of all nets.
    copies : Copies, optional
        Of these crops; None: made here.
    """
    making = rules.copies + 2 if copies is None else 0
    total = making + steps_of(rules)
    counted = _Counted(progress or (lambda done, of: None), total)
    if copies is None:
        copies = copies_of(crops, rules.copies, rules.seed, lambda done, of: counted.one())
    lesson = _Lesson(crops, copies, rules)
    rows = np.arange(len(crops))
    rounds = [(rows, lesson.of_unseen(rows, counted))]
    fewer = trusted(crops, rounds[0][1])
    rounds.append((fewer, lesson.of_unseen(fewer, counted)))
    judged = [(chosen, logits, *_judged(crops, logits)) for chosen, logits in rounds]
    chosen, logits, temperatures, _ = max(judged, key=lambda one: one[3])
    return Fitted(
        lesson.encoding,
        lesson.net(chosen, counted),
        temperatures,
        len(chosen),
        temperatures.scores(logits),
    )


def _judged(crops: LabelledCrops, logits: NDArray[np.float64]) -> tuple[Temperatures, float]:
    """Temperatures of answers to unseen groups, and what they are worth with them."""
    temperatures = temperatures_of(logits, crops.votes, crops.label)
    return temperatures, worth(crops, temperatures.shares(logits), group_weights(crops.group))


class _Counted:
    """Steps done, told one by one."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def one(self) -> None:
        """Count a step."""
        self._done += 1
        self._progress(self._done, self._total)


class _Lesson:
    """What there is to learn from: crops, and their copies in steps, encoded once for all nets."""

    def __init__(self, crops: LabelledCrops, copies: Copies, rules: FitRules) -> None:
        self.encoding = Encoding.of(copies.told)
        self._crops, self._rules = crops, rules
        self._shown = self.encoding.encode(copies.told)
        self._dimmed = self.encoding.encode(copies.dim_told)

    def of_unseen(self, chosen: Rows, counted: _Counted) -> NDArray[np.float64]:
        """Logits of all crops by nets trained on some, but on none of the crop's own group."""
        crops = self._crops
        logits = np.zeros((len(crops), len(CLASSES)))
        folds = min(_INNER_FOLDS, len(set(crops.group)))
        if folds < 2:
            return logits
        for train, test in group_folds(crops, folds, self._rules.seed):
            learned = train[np.isin(train, chosen)]
            net = self.net(learned if len(learned) else train, counted)
            logits[test] = net.logits(self._shown[0, test])
        return logits

    def net(self, rows: Rows, counted: _Counted) -> Members:
        """Train on some crops, and on some dim ones that are artefacts to everyone."""
        votes, rules = self._crops.votes, self._rules
        random = np.random.default_rng(rules.seed)
        signals = rows[votes[rows, ARTEFACT] < 0.5]
        dim = random.choice(signals, int(_DIM_SHARE * len(rows))) if len(signals) else signals
        weights = group_weights([self._crops.group[i] for i in rows])
        artefact = np.eye(len(CLASSES), dtype=np.float32)[ARTEFACT]
        dimmed = np.broadcast_to(self._dimmed[dim], (len(self._shown), *self._dimmed[dim].shape))
        return train_members(
            np.concatenate([self._shown[:, rows], dimmed], axis=1),
            np.concatenate([votes[rows], np.tile(artefact, (len(dim), 1))]),
            np.append(weights, np.full(len(dim), np.median(weights), np.float32)),
            Plan(MEMBERS, WIDTHS, rules.epochs, rules.seed),
            lambda epoch: counted.one(),
        )
