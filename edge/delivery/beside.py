"""What is published beside the outbox: retained topics, of which the newest counts, and replies.

A broker may hang up on a message that is too large for it, and many do not say what they take. Such
a one comes again on each connection, before anything that is owed: it would keep all hits on the
rig. So what a broker hung up on is sent alone next, and left out if it was that.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from edge.delivery.flights import Flight

_LOG = logging.getLogger(__name__)

_REPLIES = 32
_HANG_UPS = 3
_ANSWER_S = 5.0
STATUS = "status"


class Commanded(Protocol):
    """Takes what comes on the rig's command topic; on the uplink's thread, so it must not wait."""

    def __call__(self, payload: bytes, *, retained: bool) -> None:
        """Take one; `retained` where the broker had kept it."""


@dataclass(frozen=True, slots=True)
class Beside:
    """One publish outside the outbox."""

    name: str
    payload: bytes
    retain: bool


class BesideQueue:
    """What of it is due; filled from any thread, emptied by the uplink's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, bytes] = {}
        self._due: set[str] = set()
        self._replies: deque[bytes] = deque(maxlen=_REPLIES)
        self._suspects: Counter[str] = Counter()
        self._refused_bytes: dict[str, int] = {}
        self._alone = ""
        self.left_out: dict[str, str] = {}
        """Why one is not published, by its name."""

    def keep(self, name: str, payload: bytes) -> None:
        """Publish this, retained, now and at each new connection; only the newest counts."""
        with self._lock:
            self._kept[name] = payload
            self._due.add(name)

    def reply(self, payload: bytes) -> None:
        """Publish an answer to a command once; of too many the newest."""
        with self._lock:
            self._replies.append(payload)

    def connected(self) -> None:
        """All that is kept is due on a new connection."""
        with self._lock:
            self._due = set(self._kept)

    @property
    def wants_quiet(self) -> bool:
        """Whether one that a broker hung up on is in flight: nothing else should be."""
        return bool(self._alone)

    def take(self, most_bytes: int, in_flight: int) -> Beside | None:
        """The next one that is due and no longer than `most_bytes`."""
        with self._lock:
            if self._alone:
                return None
            for name in sorted(self._due):
                if self._may_go(name, most_bytes, in_flight):
                    self._due.discard(name)
                    return Beside(name, self._kept[name], retain=True)
            while self._replies:
                reply = self._replies.popleft()
                if len(reply) <= most_bytes:
                    return Beside("reply", reply, retain=False)
                _LOG.warning("an answer of %d bytes is too large for the broker", len(reply))
            return None

    def put_back(self, one: Beside) -> None:
        """It could not be sent; what is kept is due again with the next connection anyway."""
        with self._lock:
            if not one.retain:
                self._replies.appendleft(one.payload)

    def taken(self, name: str) -> None:
        """The broker has answered: it does not hang up on this one."""
        with self._lock:
            self._suspects.pop(name, None)
            self._refused_bytes.pop(name, None)
            if name == self._alone:
                self._alone = ""

    def ended(self, flights: Iterable[Flight], now_s: float, *, hung_up: bool) -> None:
        """A connection is over; `flights` had no answer, and the broker may have `hung_up`."""
        with self._lock:
            alone, self._alone = self._alone, ""
            if not hung_up:
                return
            for flight in flights:
                name = flight.name
                if name not in self._kept or now_s - flight.since_s > _ANSWER_S:
                    continue
                # The first time it went with others.
                self._suspects[name] = max(1, self._suspects[name] + (name == alone))
                if self._suspects[name] > _HANG_UPS:
                    self._refused_bytes[name] = len(self._kept[name])

    def _may_go(self, name: str, most_bytes: int, in_flight: int) -> bool:
        size = len(self._kept[name])
        limit = min(most_bytes, self._refused_bytes.get(name, size + 1) - 1)
        if size > limit:
            self._leave_out(name, size)
            return False
        self.left_out.pop(name, None)
        if name not in self._suspects:
            return True
        if in_flight:
            return False
        self._alone = name
        return True

    def _leave_out(self, name: str, size: int) -> None:
        self._due.discard(name)
        why = f"the broker does not take {name} ({size} bytes); raise its largest packet"
        if name not in self.left_out:
            _LOG.warning("%s", why)
        self.left_out[name] = why
