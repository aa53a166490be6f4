"""What a rule published against what really was there, frame by frame, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.detection.rule import Boxes, Look
from edge.intervals import poisson_upper, wilson
from edge.scoring.matching import AFTERGLOW_FRAMES, MATCH_RADIUS_PX
from edge.scoring.truth import Particles, read_truth

CLEAR_SIGMA = 10.0
MOST_TOLD = 100
"""Missed particles and false hits that are told one by one."""

BIN_EDGES_SIGMA: Sequence[float] = (3, 5, 7, 10, 15, 20, 30, 50, 100, np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Particles of a recording, by frame."""

    particles: Particles
    of_frame: dict[int, list[int]]

    @classmethod
    def read(cls, path: Path) -> Truth:
        """Read a recording's truth."""
        particles = read_truth(path, [])
        of_frame: dict[int, list[int]] = {}
        for number, frame in enumerate(particles.frame.tolist()):
            of_frame.setdefault(frame, []).append(number)
        return cls(particles, of_frame)

    @property
    def detectable(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Particles in frames that arrived, under a closed cover."""
        ok = np.array([name == "ok" for name in self.particles.statuses], np.bool_)
        arrived = ok[self.particles.status] if len(self.particles) else np.zeros(0, np.bool_)
        return arrived & self.particles.covered

    def touched(self, frame: int, boxes: Boxes) -> list[list[int]]:
        """Particles of a frame within reach of each box, brightest first."""
        found: list[list[int]] = [[] for _ in boxes]
        known = sorted(self.of_frame.get(frame, ()), key=lambda i: -self.particles.peak_sigma[i])
        for number in known:
            rows, cols = self.particles.pixels(number)
            x0, y0, x1, y1 = (boxes[:, i, None] for i in range(4))
            away_x = np.maximum(np.maximum(x0 - cols, cols - x1), 0)
            away_y = np.maximum(np.maximum(y0 - rows, rows - y1), 0)
            near = (np.hypot(away_x, away_y) <= MATCH_RADIUS_PX).any(axis=1)
            for box in np.flatnonzero(near).tolist():
                found[box].append(number)
        return found


@dataclass(slots=True)
class Tally:
    """Counts of one rule on one stream.

    A published box is true when a particle's pixel of that frame lies within 2 px of it; one too
    many of the same particle, or within two frames after it, is a duplicate; the rest is false.
    """

    truth: Truth
    hits: int = 0
    duplicates: int = 0
    false: int = 0
    frames: int = 0
    live_frames: int = 0
    found: set[int] = field(default_factory=set)
    in_sight: set[int] = field(default_factory=set)
    first_false: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, frame: int, look: Look) -> None:
        """Count a frame; frames come in order."""
        self.frames += 1
        self.live_frames += look.live
        here = self.truth.of_frame.get(frame, ())
        if look.live:
            self.in_sight.update(here)
        if len(look.boxes) == 0:
            return
        self.hits += len(look.boxes)
        left = len(look.boxes)
        if here:
            left = self._match(frame, look.boxes)
        if left:
            left -= self._late(frame, look.boxes)
        self.false += max(left, 0)
        if left > 0 and len(self.first_false) < MOST_TOLD:
            self._tell_false(frame, look.boxes)

    def _tell_false(self, frame: int, boxes: Boxes) -> None:
        near = [self.truth.touched(frame - back, boxes) for back in range(AFTERGLOW_FRAMES + 1)]
        for box, (x0, y0, _, _) in enumerate(boxes.tolist()):
            if not any(one[box] for one in near) and len(self.first_false) < MOST_TOLD:
                self.first_false.append((frame, x0, y0))

    def _match(self, frame: int, boxes: Boxes) -> int:
        """Count boxes on particles; return how many are on none."""
        taken: set[int] = set()
        on_none = 0
        for near in self.truth.touched(frame, boxes):
            new = [number for number in near if number not in taken]
            if new:
                taken.add(new[0])
            elif near:
                self.duplicates += 1
            else:
                on_none += 1
        self.found |= taken
        return on_none

    def _late(self, frame: int, boxes: Boxes) -> int:
        """Count boxes that lie on a particle of the frames just before."""
        late = 0
        before = [frame - back for back in range(1, AFTERGLOW_FRAMES + 1)]
        before = [one for one in before if one in self.truth.of_frame]
        if not before:
            return 0
        now = self.truth.touched(frame, boxes)
        touched = [self.truth.touched(one, boxes) for one in before]
        for box, here in enumerate(now):
            if not here and any(one[box] for one in touched):
                late += 1
        self.duplicates += late
        return late


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval."""

    found: int
    tried: int

    @property
    def value(self) -> float:
        """The share; NaN without a trial."""
        return self.found / self.tried if self.tried else float("nan")

    @property
    def limits(self) -> tuple[float, float]:
        """Wilson's interval."""
        return wilson(self.found, self.tried)


@dataclass(frozen=True, slots=True)
class Score:
    """One rule on one stream.

    Attributes
    ----------
    efficiency : Share
        Of particles of 10 sigma or more in covered frames that the rule looked at.
    of_all : Share
        Of those in all covered frames, its own blind time included.
    bins : tuple of (low, high, Share)
        By brightest pixel, in sigma of that pixel's noise.
    hits, true_hits, duplicates, false_hits : int
    live_share, live_h : float
    missed : tuple of (frame, column, row, sigma)
        The first of the particles that it did not find of all.
    first_false : tuple of (frame, column, row)
        The first of its false hits.
    notes : tuple of str
    """

    efficiency: Share
    of_all: Share
    bins: tuple[tuple[float, float, Share], ...]
    hits: int
    true_hits: int
    duplicates: int
    false_hits: int
    live_share: float
    live_h: float
    missed: tuple[tuple[int, int, int, float], ...] = ()
    first_false: tuple[tuple[int, int, int], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def purity(self) -> Share:
        """Hits that are a particle, of all that are not one too many."""
        return Share(self.true_hits, self.true_hits + self.false_hits)

    @property
    def false_per_h(self) -> float:
        """False hits in an hour of live time."""
        return self.false_hits / self.live_h if self.live_h else float("nan")

    @property
    def false_per_h_limit(self) -> float:
        """Its upper limit, 95 %, one-sided."""
        return poisson_upper(self.false_hits) / self.live_h if self.live_h else float("nan")

    @property
    def merit(self) -> float:
        """Harmonic mean of efficiency and purity, to choose between a rule's own variants."""
        both = self.of_all.value + self.purity.value
        return 2 * self.of_all.value * self.purity.value / both if both > 0 else 0.0


def score(
    tally: Tally,
    frame_s: float,
    *,
    live_share: float | None = None,
    notes: tuple[str, ...] = (),
) -> Score:
    """Sum a tally up.

    Parameters
    ----------
    tally : Tally
    frame_s : float
        Time of a frame.
    live_share : float, optional
        Where the rule itself accounts for its live time.
    notes : tuple of str
    """
    truth = tally.truth
    sigma = truth.particles.peak_sigma
    good = truth.detectable
    found, seen = np.zeros(len(sigma), np.bool_), np.zeros(len(sigma), np.bool_)
    found[list(tally.found)] = True
    seen[list(tally.in_sight)] = True

    def share(of: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Share:
        return Share(int(np.count_nonzero(found & of)), int(np.count_nonzero(of)))

    clear = good & (sigma >= CLEAR_SIGMA)
    live = tally.live_frames / tally.frames if live_share is None else live_share
    return Score(
        efficiency=share(clear & seen),
        of_all=share(clear),
        bins=tuple(
            (low, high, share(good & seen & (sigma >= low) & (sigma < high)))
            for low, high in pairwise(BIN_EDGES_SIGMA)
        ),
        hits=tally.hits,
        true_hits=tally.hits - tally.duplicates - tally.false,
        duplicates=tally.duplicates,
        false_hits=tally.false,
        live_share=live,
        live_h=live * tally.frames * frame_s / 3600,
        missed=tuple(_told(truth.particles, i) for i in np.flatnonzero(clear & ~found)[:MOST_TOLD]),
        first_false=tuple(tally.first_false),
        notes=notes,
    )


def _told(particles: Particles, number: int) -> tuple[int, int, int, float]:
    return (
        int(particles.frame[number]),
        int(particles.x_px[number]),
        int(particles.y_px[number]),
        round(float(particles.peak_sigma[number]), 1),
    )
