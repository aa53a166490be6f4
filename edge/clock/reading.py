"""All of this computer's clocks at one instant, and how well two of them were compared."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.clock.base import boottime_ns

_BRACKETS = 10
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Bracket:
    """One comparison of two clocks: UTC of the system = boot time + `offset_ns`.

    `half_width_ns` bounds the error of the comparison.
    """

    boot_ns: int
    offset_ns: int
    half_width_ns: int


def compare_clocks(attempts: int = _BRACKETS) -> Bracket:
    """Read the system clock between two readings of boot time; the tightest of several tries.

    The tightest of ten is some 0.1 µs wide, where a single one may be interrupted for
    milliseconds.
    """
    return min((_bracket() for _ in range(attempts)), key=lambda found: found.half_width_ns)


def _bracket() -> Bracket:
    before = boottime_ns()
    system = time.time_ns()
    after = boottime_ns()
    middle = (before + after) // 2
    return Bracket(middle, system - middle, (after - before + 1) // 2)


@dataclass(frozen=True, slots=True)
class Reading:
    """All clocks at one instant, in ns.

    Attributes
    ----------
    raw_ns : int
        CLOCK_MONOTONIC_RAW, which nobody corrects.
    half_width_ns : int
        Bound of the error with which wall clock and boot time were compared.
    """

    boot_ns: int
    monotonic_ns: int
    wall_ns: int
    raw_ns: int
    half_width_ns: int = 0

    @property
    def offset_ns(self) -> int:
        """Wall clock - boot time."""
        return self.wall_ns - self.boot_ns

    @property
    def asleep_ns(self) -> int:
        """For how long the computer was suspended since the boot."""
        return self.boot_ns - self.monotonic_ns

    @property
    def pushed_ns(self) -> int:
        """How far a daemon's corrections have moved boot time since the boot."""
        return self.monotonic_ns - self.raw_ns


def read_clocks() -> Reading:
    """Read the clocks as if at once: of several tries the one that nothing came between."""
    compared = compare_clocks()
    boot_ns = compared.boot_ns
    asleep_ns = min(_ahead_ns(time.monotonic_ns, boottime_ns) for _ in range(_ATTEMPTS))
    corrected_ns = min(_ahead_ns(_raw_ns, time.monotonic_ns) for _ in range(_ATTEMPTS))
    monotonic_ns = boot_ns - asleep_ns
    return Reading(
        boot_ns,
        monotonic_ns,
        boot_ns + compared.offset_ns,
        monotonic_ns - corrected_ns,
        compared.half_width_ns,
    )


def _ahead_ns(first: Callable[[], int], second: Callable[[], int]) -> int:
    before = first()
    return second() - before


def _raw_ns() -> int:
    return time.clock_gettime_ns(getattr(time, "CLOCK_MONOTONIC_RAW", time.CLOCK_MONOTONIC))
