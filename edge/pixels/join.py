"""Clusters that one particle left in pieces are made one again.

A faint track sinks into the noise between its brighter pixels, an electron dips below the layer
that collects charge, a masked pixel lies in the way: one particle, several clusters, and without
this module several hits. Two clusters of a frame are one

- when hardly a pixel lies between them;
- or when the pixels on the straight way from one to the other are brighter than those beside it:
  charge too faint for the growth threshold, but significant when taken together. That is the
  physical proof, and it needs no assumption on the shape (`edge.pixels.between`);
- or when a stranger is so rarely that near, at the sensor's own rate of lit pixels, that one
  particle is the likelier explanation: an electron that comes up again leaves nothing between.

The pixels between stay outside of the joined cluster: one by one they are as likely noise as
charge, and would blur its shape and its sum.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from calibration.model import Calibration
from edge.pixels.between import Ends, proof_sigma, steps_px
from edge.pixels.picture import Readable

TOUCH_PX = 2
"""Clusters with no more pixels than this between them are one."""

REACH_PX = 30
"""Clusters with more pixels between them are two."""

PROOF_SIGMA = 3.0
"""Excess of the pixels between over those beside, in units of its noise, that is no chance: of 100
hits at 600 a minute on 320 x 240 pixels 3 have a stranger within reach."""

STRANGERS = 0.004
"""Where so few other particles are expected around a cluster no proof is asked for.

Their number follows from the lit pixels of a usual frame; each lights about a quarter of what the
two pieces have grown to. Measured on simulated streams of the presets pi-v1, pi-hq and webcam at
320 x 240 pixels, joined to a stranger: 8 hits in 10,000 at 60 a minute, 9 at 600. Second hits of
one particle: 11 in 100 before, 1 to 2 after at 60, 3 to 5 at 600.
"""

_LIT_SHARE = 0.25
_MOST_PROVED_LENGTHS = 3.0
_MOST_FREE_LENGTHS = 2.0
"""A gap, with proof and without, is at most so many times as long as what is lit on both sides."""

_MOST_FRONT_PX = 8
"""Where more pixels face the other cluster across the gap, two tracks run side by side; of 600
pieces with a gap below 8 px none had more."""

_FRONT_DEPTH_PX = 1.5
_LEAST_FREE_PX = 3
_LEAST_FREE_SUM_PX = 15
"""Smaller clusters may be blinking pixels, and two compact ones two X-rays: they need proof."""

_UNSEEN_LIT_PX = 20.0
"""What the frames of a calibration may have missed: one or two hits."""

_CROWD = 8
"""So many clusters are not of one particle: what lights in that frame counts, not what is usual."""

_MOST_PX = 2000
"""A larger cluster is light, not a particle."""

_LEAST_LINE_PX = 20
"""A cluster one pixel wide and so long is a piece of a faulty row or column."""

_LEAST_ALIGNED = 6
"""So many clusters with their brightest pixels in one row or column are the read-out's: left as
they are for `edge.stages.frame_veto`, which counts them."""


def joined(
    clusters: list[NDArray[np.int64]], pixels: Readable, calibration: Calibration
) -> list[NDArray[np.int64]]:
    """Join the clusters of a frame that are pieces of one particle.

    Parameters
    ----------
    clusters : list of ndarray of int64
        Flat indices in raster order, clusters in the order of their first pixel, as
        `edge.pixels.clusters.grow` returns them.
    pixels : ndarray of uint8 or uint16, shape (height, width), or Picture
        At the calibration's level.
    calibration : Calibration
        Its masked and hot pixels prove nothing.

    Returns
    -------
    list of ndarray of int64
        In the same order; the very arrays where nothing was joined.
    """
    if len(clusters) < 2:
        return clusters
    frame = _Pieces(clusters, pixels, calibration)
    owner = list(range(len(clusters)))
    for one, other in frame.near_pairs():
        first, second = _root(owner, one), _root(owner, other)
        if first != second and frame.belong(one, other):
            owner[max(first, second)] = min(first, second)
    groups: dict[int, list[NDArray[np.int64]]] = {}
    for i, cluster in enumerate(clusters):
        groups.setdefault(_root(owner, i), []).append(cluster)
    if len(groups) == len(clusters):
        return clusters
    return [one[0] if len(one) == 1 else np.sort(np.concatenate(one)) for one in groups.values()]


def _root(owner: list[int], one: int) -> int:
    while owner[one] != one:
        one = owner[one]
    return one


class _Pieces:
    """The clusters of a frame, and how near they are."""

    def __init__(
        self, clusters: list[NDArray[np.int64]], pixels: Readable, calibration: Calibration
    ) -> None:
        self._pixels = pixels
        self._calibration = calibration
        places = [np.divmod(cluster, pixels.shape[1]) for cluster in clusters]
        self._rows = [rows for rows, _ in places]
        self._cols = [cols for _, cols in places]
        self._lit = np.sort(np.concatenate(clusters))
        self._top = np.array([rows[0] for rows in self._rows])
        self._bottom = np.array([rows[-1] for rows in self._rows])
        self._left = np.array([cols.min() for cols in self._cols])
        self._right = np.array([cols.max() for cols in self._cols])
        self._apart = self._aligned() if len(clusters) >= _LEAST_ALIGNED else set()
        seen_px = calibration.cover.lit_px + _UNSEEN_LIT_PX / max(calibration.frames_used, 1)
        self._usual_px = seen_px / _LIT_SHARE

    def near_pairs(self) -> list[tuple[int, int]]:
        """Pairs whose boxes have at most `REACH_PX` between them, the nearest first."""
        down = self._top[:, None] - self._bottom[None, :]
        over = self._left[:, None] - self._right[None, :]
        gap_px = np.maximum(np.maximum(down, down.T), np.maximum(over, over.T)) - 1
        first, second = np.nonzero(np.triu(gap_px <= REACH_PX, 1))
        order = np.argsort(gap_px[first, second], kind="stable")
        return list(zip(first[order].tolist(), second[order].tolist(), strict=True))

    def belong(self, one: int, other: int) -> bool:
        """Whether two clusters are pieces of one particle."""
        sizes_px = len(self._rows[one]), len(self._rows[other])
        # Past a faulty column or row run particles that are no pieces of it.
        line = self._is_line(one) or self._is_line(other)
        past = line and not self._in_one_line(one, other)
        apart = one in self._apart and other in self._apart
        if max(sizes_px) > _MOST_PX or apart or past:
            return False
        ends, front_px = self._nearest(one, other)
        gap_px = steps_px(ends) - 1
        if gap_px <= TOUCH_PX or front_px > _MOST_FRONT_PX:
            return front_px <= _MOST_FRONT_PX
        lit_px = self._length_px(one) + self._length_px(other)
        if gap_px > min(REACH_PX, _MOST_PROVED_LENGTHS * lit_px):
            return False
        if gap_px <= _MOST_FREE_LENGTHS * lit_px and self._is_alone(one, other, gap_px):
            return True
        return proof_sigma(self._pixels, self._calibration, ends, self._lit) > PROOF_SIGMA

    def _is_line(self, one: int) -> bool:
        tall = int(self._bottom[one] - self._top[one]) + 1
        wide = int(self._right[one] - self._left[one]) + 1
        return min(tall, wide) == 1 and max(tall, wide) >= _LEAST_LINE_PX

    def _in_one_line(self, one: int, other: int) -> bool:
        both = [one, other]
        tall = int(self._bottom[both].max() - self._top[both].min())
        wide = int(self._right[both].max() - self._left[both].min())
        return min(tall, wide) == 0

    def _is_alone(self, one: int, other: int, gap_px: int) -> bool:
        """Whether hardly ever a stranger is as near to the larger of two clusters."""
        sizes_px = len(self._rows[one]), len(self._rows[other])
        if min(sizes_px) < _LEAST_FREE_PX or sum(sizes_px) < _LEAST_FREE_SUM_PX:
            return False
        larger = one if sizes_px[0] >= sizes_px[1] else other
        strangers_px = self._usual_px
        if len(self._rows) >= _CROWD:
            strangers_px = max(strangers_px, len(self._lit) - sum(sizes_px))
        expected = strangers_px / sum(sizes_px) * self._area_px(larger, gap_px) / self._pixels.size
        return expected <= STRANGERS

    def _aligned(self) -> set[int]:
        """Clusters with their brightest pixels in one row or column."""
        peaks = []
        for rows, cols in zip(self._rows, self._cols, strict=True):
            excess = self._pixels[rows, cols] - self._calibration.mean_adu[rows, cols]
            brightest = int(excess.argmax())
            peaks.append((int(rows[brightest]), int(cols[brightest])))
        in_row = Counter(row for row, _ in peaks)
        in_col = Counter(col for _, col in peaks)
        return {
            i
            for i, (row, col) in enumerate(peaks)
            if in_row[row] >= _LEAST_ALIGNED or in_col[col] >= _LEAST_ALIGNED
        }

    def _nearest(self, one: int, other: int) -> tuple[Ends, int]:
        """Return the two pixels, one of each cluster, that are nearest, and how many are as near.

        That is the front on which they face each other: the pixels hardly a step further from the
        other cluster than the nearest, in the cluster that has fewer of them.
        """
        rows, cols = self._rows[one], self._cols[one]
        their_rows, their_cols = self._rows[other], self._cols[other]
        squares = (rows[:, None] - their_rows) ** 2 + (cols[:, None] - their_cols) ** 2
        i, j = divmod(int(squares.argmin()), len(their_rows))
        near = (math.sqrt(int(squares[i, j])) + _FRONT_DEPTH_PX) ** 2
        front_px = min(int(np.count_nonzero(squares.min(axis=axis) <= near)) for axis in (0, 1))
        return (int(rows[i]), int(cols[i]), int(their_rows[j]), int(their_cols[j])), front_px

    def _length_px(self, one: int) -> float:
        tall, wide = self._bottom[one] - self._top[one], self._right[one] - self._left[one]
        return math.hypot(tall, wide) + 1.0

    def _area_px(self, one: int, gap_px: int) -> int:
        """Pixels that are as near to a cluster's box, the box included."""
        reach = 2 * (gap_px + 1) + 1
        tall, wide = self._bottom[one] - self._top[one], self._right[one] - self._left[one]
        return int((tall + reach) * (wide + reach))
