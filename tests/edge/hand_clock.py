"""A clock that is set by hand: boot time and whether UTC is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.clock import Stamp
from edge.messages.utc import format_utc_ns

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

    def boottime_ns(self) -> int:
        return round(self.now_s * NS)

    def stamp(self, time_ns: int) -> Stamp:
        if not self.known:
            return Stamp(WRONG_NS + time_ns, None, "unsynced")
        return Stamp(RIGHT_NS + time_ns, 0.002, "synced")

    def message(self, from_boot_ns: int, to_boot_ns: int) -> dict[str, Any] | None:
        if not self.known:
            return None
        return {
            "boot_id": self.boot_id,
            "reference_boot_ns": to_boot_ns,
            "reference_utc": format_utc_ns(RIGHT_NS + to_boot_ns),
            "rate_ppm": 0.0,
            "from_boot_ns": from_boot_ns,
            "to_boot_ns": to_boot_ns,
            "uncertainty_s": 0.002,
            "state": "synced",
            "source": "by hand",
        }

    def status(self) -> None:
        return None

    def close(self) -> None:
        pass
