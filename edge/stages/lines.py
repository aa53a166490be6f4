"""Rows and columns that light more often than the others, over many frames.

A faulty column or the noise of the first rows to be read makes a candidate here and there along
one line: no single frame shows it, no place repeats. Each line's new candidates are tested like
the lightings of a place: k of them in a time T against the rate of the whole sensor, over the last
4 to 32. A line is refused from where the chance, times the number of trials, is below 1e-6, until
it was quiet for ten minutes and ten of its mean intervals. The two rows and columns at each border
are fewer, and known for it: their trials are their own number.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.stages.poisson import at_least
from edge.stages.rate import PixelRate

_CHANCE = 1e-6
_LENGTHS = (4, 5, 6, 8, 11, 16, 23, 32)
_MOST_RECENT = _LENGTHS[-1]
_BORDER = 2
_QUIET_NS = 600_000_000_000
_QUIET_INTERVALS = 10
_LEAST_SPAN_NS = 10_000_000


@dataclass(slots=True)
class _Line:
    recent: list[int] = field(default_factory=list)
    tests: int = 0
    bad: bool = False

    def is_healed(self, now_ns: int) -> bool:
        first, last = self.recent[0], self.recent[-1]
        interval_ns = (last - first) // max(len(self.recent) - 1, 1)
        return now_ns - last > max(_QUIET_NS, _QUIET_INTERVALS * interval_ns)


class Lines:
    """Refuses candidates on rows and columns that are at fault.

    Parameters
    ----------
    rate : PixelRate
        The sensor's own.
    height_px, width_px : int
        Of the frame.
    """

    def __init__(self, rate: PixelRate, height_px: int, width_px: int) -> None:
        self._rate = rate
        self._size = (height_px, width_px)
        self._rows: dict[int, _Line] = {}
        self._cols: dict[int, _Line] = {}

    def refuses(self, y_px: int, x_px: int, now_ns: int) -> bool:
        """Count a candidate at a place that never lit before; True on a line at fault."""
        height, width = self._size
        row = self._count(self._rows.setdefault(y_px, _Line()), now_ns, y_px, height, width)
        col = self._count(self._cols.setdefault(x_px, _Line()), now_ns, x_px, width, height)
        return row or col

    def is_bad(self, y_px: int, x_px: int, now_ns: int) -> bool:
        """Whether a candidate would be refused now; nothing is counted."""
        lines = (self._rows.get(y_px), self._cols.get(x_px))
        return any(line is not None and line.bad and not line.is_healed(now_ns) for line in lines)

    def _count(self, line: _Line, now_ns: int, index: int, lines: int, length_px: int) -> bool:
        if line.bad and line.is_healed(now_ns):
            line.recent, line.bad = [], False
        line.recent = [*line.recent[1 - _MOST_RECENT :], now_ns]
        lengths = [k for k in _LENGTHS if k <= len(line.recent)]
        if line.bad or not lengths:
            return line.bad
        line.tests += len(lengths)
        at_border = min(index, lines - 1 - index) < _BORDER
        trials = line.tests * (4 * _BORDER if at_border else sum(self._size))
        per_ns = self._rate.per_px_ns * length_px
        for k in lengths:
            span_ns = max(now_ns - line.recent[-k], _LEAST_SPAN_NS)
            line.bad |= trials * at_least(k - 1, per_ns * span_ns) < _CHANCE
        return line.bad
