"""What is published beside the outbox: retained topics, of which the newest counts, and replies."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

_REPLIES = 32


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

    def take(self) -> Beside | None:
        """The next one that is due."""
        with self._lock:
            if self._due:
                name = self._due.pop()
                return Beside(name, self._kept[name], retain=True)
            if self._replies:
                return Beside("reply", self._replies.popleft(), retain=False)
            return None

    def put_back(self, one: Beside) -> None:
        """It could not be sent; what is kept is due again with the next connection anyway."""
        with self._lock:
            if not one.retain:
                self._replies.appendleft(one.payload)
