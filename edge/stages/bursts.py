"""Bursts: more hits at once than the rig's own rate explains."""

from __future__ import annotations

import math
from collections import deque

from edge.stages.poisson import limit
from edge.stages.rate import LearnedRate

BURST = "burst"
_WINDOW_NS = 60_000_000_000
_LEAST = 10
_CHANCE = 1e-6
_LEARNED_MIN = 10.0
_DEVIATIONS = 3.0


class Bursts:
    """Refuses the hits of a frame with which the last 60 s hold too many.

    Too many is what comes up with a chance below 1e-6 at the learned rate (its upper bound of 3
    standard deviations, since ten minutes teach it), and at least 10. In the first ten minutes of
    live time nothing is refused.

    The network's server drops a detection that has 10 others of its device within 60 s *before
    or after* it: it judges long after the fact. A rig hands its hits on at once and can only look
    back, so that a burst's first hits pass, up to the limit; the server may still drop them.
    """

    def __init__(self, rate: LearnedRate) -> None:
        self._rate = rate
        self._recent: deque[tuple[int, int]] = deque()
        self._count = 0
        self._known = (-1.0, _LEAST)

    def refuses(self, hits: int, now_ns: int) -> bool:
        """Count a frame's hits; True when they are part of a burst."""
        while self._recent and now_ns - self._recent[0][0] >= _WINDOW_NS:
            self._count -= self._recent.popleft()[1]
        if not hits:
            return False
        self._recent.append((now_ns, hits))
        self._count += hits
        return self._rate.settled and self._count > self._limit()

    def _limit(self) -> int:
        if self._count <= _LEAST:
            return _LEAST
        mean = self._rate.per_min
        if mean != self._known[0]:
            highest = mean + _DEVIATIONS * math.sqrt(mean / _LEARNED_MIN)
            self._known = (mean, max(_LEAST, limit(_CHANCE, highest)))
        return self._known[1]
