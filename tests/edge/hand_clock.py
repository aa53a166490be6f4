"""A clock that is set by hand: boot time and whether UTC is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.clock import Stamp

NS = 1_000_000_000
BOOT = "b00t"
WRONG_NS = 1_700_000_000 * NS
"""UTC of boot time 0 as the computer believes it before it knows better."""
RIGHT_NS = 1_780_000_000 * NS


@dataclass
class HandClock:
    """Unsynced and years behind until it is known."""

    now_s: float = 100.0
    known: bool = False
    boot_id: str | None = BOOT

    def is_known(self) -> bool:
        return self.known

    def on_known(self, call: Callable[[], None]) -> None:
        if self.known:
            call()

    def boottime_ns(self) -> int:
        return round(self.now_s * NS)

    def stamp(self, time_ns: int) -> Stamp:
        if not self.known:
            return Stamp(WRONG_NS + time_ns, None, "unsynced")
        return Stamp(RIGHT_NS + time_ns, 0.002, "synced")
