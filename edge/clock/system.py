"""The operating system's clock beside boot time, and the kernel's word on how good it is."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard

from edge.clock.base import UNSYNCED_BOUND_S, Known, Stamp, boottime_ns, drift_s, read_boot_id

_BRACKETS = 10
_PERSUADED_NS = 86_400 * 1_000_000_000
_SAME_NS = 1_000_000_000


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
    floor_s : int
        Unix time that surely is past (`edge.clock.kept`): a clock before it is not believed, unless
        it is called good and goes on for a day; then the floor was wrong.
    """

    def __init__(
        self,
        refresh_s: float = 4.0,
        max_error_s: Callable[[], float | None] = kernel_max_error_s,
        floor_s: int = 0,
    ) -> None:
        self._floor_ns = floor_s * 1_000_000_000
        self._doubted: Bracket | None = None
        self._refresh_ns = int(refresh_s * 1e9)
        self._max_error_s = max_error_s
        self._boot_id = read_boot_id()
        self._told = Known()
        self._seen = self._look()

    @property
    def boot_id(self) -> str | None:
        """The kernel's id of this boot."""
        return self._boot_id

    def boottime_ns(self) -> int:
        """Now, on CLOCK_BOOTTIME."""
        return boottime_ns()

    def stamp(self, time_ns: int) -> Stamp:
        """Date an instant of boot time, past or near future."""
        seen = self._seen
        if abs(boottime_ns() - seen[0].boot_ns) > self._refresh_ns:
            seen = self._seen = self._look()
        bracket, max_error_s = seen
        utc_ns = time_ns + bracket.offset_ns
        if not _is_good(max_error_s) or self._is_before_floor(bracket):
            return Stamp(utc_ns, None, "unsynced")
        self._told.tell()
        bound_s = max_error_s + bracket.half_width_ns * 1e-9 + drift_s(time_ns - bracket.boot_ns)
        return Stamp(utc_ns, bound_s, "synced")

    def is_known(self) -> bool:
        """Whether the system's clock is set and its error bounded."""
        return self.stamp(boottime_ns()).state != "unsynced"

    def on_known(self, call: Callable[[], None]) -> None:
        """Be told by whoever next asks for the time once it is known."""
        self._told.add(call)

    def _is_before_floor(self, bracket: Bracket) -> bool:
        """Whether it is before what surely is past, and has not stood by that for a day."""
        if bracket.boot_ns + bracket.offset_ns >= self._floor_ns:
            self._doubted = None
            return False
        doubted = self._doubted
        if doubted is None or abs(bracket.offset_ns - doubted.offset_ns) > _SAME_NS:
            self._doubted = doubted = bracket
        return bracket.boot_ns - doubted.boot_ns < _PERSUADED_NS

    def _look(self) -> tuple[Bracket, float | None]:
        """Both at once, replaced as one value, so that threads never see halves of two looks."""
        return compare_clocks(), self._max_error_s()


def _is_good(max_error_s: float | None) -> TypeGuard[float]:
    return max_error_s is not None and max_error_s < UNSYNCED_BOUND_S
