"""What happens to this computer's own clocks: steps and slews by a daemon, and suspends."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from edge.clock.base import boottime_ns
from edge.clock.system import compare_clocks

# The readings are some µs apart, a suspend takes longer and a step that matters is larger.
_STEP_NS = 1_000_000
_ASLEEP_NS = 100_000_000
# A crystal's frequency does not change by this within seconds; a daemon's correction does more.
_SLEW = 5e-6
_SLEW_NS = 20_000
_RATES = 1801
"""Rates of the last hour, whose median is the usual one: a slew of half an hour is still told."""
_CRYSTAL = 100e-6
_LEAST_SPAN_NS = 500_000_000
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """All clocks at one instant, in ns; `raw_ns` is CLOCK_MONOTONIC_RAW, which nobody corrects."""

    boot_ns: int
    monotonic_ns: int
    wall_ns: int
    raw_ns: int


def read_clocks() -> Reading:
    """Read the clocks as if at once: of several tries the one that nothing came between."""
    compared = compare_clocks()
    boot_ns = compared.boot_ns
    asleep_ns = min(_ahead_ns(time.monotonic_ns, boottime_ns) for _ in range(_ATTEMPTS))
    corrected_ns = min(_ahead_ns(_raw_ns, time.monotonic_ns) for _ in range(_ATTEMPTS))
    monotonic_ns = boot_ns - asleep_ns
    return Reading(boot_ns, monotonic_ns, boot_ns + compared.offset_ns, monotonic_ns - corrected_ns)


def _ahead_ns(first: Callable[[], int], second: Callable[[], int]) -> int:
    before = first()
    return second() - before


def _raw_ns() -> int:
    return time.clock_gettime_ns(getattr(time, "CLOCK_MONOTONIC_RAW", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class Change:
    """What happened from the last look to this one; 0 where nothing did."""

    since_ns: int
    boot_ns: int
    asleep_ns: int
    stepped_ns: int
    slewed_ns: int


class LocalClocks:
    """Compares the clocks with the last time.

    CLOCK_BOOTTIME runs on while the computer is suspended and CLOCK_MONOTONIC does not; the wall
    clock keeps its distance from boot time except where somebody sets it. A daemon that corrects
    the system's clock little by little makes boot time run faster or slower, too: told by the raw
    clock, against which it otherwise keeps its rate.

    Attributes
    ----------
    steps, suspends : int
        How many were seen.
    last_step_s : float
        How far the wall clock was set, and where to: positive is forward.
    """

    def __init__(self, read: Callable[[], Reading] = read_clocks) -> None:
        self._read = read
        self._last = read()
        self._rates: deque[float] = deque(maxlen=_RATES)
        self.steps = 0
        self.suspends = 0
        self.last_step_s = 0.0

    def look(self) -> Change:
        """Read the clocks and count what changed."""
        old, new = self._last, self._read()
        self._last = new
        asleep_ns = (new.boot_ns - new.monotonic_ns) - (old.boot_ns - old.monotonic_ns)
        stepped_ns = (new.wall_ns - new.boot_ns) - (old.wall_ns - old.boot_ns)
        if asleep_ns < _ASLEEP_NS:
            asleep_ns = 0
        else:
            self.suspends += 1
        if abs(stepped_ns) < _STEP_NS:
            stepped_ns = 0
        else:
            self.steps += 1
            self.last_step_s = stepped_ns * 1e-9
        return Change(old.boot_ns, new.boot_ns, asleep_ns, stepped_ns, self._slewed_ns(old, new))

    def _slewed_ns(self, old: Reading, new: Reading) -> int:
        """How far boot time was pushed off its usual course."""
        span_ns = new.raw_ns - old.raw_ns
        if span_ns <= 0:
            return 0
        gained_ns = (new.monotonic_ns - old.monotonic_ns) - span_ns
        usual = median(self._rates) if self._rates else gained_ns / span_ns
        usual = min(max(usual, -_CRYSTAL), _CRYSTAL)  # more is a slew that was on from the start
        if span_ns > _LEAST_SPAN_NS:  # over less, a rate is the readings' noise
            self._rates.append(gained_ns / span_ns)
        off_ns = abs(gained_ns - usual * span_ns)
        return round(off_ns) if off_ns > _SLEW_NS + _SLEW * span_ns else 0
