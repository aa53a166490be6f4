"""Trains what is to become a model on labelled crops: judges' votes as targets.

A picture is answered by two committees: one that learned from people's pictures alone, and one
that learned from everything, simulated hits too. The first knows those cameras better, the second
knows more cameras; together they are better than each, on groups that neither saw. A rig's own hit,
whose place is known and whose counts are raw, is answered by a third, which learned from such hits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.numbers import PLACE_KNOWN, numbers
from edge.features.hit import Place
from training.copies import Copies, copies_of
from training.encoding import OF_HIT, OF_PICTURE
from training.labelled import LabelledCrops
from training.lesson import Committee, Lesson, Rows
from training.members import Plan
from training.temperature import Temperatures, temperature_of, temperatures_of
from training.trusted import group_weights, trusted, worth

Progress = Callable[[int, int], None]
Logits = NDArray[np.float64]

_PICTURE_WIDTHS, _PICTURE_DROPPED = (112, 56), (0.1, 0.4, 0.3)
_OWN_WIDTHS, _OWN_DROPPED = (48, 24), (0.05, 0.2, 0.2)
_MEMBERS = 2
_ROUNDS = 2
_MOST_OWN = 3
"""Own hits for each picture that the second committee learns from: more would drown those."""

_SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class FitRules:
    """How a net is trained.

    Attributes
    ----------
    epochs : int
        Looks at every crop.
    copies : int
        Augmented copies of each picture; each look at it is at one of them.
    seed : int
        The same crops and seed give the same net on the same computer.
    own : bool
        Whether nets for a rig's own hits are wanted beside those for pictures.
    """

    epochs: int = 60
    copies: int = 10
    seed: int = 0
    own: bool = True

    @property
    def picture_plan(self) -> Plan:
        """Of nets that answer pictures."""
        return Plan(_MEMBERS, _PICTURE_WIDTHS, _PICTURE_DROPPED, self.epochs, self.seed)

    @property
    def own_plan(self) -> Plan:
        """Of nets that answer a rig's own hits."""
        return Plan(_MEMBERS, _OWN_WIDTHS, _OWN_DROPPED, self.epochs, self.seed)


@dataclass(frozen=True, slots=True, eq=False)
class Answerer:
    """Committees whose weighted mean answers, and what makes that probabilities."""

    committees: tuple[Committee, ...]
    shares: tuple[float, ...]
    temperatures: Temperatures

    def logits(self, told: NDArray[np.float32]) -> Logits:
        """Of numbers of shape (n, numbers)."""
        each = zip(self.shares, self.committees, strict=True)
        return np.asarray(sum(share * one.logits(told) for share, one in each))

    def scores(self, told: NDArray[np.float32]) -> Logits:
        """Calibrated probabilities."""
        return self.temperatures.scores(self.logits(told))


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Who answers which crops.

    Attributes
    ----------
    pictures, own : Answerer
        The same one where crops of one kind alone were learned from.
    learned_from : int
        Crops whose labels were learned from.
    unseen : ndarray of float64, shape (n, 4)
        Scores of the crops it was trained on, each by nets that never saw the crop's group; NaN of
        a rig's own hits where no nets for these were wanted.
    """

    pictures: Answerer
    own: Answerer
    learned_from: int
    unseen: Logits

    def predict(
        self, pixels: Sequence[NDArray[Any]], places: Sequence[Place | None]
    ) -> NDArray[np.float64]:
        """Calibrated scores, shape (n, 4), as the exported model gives them."""
        each = zip(pixels, places, strict=True)
        return self.scores(np.stack([numbers(one, place) for one, place in each]))

    def scores(self, told: NDArray[np.float32]) -> NDArray[np.float64]:
        """The same of crops that are measured already."""
        own = told[:, PLACE_KNOWN, np.newaxis] > 0
        return np.where(own, self.own.scores(told), self.pictures.scores(told))


def steps_of(crops: LabelledCrops, rules: FitRules) -> int:
    """Steps of progress that a fit takes, without making copies."""
    own = int(crops.is_own.sum())
    steps = 0
    if own < len(crops):
        steps += Lesson.steps_of(rules.picture_plan, _ROUNDS)
        steps += Lesson.steps_of(rules.picture_plan) if own else 0
    if own and (rules.own or own == len(crops)):
        steps += Lesson.steps_of(rules.own_plan)
    return steps


def fit(
    crops: LabelledCrops,
    rules: FitRules,
    progress: Progress | None = None,
    *,
    copies: Copies | None = None,
) -> Fitted:
    """Train a net, and calibrate it on groups that nets of the same kind never saw.

    Two rounds over inner folds of groups. The first tells which labels of pictures no other group
    bears out; the second leaves those out. Whichever of the two answers unseen groups better
    decides what is learned from. How much each committee counts, and the temperatures, are what
    serves unseen groups best.

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
    counted = _Counted(progress or (lambda done, of: None), making + steps_of(crops, rules))
    if copies is None:
        copies = copies_of(crops, rules.copies, rules.seed, lambda done, of: counted.one())
    own = np.flatnonzero(crops.is_own)
    pictured = np.flatnonzero(~crops.is_own)
    unseen = np.full((len(crops), crops.votes.shape[1]), np.nan)
    learned_from, answerers = len(own), []
    if len(pictured):
        by_pictures, count, unseen[pictured] = _of_pictures(crops, copies, own, rules, counted)
        answerers.append(by_pictures)
        learned_from += count
    if len(own) and (rules.own or not answerers):
        by_own, unseen[own] = _of_own(crops.take(own), copies.take(own), rules, counted)
        answerers.append(by_own)
    return Fitted(answerers[0], answerers[-1], learned_from, unseen)


def _of_pictures(
    crops: LabelledCrops, copies: Copies, own: Rows, rules: FitRules, counted: _Counted
) -> tuple[Answerer, int, Logits]:
    """Who answers pictures, from how many of them it learned, and scores of unseen ones."""
    pictured = np.flatnonzero(~crops.is_own)
    pictures, plan = crops.take(pictured), rules.picture_plan
    alone = Lesson(pictures, copies.take(pictured), OF_PICTURE, plan, told=counted.one)
    rows = np.arange(len(pictures))
    rounds = [(rows, alone.of_unseen(rows))]
    fewer = trusted(pictures, rounds[0][1])
    rounds.append((fewer, alone.of_unseen(fewer)))
    chosen, logits = max(rounds, key=lambda one: _judged(pictures, one[1])[1])
    committees, shares = [alone.committee(chosen)], [1.0]
    if len(own):
        some = np.random.default_rng(rules.seed).permutation(own)[: _MOST_OWN * len(pictured)]
        rows = np.concatenate([pictured, some])
        beside = np.arange(len(pictured), len(rows))
        every = Lesson(
            crops.take(rows), copies.take(rows), OF_PICTURE, plan, told=counted.one, beside=beside
        )
        of_every = every.of_unseen(chosen)
        committees.append(every.committee(chosen))
        shares, logits = _blended(pictures, logits, of_every)
    temperatures = _judged(pictures, logits)[0]
    answerer = Answerer(tuple(committees), tuple(shares), temperatures)
    return answerer, len(chosen), temperatures.scores(logits)


def _blended(crops: LabelledCrops, first: Logits, second: Logits) -> tuple[list[float], Logits]:
    """Shares of two committees that serve unseen groups best, and their answers.

    Who learned from more is less sure of each: the second is made as sure as the first before.
    """
    sure = temperature_of(first, crops.votes) / temperature_of(second, crops.votes)
    blends = [(share, share * first + (1 - share) * sure * second) for share in _SHARES]
    share, logits = max(blends, key=lambda one: _judged(crops, one[1])[1])
    return [share, (1 - share) * sure], logits


def _of_own(
    hits: LabelledCrops, copies: Copies, rules: FitRules, counted: _Counted
) -> tuple[Answerer, Logits]:
    """Who answers a rig's own hits, and scores of unseen ones."""
    # No dim ones: that it stands out is why a rig kept it.
    once = Copies(copies.told[:1], copies.dim_told)
    lesson = Lesson(hits, once, OF_HIT, rules.own_plan, told=counted.one, dim_share=0.0)
    rows = np.arange(len(hits))
    logits = lesson.of_unseen(rows)
    temperatures = _judged(hits, logits)[0]
    answerer = Answerer((lesson.committee(rows),), (1.0,), temperatures)
    return answerer, temperatures.scores(logits)


def _judged(crops: LabelledCrops, logits: Logits) -> tuple[Temperatures, float]:
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
