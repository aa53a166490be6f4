"""What happened to boot time since the boot: how much surer now is than an instant before.

The system's clock is right now, by its daemon's word. An instant of before is that far from now on
boot time only if boot time ran as UTC did: a daemon that corrects the clock little by little pushes
boot time, too, and a suspend is counted in whole seconds.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from edge.clock.base import ASLEEP_RATE, ASLEEP_S, CRYSTAL_PPM, DRIFT_PPM
from edge.clock.reading import Reading

ASLEEP_NS = 100_000_000
"""Readings are some µs apart, a suspend takes longer."""

_APART_NS = 16_000_000_000
_MOST_MARKS = 8192
_RATES = 64
_LEAST_SPAN_NS = 500_000_000
_SETTLED_NS = 50_000
_STEADY = DRIFT_PPM * 1e-6
_CRYSTAL = CRYSTAL_PPM * 1e-6


@dataclass(frozen=True, slots=True)
class _Mark:
    boot_ns: int
    pushed_ns: int = 0
    slept_s: float = 0.0
    """How wrong the time asleep may have been counted, all suspends added up."""


class Trace:
    """Marks of how far boot time was pushed, one each 16 s."""

    def __init__(self) -> None:
        self._marks = [_Mark(0)]  # nobody has pushed a clock at the boot
        self._last: tuple[Reading, _Mark] | None = None
        self._rates: list[float] = []

    def add(self, now: Reading) -> float:
        """Take in what the clocks say now; how wrong a suspend since the last time may be, in s."""
        asleep_s, slept_s = 0.0, 0.0
        if self._last is not None:
            before, mark = self._last
            slept_s = mark.slept_s
            asleep_ns = now.asleep_ns - before.asleep_ns
            if asleep_ns >= ASLEEP_NS:
                asleep_s = ASLEEP_S + asleep_ns * 1e-9 * ASLEEP_RATE
            self._learn(before, now)
            if asleep_s or now.boot_ns - self._marks[-1].boot_ns >= _APART_NS:
                self._keep(mark)
        else:
            self._keep(_Mark(now.boot_ns, now.pushed_ns))
        self._last = (now, _Mark(now.boot_ns, now.pushed_ns, slept_s + asleep_s))
        return asleep_s

    def doubt_s(self, time_ns: int) -> float:
        """How far boot time may have strayed between an instant and the last reading."""
        return self.most_doubt_s(time_ns, time_ns)

    def most_doubt_s(self, from_ns: int, to_ns: int) -> float:
        """The same, at the worst instant of a span."""
        if self._last is None or from_ns >= self._last[1].boot_ns:
            return 0.0
        last = self._last[1]
        begin, end = (
            bisect_right(self._marks, at_ns, key=lambda mark: mark.boot_ns)
            for at_ns in (from_ns, to_ns)
        )
        around = self._marks[max(begin - 1, 0) : end + 1]
        usual = self._usual()
        return max(_strayed_s(mark, last, usual) for mark in around)

    def _usual(self) -> float | None:
        """How much a daemon corrects the crystal; None where that is not steady."""
        if not self._rates:
            return 0.0
        rates = sorted(self._rates)
        least, usual, most = rates[0], rates[len(rates) // 2], rates[-1]
        return usual if most - least <= _STEADY and abs(usual) <= _CRYSTAL else None

    def _learn(self, before: Reading, now: Reading) -> None:
        span_ns = now.raw_ns - before.raw_ns
        if span_ns > _LEAST_SPAN_NS:  # over less, a rate is the readings' noise
            self._rates = [*self._rates, (now.pushed_ns - before.pushed_ns) / span_ns][-_RATES:]

    def _keep(self, mark: _Mark) -> None:
        if mark.boot_ns > self._marks[-1].boot_ns:
            self._marks.append(mark)
        if len(self._marks) > _MOST_MARKS:
            del self._marks[1 : _MOST_MARKS // 4]


def _strayed_s(mark: _Mark, last: _Mark, usual: float | None) -> float:
    pushed_ns, span_ns = last.pushed_ns - mark.pushed_ns, last.boot_ns - mark.boot_ns
    slept_s = last.slept_s - mark.slept_s
    if usual is not None:
        # What a daemon corrects now, it may not have known to correct then.
        unlearned_ns = abs(pushed_ns - usual * span_ns)
        if unlearned_ns <= _SETTLED_NS + _STEADY * span_ns:
            return max(abs(pushed_ns), unlearned_ns) * 1e-9 + slept_s
    return (abs(pushed_ns) + _CRYSTAL * span_ns) * 1e-9 + slept_s
