"""What was published and has no PUBACK yet, and how much more may be."""

from __future__ import annotations

from dataclasses import dataclass, replace

WINDOW = 100
"""Publishes without a PUBACK, at most; fewer where the broker takes fewer."""
WINDOW_BYTES = 256 << 10
"""And in bytes: a rig has little memory, and what is under way can't be overtaken."""
PUBACK_TIMEOUT_S = 60.0
_LONGEST_S = 600.0
"""Not even where others are acknowledged meanwhile, over a slow line, may one take so long."""
_FIRST_GUESS_BYTES = WINDOW_BYTES // 20


@dataclass(frozen=True, slots=True)
class Flight:
    """A publish without its PUBACK; `seq` is None for what is outside the outbox."""

    name: str
    since_s: float
    size_bytes: int
    seq: int | None = None


class Flights:
    """Publishes under way on one connection, by their message identifiers."""

    def __init__(self) -> None:
        self._flights: dict[int, Flight] = {}
        self._bytes = 0
        self._typical_bytes = _FIRST_GUESS_BYTES
        self._heard_s = 0.0

    def __len__(self) -> int:
        return len(self._flights)

    def clear(self) -> None:
        """Begin a connection, or end it: nothing comes any more."""
        self._flights.clear()
        self._bytes = 0

    def begin(self, mid: int, flight: Flight) -> None:
        """Note a publish."""
        self._flights[mid] = flight
        self._bytes += flight.size_bytes
        if flight.seq is not None:
            # One large crop after many small ones counts soon, and is soon forgotten.
            self._typical_bytes = max(1, flight.size_bytes, 3 * self._typical_bytes // 4)

    def end(self, mid: int, now_s: float) -> Flight | None:
        """Note a PUBACK; None where nobody waits for it."""
        flight = self._flights.pop(mid, None)
        if flight is not None:
            self._bytes -= flight.size_bytes
            self._heard_s = now_s
        return flight

    def room(self, most: int) -> int:
        """How many messages may be published beside these; `most`: what the broker takes.

        0 while it is less than half of what is under way: each look into the outbox has its
        price, and more will be free soon.
        """
        under_way = len(self._flights)
        by_size = max(0, WINDOW_BYTES - self._bytes) // self._typical_bytes
        free = min(min(WINDOW, most) - under_way, by_size)
        if not under_way:
            return max(1, free)
        return free if 2 * free >= under_way else 0

    @property
    def full(self) -> bool:
        """Whether nothing more fits in, by its size."""
        return self._bytes >= WINDOW_BYTES

    def stalled(self, now_s: float) -> bool:
        """Whether the broker owes a PUBACK for too long."""
        oldest_s = min((one.since_s for one in self._flights.values()), default=now_s)
        silent_s = now_s - max(oldest_s, self._heard_s)
        return silent_s >= PUBACK_TIMEOUT_S or now_s - oldest_s >= _LONGEST_S

    def beside(self) -> list[Flight]:
        """Those from outside the outbox."""
        return [flight for flight in self._flights.values() if flight.seq is None]

    def forget_seqs(self) -> None:
        """A new epoch began: the numbers they were sent under are nobody's now."""
        self._flights = {mid: replace(one, seq=None) for mid, one in self._flights.items()}
