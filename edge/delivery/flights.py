"""What was published on a connection and has no PUBACK yet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flight:
    """A publish without its PUBACK; `seq` is None for what is outside the outbox."""

    name: str
    since_s: float
    seq: int | None = None


class Flights(dict[int, Flight]):
    """By the identifier that the PUBACK will name."""

    def oldest_s(self, now_s: float) -> float:
        """When the oldest was published; now where there is none."""
        return min((flight.since_s for flight in self.values()), default=now_s)

    def beside(self) -> list[Flight]:
        """Those from outside the outbox."""
        return [flight for flight in self.values() if flight.seq is None]

    def forget_seqs(self) -> None:
        """Take the PUBACKs still to come for none of the outbox's: a new epoch."""
        for mid, flight in self.items():
            self[mid] = Flight(flight.name, flight.since_s)
