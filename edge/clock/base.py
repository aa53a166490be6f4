"""What a clock is: it dates instants of a source's axis in UTC, with a bound of the error."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from edge.clock.status import ClockStatus

ClockState: TypeAlias = Literal["synced", "holdover", "unsynced"]

DRIFT_PPM = 15.0
"""How fast a clock walks off at most whose frequency is known or corrected (RFC 5905's PHI)."""

CRYSTAL_PPM = 100.0
"""How far a crystal may be off that nobody has measured: what cheap ones are sold with."""

PERSUADED_NS = 86_400 * 1_000_000_000
"""Who contradicts what was known before, and nobody else speaks, is believed after a day."""

ASLEEP_S = 1.0
ASLEEP_RATE = 100e-6
"""The kernel counts the time asleep by the hardware clock, which tells whole seconds."""

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

    def message(self, from_boot_ns: int, to_boot_ns: int) -> dict[str, Any] | None:
        """Body of a ``clock`` message for a span: how its boot time is UTC, with the bound there.

        None where UTC is not known, or the axis is no boot time.
        """

    def status(self) -> ClockStatus | None:
        """What is known of the servers it asks itself; None where it asks none."""

    def close(self) -> None:
        """End what it does by itself."""


def boottime_ns() -> int:
    """CLOCK_BOOTTIME in ns, which goes on during sleep; CLOCK_MONOTONIC where there is none."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def drift_s(span_ns: int) -> float:
    """How far a clock that is corrected may walk off in a span, in s."""
    return abs(span_ns) * 1e-9 * DRIFT_PPM * 1e-6


def read_boot_id() -> str | None:
    """Id of this boot; None where the kernel tells none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
