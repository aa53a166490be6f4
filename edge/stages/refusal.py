"""Which refused candidates are kept for a person to look at: few, and the same every time."""

from __future__ import annotations

from dataclasses import replace

from edge.stages.outcome import Refused, Settled

_MOST = 8


class RefusedSample:
    """Keeps the first refused candidate of each reason in each period, at most eight in all."""

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._number = -1
        self._seen: set[str] = set()

    def thin(self, settled: Settled, now_ns: int) -> Settled:
        """Leave of a frame's refused candidates those to be kept."""
        if not settled.refused:
            return settled
        number = now_ns // self._period_ns
        if number != self._number:
            self._number, self._seen = number, set()
        kept: list[Refused] = []
        for one in settled.refused:
            if len(self._seen) < _MOST and one.reason not in self._seen:
                self._seen.add(one.reason)
                kept.append(one)
        return replace(settled, refused=tuple(kept))
