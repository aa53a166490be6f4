"""What happens to this computer's own clocks: steps and slews by a daemon, and suspends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge.clock.base import CRYSTAL_PPM
from edge.clock.reading import Reading, read_clocks
from edge.clock.trace import ASLEEP_NS

STEP_NS = 1_000_000
"""Readings are some µs apart, a step that matters is larger."""

# A crystal's frequency does not change by this within seconds; a daemon's correction does more.
_SLEW = 5e-6
_SLEW_NS = 20_000
_RATES = 1801
"""Rates of the last hour, whose median is the usual one: a slew of half an hour is still told."""
_CRYSTAL = CRYSTAL_PPM * 1e-6
_LEAST_RATES = 16
"""Rates after which one is usual: half a minute."""
_LEAST_SPAN_NS = 500_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """What happened from the last look to this one; 0 where nothing did."""

    since_ns: int
    asleep_ns: int
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
    begun : Reading
        The first look.
    last_step_s : float
        How far the wall clock was set, and where to: positive is forward.
    """

    def __init__(self, read: Callable[[], Reading] = read_clocks) -> None:
        self._read = read
        self.begun = self._last = read()
        self._rates: deque[float] = deque(maxlen=_RATES)
        self.steps = 0
        self.suspends = 0
        self.last_step_s = 0.0

    def look(self) -> Change:
        """Read the clocks and count what changed."""
        old, new = self._last, self._read()
        self._last = new
        asleep_ns = new.asleep_ns - old.asleep_ns
        stepped_ns = new.offset_ns - old.offset_ns
        if asleep_ns < ASLEEP_NS:
            asleep_ns = 0
        else:
            self.suspends += 1
        if abs(stepped_ns) >= STEP_NS:
            self.steps += 1
            self.last_step_s = stepped_ns * 1e-9
        return Change(old.boot_ns, asleep_ns, self._slewed_ns(old, new))

    def _slewed_ns(self, old: Reading, new: Reading) -> int:
        """How far boot time was pushed off its usual course."""
        span_ns = new.raw_ns - old.raw_ns
        if span_ns <= 0:
            return 0
        gained_ns = (new.monotonic_ns - old.monotonic_ns) - span_ns
        usual = self._usual()
        if span_ns > _LEAST_SPAN_NS:  # over less, a rate is the readings' noise
            self._rates.append(gained_ns / span_ns)
        off_ns = abs(gained_ns - usual * span_ns)
        return round(off_ns) if off_ns > _SLEW_NS + _SLEW * span_ns else 0

    def _usual(self) -> float:
        """Rate by which boot time is corrected all the time."""
        if len(self._rates) < _LEAST_RATES:
            return 0.0
        middle = sorted(self._rates)[len(self._rates) // 2]
        return middle if abs(middle) <= _CRYSTAL else 0.0  # more: a slew from the start on
