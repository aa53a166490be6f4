"""What happens to this computer's own clocks: steps of the wall clock, and suspends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from edge.clock.base import boottime_ns
from edge.clock.system import compare_clocks

Reading: TypeAlias = tuple[int, int, int]
"""Boot time, monotonic time and Unix time of one instant, in ns."""

# The readings are some µs apart, a suspend takes longer and a step that matters is larger.
_STEP_NS = 1_000_000
_ASLEEP_NS = 100_000_000


def read_clocks() -> Reading:
    """All three clocks at once."""
    compared = compare_clocks()
    ahead_ns = boottime_ns() - time.monotonic_ns()
    boot_ns = compared.boot_ns
    return boot_ns, boot_ns - ahead_ns, boot_ns + compared.offset_ns


@dataclass(frozen=True, slots=True)
class Change:
    """What happened since the last look; 0 where nothing did."""

    boot_ns: int
    asleep_ns: int
    stepped_ns: int


class LocalClocks:
    """Compares the three clocks with the last time.

    CLOCK_BOOTTIME runs on while the computer is suspended and CLOCK_MONOTONIC does not; the wall
    clock keeps its distance from boot time except where somebody sets it.

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
        self.steps = 0
        self.suspends = 0
        self.last_step_s = 0.0

    def look(self) -> Change:
        """Read the clocks and count what changed."""
        old, new = self._last, self._read()
        self._last = new
        asleep_ns = (new[0] - new[1]) - (old[0] - old[1])
        stepped_ns = (new[2] - new[0]) - (old[2] - old[0])
        if asleep_ns < _ASLEEP_NS:
            asleep_ns = 0
        else:
            self.suspends += 1
        if abs(stepped_ns) < _STEP_NS:
            stepped_ns = 0
        else:
            self.steps += 1
            self.last_step_s = stepped_ns * 1e-9
        return Change(new[0], asleep_ns, stepped_ns)
