"""What a clock is: it dates instants of a source's axis in UTC, with a bound of the error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

ClockState: TypeAlias = Literal["synced", "holdover", "unsynced"]

DRIFT_PPM = 15.0
"""How fast a free-running crystal of a rig walks off at most (RFC 5905's PHI)."""

UNSYNCED_BOUND_S = 16.0
"""NTP's own limit (RFC 5905, MAXDISP), and the kernel's: who is further off does not know the time.

systemd trusts this and not STA_UNSYNC, which chrony without rtcsync leaves set.
"""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


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

    def is_known(self) -> bool:
        """Whether UTC is known now, within a stated bound; as cheap as a stamp."""

    def on_known(self, call: Callable[[], None]) -> None:
        """Be told once that UTC is known: at once, or by the thread that finds it out."""


class Known:
    """Whether UTC was ever known, and who wants to be told the first time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known = False
        self._calls: list[Callable[[], None]] = []

    def add(self, call: Callable[[], None]) -> None:
        """Call it once: now, if UTC is known already."""
        with self._lock:
            if not self._known:
                self._calls.append(call)
                return
        call()

    def tell(self) -> None:
        """UTC is known: call all who wait."""
        if self._known:
            return
        with self._lock:
            self._known = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()


def boottime_ns() -> int:
    """CLOCK_BOOTTIME in ns, which goes on during sleep; CLOCK_MONOTONIC where there is none."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def drift_s(span_ns: int) -> float:
    """How far a free-running clock may walk off in a span, in s."""
    return abs(span_ns) * 1e-9 * DRIFT_PPM * 1e-6


def read_boot_id() -> str | None:
    """Id of this boot; None where the kernel tells none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
