"""Screening by physical measures, each compared with the other frames by median and deviation."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.bands import row_bands
from calibration.screen import Conditions, Judgement, Reason, Reference, Screened
from calibration.screen_against import Against, measure_against
from calibration.screen_alike import most_alike
from calibration.screen_kin import judge_by_kin
from calibration.screen_own import OwnFeatures, own_features
from calibration.screen_rules import (
    deviations,
    floors_for,
    own_distances,
    pattern_distance,
    reason_of,
    values_of,
)

LEAST_FRAMES = 3
"""Of two that differ nobody knows which one is wrong."""

_REFERENCE_FRAMES = 9
"""A median of more gets hardly better, and each is in memory."""

_REACH_SIGMA = 2.5
_DARKEST_SHARE = 0.3
_GAP_SIGMA = 10.0
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class RobustScreener:
    """Implements `calibration.screen.Screener`.

    Each frame is compared with what those held for good share (without itself): at first the half
    of the series that is most alike, then all that fit, until nothing changes.

    Notes
    -----
    Where levels fall into groups more than 10 sigma apart, the darkest group of three and of 30 %
    is held for good: a series that is mostly lit is still screened by its dark frames.
    """

    def screen(
        self,
        frames: Sequence[NDArray[Any]],
        conditions: Conditions,
        kin: Sequence[Reference] = (),
    ) -> Screened:
        """Judge `frames` of one series; see `Screener.screen`."""
        work = _Work(frames, conditions)
        voids = work.obviously_bad()
        dark = work.darkest([n for n in range(len(frames)) if n not in voids])
        if len(dark) < LEAST_FRAMES:
            return judge_by_kin(frames, work.own, voids, kin, conditions)
        return work.judged(work.agreeing(dark))


@dataclass(slots=True)
class _Work:
    """One series while it is judged."""

    frames: Sequence[NDArray[Any]]
    conditions: Conditions
    own: list[OwnFeatures] = field(init=False)

    def __post_init__(self) -> None:
        self.own = [own_features(frame, self.conditions.full_scale_adu) for frame in self.frames]

    def obviously_bad(self) -> dict[int, dict[str, float]]:
        """Frames that need no other to be bad, and by how much."""
        size = self.frames[0].size if len(self.frames) else 0
        found = {}
        for n, own in enumerate(self.own):
            distances = own_distances(own, self.own[:n] + self.own[n + 1 :], size)
            if max(distances.values()) > 1:
                found[n] = distances
        return found

    def darkest(self, candidates: Sequence[int]) -> list[int]:
        """Of frames in groups of levels: the darkest group that is not just a few."""
        if not candidates:
            return []
        ordered = sorted(candidates, key=lambda n: self.own[n].level_adu)
        quiet = float(np.median([self.own[n].noise_adu for n in ordered[: len(ordered) // 2 + 1]]))
        groups: list[list[int]] = [[ordered[0]]]
        for before, n in itertools.pairwise(ordered):
            gap = self.own[n].level_adu - self.own[before].level_adu
            if gap > _GAP_SIGMA * max(quiet, 1.0):
                groups.append([])
            groups[-1].append(n)
        for group in groups:
            if len(group) >= max(LEAST_FRAMES, _DARKEST_SHARE * len(ordered)):
                return sorted(group)
        most = max(len(group) for group in groups)
        return sorted(next(group for group in groups if len(group) == most))

    def agreeing(self, candidates: list[int]) -> list[int]:
        """Frames that agree with each other: half of them at first, then all that fit (Hadi 1992).

        Starting from all of them, two bad ones of five would spoil what they are compared with.
        """
        members = most_alike(
            [self.frames[n] for n in candidates], [self.own[n].noise_adu for n in candidates]
        )
        members = [candidates[n] for n in members]
        for _ in range(_ROUNDS):
            scores = self._scores(members, candidates)
            fitting = [n for n in candidates if scores[n][0] <= 1]
            if fitting == members or len(fitting) < LEAST_FRAMES:
                break
            members = fitting
        return members

    def judged(self, members: list[int]) -> Screened:
        """Judge all frames against the good ones."""
        usual = _middle_of([self.own[n] for n in members])
        scores = self._scores(members, range(len(self.frames)))
        judgements = []
        for n in range(len(self.frames)):
            score, distances, against = scores[n]
            reason: Reason = ""
            if score > 1:
                reason = reason_of(distances, self.own[n], against, usual)
            judgements.append(
                Judgement("bad" if reason else "good", reason, round(score, 3), distances)
            )
        return Screened(judgements, self._reference(members, usual.noise_adu))

    def _scores(
        self, members: Sequence[int], judged: Sequence[int]
    ) -> dict[int, tuple[float, dict[str, float], Against]]:
        """Worst distance, all distances and measures of each frame against `members`."""
        noise = self._noise_adu(members)
        chosen = _spread(members, _REFERENCE_FRAMES)
        pool = np.stack([self.frames[n] for n in chosen])
        whole = _middle_map(pool, noise)
        against = {}
        for n in {*members, *judged}:
            reference, count = whole, len(chosen)
            if n in chosen and len(chosen) > 1:
                reference = _middle_map(np.delete(pool, chosen.index(n), axis=0), noise)
                count -= 1
            against[n] = measure_against(
                self.frames[n], reference, noise, count, self.conditions.full_scale_adu
            )
        return {n: self._score(n, members, against) for n in judged}

    def _score(
        self, n: int, members: Sequence[int], against: Mapping[int, Against]
    ) -> tuple[float, dict[str, float], Against]:
        others = [m for m in members if m != n] or list(members)
        size = self.frames[n].size
        values = [values_of(self.own[m], against[m], size) for m in others]
        distances = deviations(
            values_of(self.own[n], against[n], size),
            values,
            floors_for(self.frames[n].shape, self._noise_adu(members)),
        )
        distances |= own_distances(self.own[n], [self.own[m] for m in others], size)
        distances["pattern"] = pattern_distance(against[n], [against[m] for m in others])
        rounded = {name: round(value, 3) for name, value in distances.items()}
        return max(abs(value) for value in distances.values()), rounded, against[n]

    def _noise_adu(self, members: Sequence[int]) -> float:
        return float(np.median([self.own[n].noise_adu for n in members]))

    def _reference(self, members: Sequence[int], noise_adu: float) -> Reference:
        pool = np.stack([self.frames[n] for n in _spread(members, _REFERENCE_FRAMES)])
        median = _middle_map(pool, noise_adu)
        step = max(1, median.size // 1_000_000)
        return Reference(
            median_adu=median,
            noise_adu=noise_adu,
            level_adu=float(np.median(median.reshape(-1)[::step])),
            frames=len(members),
            conditions=self.conditions,
        )


def _spread(members: Sequence[int], most: int) -> list[int]:
    """At most so many, from the first to the last."""
    if len(members) <= most:
        return list(members)
    return [members[n] for n in np.linspace(0, len(members) - 1, most).round().astype(int)]


def _middle_map(pool: NDArray[Any], noise_adu: float) -> NDArray[np.float32]:
    """Mean over frames, shape (frames, height, width), of values held near their median.

    A median of few frames of coarse digits knows little of a weak pattern; of a plain mean a
    single particle makes a hot pixel.
    """
    middle = np.empty(pool.shape[1:], np.float32)
    reach = np.float32(_REACH_SIGMA * max(noise_adu, 0.5))
    for rows in row_bands(middle.shape):
        values = pool[:, rows].astype(np.float32)
        median = np.median(values, axis=0)
        np.clip(values, median - reach, median + reach, out=values)
        middle[rows] = values.mean(axis=0)
    return middle


def _middle_of(features: Sequence[OwnFeatures]) -> OwnFeatures:
    """Median of each measure."""
    return OwnFeatures(
        level_adu=float(np.median([one.level_adu for one in features])),
        noise_adu=float(np.median([one.noise_adu for one in features])),
        full_px=int(np.median([one.full_px for one in features])),
        plateau_px=int(np.median([one.plateau_px for one in features])),
        void_px=int(np.median([one.void_px for one in features])),
    )
