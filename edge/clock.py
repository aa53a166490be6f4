"""From a source's time axis to UTC, with a bound of the error and how far it is to be trusted.

Events are timed on CLOCK_BOOTTIME, which never steps, and resolved to UTC late, so that a clock
that is set while a hit waits dates the hit right. A recording's axis is Unix time already.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

ClockState: TypeAlias = Literal["synced", "holdover", "unsynced"]

DRIFT_PPM = 15.0
"""How fast a free-running crystal of a rig walks off at most, once it was disciplined."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BRACKETS = 10
# The kernel's own limit: it lets maxerror grow to 16 s and then calls the clock unsynchronised.
# systemd trusts this and not STA_UNSYNC, which chrony without rtcsync leaves set.
_UNSYNCED_S = 16.0


@dataclass(frozen=True, slots=True)
class Stamp:
    """An instant in UTC.

    Attributes
    ----------
    utc_ns : int
        Unix time in ns.
    uncertainty_s : float or None
        Bound of the clock's error alone; None where nobody can state one.
    state : str
        synced, holdover (was synced, runs free) or unsynced.
    """

    utc_ns: int
    uncertainty_s: float | None
    state: ClockState


class Clock(Protocol):
    """Dates instants of a source's time axis."""

    @property
    def boot_id(self) -> str | None:
        """Boot during which the axis counts; None where the axis is no boot time."""

    def boottime_ns(self) -> int:
        """Now, on CLOCK_BOOTTIME."""

    def stamp(self, time_ns: int) -> Stamp:
        """Date an instant of the axis (`edge.timeline`): boot time of a live source, else Unix."""


def boottime_ns() -> int:
    """CLOCK_BOOTTIME in ns, which goes on during sleep; CLOCK_MONOTONIC where there is none."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


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


class _Timex(ctypes.Structure):
    """The head of ``struct timex``; the rest is room for what the kernel writes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def kernel_max_error_s() -> float | None:
    """Bound of the system clock's error as the kernel keeps it (``adjtimex``), in s.

    A clock daemon sets it and the kernel lets it grow by 500 ppm. None where the kernel can't be
    asked: another system, or a sandbox.
    """
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError, TypeError):
        return None
    timex = _Timex()  # modes 0: read only
    if adjtimex(ctypes.byref(timex)) < 0:
        return None
    return float(timex.maxerror) * 1e-6


class SystemClock:
    """The operating system's clock, and the kernel's word on how good it is.

    Parameters
    ----------
    refresh_s : float
        Age at which the comparison of the two clocks is made again.
    max_error_s : callable
        The kernel's bound; None or 16 s and more: unsynced, and nobody can state a bound, since
        a clock that was never set may be off by years.
    """

    def __init__(
        self,
        refresh_s: float = 4.0,
        max_error_s: Callable[[], float | None] = kernel_max_error_s,
    ) -> None:
        self._refresh_ns = int(refresh_s * 1e9)
        self._max_error_s = max_error_s
        self._boot_id = read_boot_id()
        self._known = self._look()

    @property
    def boot_id(self) -> str | None:
        """The kernel's id of this boot."""
        return self._boot_id

    def boottime_ns(self) -> int:
        """Now, on CLOCK_BOOTTIME."""
        return boottime_ns()

    def stamp(self, time_ns: int) -> Stamp:
        """Date an instant of boot time, past or near future."""
        known = self._known
        if abs(boottime_ns() - known[0].boot_ns) > self._refresh_ns:
            known = self._known = self._look()
        bracket, max_error_s = known
        utc_ns = time_ns + bracket.offset_ns
        if max_error_s is None or max_error_s >= _UNSYNCED_S:
            return Stamp(utc_ns, None, "unsynced")
        bound_s = max_error_s + bracket.half_width_ns * 1e-9 + drift_s(time_ns - bracket.boot_ns)
        return Stamp(utc_ns, bound_s, "synced")

    def _look(self) -> tuple[Bracket, float | None]:
        """Both at once, replaced as one value, so that threads never see halves of two looks."""
        return compare_clocks(), self._max_error_s()


class RecordedClock:
    """The clock of a recording: its axis is Unix time, as good as whoever recorded it was.

    Always unsynced with an unknown bound: nobody can ask that clock any more. A recording without
    times counts from 1970-01-01 (`edge.timeline.RecordedTimeline`).
    """

    @property
    def boot_id(self) -> str | None:
        """None: replayed today or in a year, a recording gives the same bytes."""
        return None

    def boottime_ns(self) -> int:
        """Now, on this machine's CLOCK_BOOTTIME."""
        return boottime_ns()

    def stamp(self, time_ns: int) -> Stamp:
        """The instant itself."""
        return Stamp(time_ns, None, "unsynced")


def drift_s(span_ns: int) -> float:
    """How far a free-running clock may walk off in a span, in s."""
    return abs(span_ns) * 1e-9 * DRIFT_PPM * 1e-6


def read_boot_id() -> str | None:
    """Id of this boot; None where the kernel tells none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
