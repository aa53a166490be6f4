"""Which hit is which particle: one to one, the nearest first.

A hit belongs to a particle of its own frame when its brightest pixel lies within 2 px (Euclidean)
of any of the particle's pixels. Of all such pairs of a frame the nearest is taken first (distance
to the nearest pixel, then to the brightest pixel, then the brighter particle), and both are out.
A hit that is left over near a particle is a duplicate; so is one up to two frames later, which is
a particle's afterglow. What is then left is false. So every hit is in one bin:
hits = true + duplicates + false.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.scoring.hits import Hits
from edge.scoring.truth import LARGEST_PX, LAST_FRAME, Particles

MATCH_RADIUS_PX = 2.0
AFTERGLOW_FRAMES = 2
NONE = -1
_STRIDE = LAST_FRAME + 2
_ROW = 4 * LARGEST_PX
"""More columns than there are, those beyond the edges of a frame included."""
_OFFSETS = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3) if dy * dy + dx * dx <= 4]
_DOWN, _RIGHT = (np.array(one)[:, None] for one in zip(*_OFFSETS, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Which hit is which particle.

    Attributes
    ----------
    hit_of : ndarray of int64, shape (particles,)
        The hit that found it; -1: none did.
    particle_of : ndarray of int64, shape (hits,)
        The particle it is; -1: none.
    duplicate_of : ndarray of int64, shape (hits,)
        The particle it is one hit too many of; -1: none.
    late : ndarray of bool, shape (hits,)
        A duplicate in a later frame.
    """

    hit_of: NDArray[np.int64]
    particle_of: NDArray[np.int64]
    duplicate_of: NDArray[np.int64]
    late: NDArray[np.bool_]

    @property
    def true(self) -> NDArray[np.bool_]:
        """Hits that are a particle."""
        return np.asarray(self.particle_of != NONE)

    @property
    def duplicate(self) -> NDArray[np.bool_]:
        """Hits that are one too many."""
        return np.asarray(self.duplicate_of != NONE)

    @property
    def false(self) -> NDArray[np.bool_]:
        """Hits where no particle was."""
        return np.asarray(~self.true & ~self.duplicate)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Sorts by what is nearest."""

    distance_px: float
    to_peak_px: float
    sigma: float
    particle: int
    hit: int

    def key(self) -> tuple[float, float, float, int, int]:
        return self.distance_px, self.to_peak_px, -self.sigma, self.particle, self.hit


class FrameIndex:
    """Finds the particles of a frame."""

    def __init__(self, particles: Particles) -> None:
        self._order = np.lexsort((particles.frame, particles.series))
        self._keys = _keys(particles.series, particles.frame)[self._order]
        first = particles.first_pixel[:-1]
        if len(particles):
            low = [np.minimum.reduceat(v, first) for v in (particles.rows, particles.cols)]
            high = [np.maximum.reduceat(v, first) for v in (particles.rows, particles.cols)]
        else:
            low = high = [np.empty(0, np.int64)] * 2
        self._low_row, self._low_col = low
        self._high_row, self._high_col = high

    def of_frame(self, series: int, frame: int) -> NDArray[np.int64]:
        """Particles of a frame, in the file's order."""
        key = _key(series, frame)
        begin, end = np.searchsorted(self._keys, [key, key + 1])
        return self._order[begin:end]

    def near(self, some: NDArray[np.int64], y_px: int, x_px: int) -> NDArray[np.int64]:
        """Those of `some` whose box is within reach of a pixel."""
        reach = MATCH_RADIUS_PX
        return some[
            (self._low_row[some] - reach <= y_px)
            & (y_px <= self._high_row[some] + reach)
            & (self._low_col[some] - reach <= x_px)
            & (x_px <= self._high_col[some] + reach)
        ]

    def touching(self, index: int, particles: Particles) -> Iterator[int]:
        """Yield other particles of the same frame within 2 px: a trigger sees one cluster."""
        rows, cols = particles.pixels(index)
        around = np.unique(((rows + _DOWN) * _ROW + cols + _RIGHT).ravel())
        some = self.of_frame(int(particles.series[index]), int(particles.frame[index]))
        for other in some[some != index].tolist():
            their_rows, their_cols = particles.pixels(other)
            if np.isin(their_rows * _ROW + their_cols, around).any():
                yield other


def match(particles: Particles, hits: Hits, series: NDArray[np.int64]) -> Matching:
    """Match the hits of a file to the particles of a truth.

    Parameters
    ----------
    particles : Particles
    hits : Hits
    series : ndarray of int64, shape (hits,)
        Series of each hit, as the particles count them; -1: none of theirs.
    """
    result = Matching(
        hit_of=np.full(len(particles), NONE, np.int64),
        particle_of=np.full(len(hits), NONE, np.int64),
        duplicate_of=np.full(len(hits), NONE, np.int64),
        late=np.zeros(len(hits), np.bool_),
    )
    index = FrameIndex(particles)
    for some in _frames(series, hits.frame):
        pairs = [
            p
            for hit in some
            for p in _pairs(particles, hits, index, hit=hit, series=int(series[hit]))
        ]
        pairs.sort(key=_Pair.key)
        for pair in pairs:
            if result.particle_of[pair.hit] == NONE and result.hit_of[pair.particle] == NONE:
                result.particle_of[pair.hit] = pair.particle
                result.hit_of[pair.particle] = pair.hit
        for pair in pairs:
            if result.particle_of[pair.hit] == NONE and result.duplicate_of[pair.hit] == NONE:
                result.duplicate_of[pair.hit] = pair.particle
    _find_afterglow(particles, hits, series, index, result)
    return result


def _find_afterglow(
    particles: Particles, hits: Hits, series: NDArray[np.int64], index: FrameIndex, so_far: Matching
) -> None:
    for hit in np.flatnonzero(so_far.false).tolist():
        for back in range(1, AFTERGLOW_FRAMES + 1):
            near = _pairs(particles, hits, index, hit=hit, series=int(series[hit]), back=back)
            pairs = list(near)
            if pairs:
                so_far.duplicate_of[hit] = min(pairs, key=_Pair.key).particle
                so_far.late[hit] = True
                break


def _pairs(
    particles: Particles, hits: Hits, index: FrameIndex, *, hit: int, series: int, back: int = 0
) -> Iterator[_Pair]:
    """Particles within reach of a hit, `back` frames before it."""
    frame, y, x = int(hits.frame[hit]) - back, int(hits.y_px[hit]), int(hits.x_px[hit])
    if series < 0 or frame < 0:
        return
    for particle in index.near(index.of_frame(series, frame), y, x).tolist():
        rows, cols = particles.pixels(particle)
        away = float(np.hypot(rows - y, cols - x).min())
        if away <= MATCH_RADIUS_PX:
            to_peak = np.hypot(particles.y_px[particle] - y, particles.x_px[particle] - x)
            sigma = float(particles.peak_sigma[particle])
            yield _Pair(away, float(to_peak), sigma, particle, hit)


def _frames(series: NDArray[np.int64], frame: NDArray[np.int64]) -> Iterator[list[int]]:
    """Yield the hits of each frame."""
    if not len(frame):
        return
    order = np.lexsort((np.arange(len(frame)), frame, series))
    keys = _keys(series, frame)[order]
    for some in np.split(order, np.flatnonzero(np.diff(keys)) + 1):
        yield some.tolist()


def _keys(series: NDArray[np.int64], frame: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(series * _STRIDE + frame, dtype=np.int64)


def _key(series: int, frame: int) -> int:
    return series * _STRIDE + frame
