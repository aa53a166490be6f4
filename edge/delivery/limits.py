"""How much the outbox may hold: bytes, days and delivered hits, kept to in each commit."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence

from edge.delivery import age
from edge.delivery.archive import count_idle, drop_idle, trim_delivered
from edge.delivery.refused import DROPPED
from edge.delivery.room import make_room, needed_bytes
from edge.delivery.state import State
from edge.detection import Draft
from edge.messages import encode

_LOG = logging.getLogger(__name__)

_ENVELOPE_BYTES = 512
_SAY_EVERY_S = 60.0
_FORGOTTEN_AT_ONCE = 1024
_COUNTED = {"picture": "pictures_dropped", "set aside": DROPPED}
"""What goes that was not owed, or not whole; and its counter."""


class Limits:
    """Keeps a file within its limits; each call works inside the caller's transaction.

    Parameters
    ----------
    max_bytes : int
        Of the file.
    max_days : int
        Age at which a message goes that nobody took, a hit that was delivered, and what was set
        aside.
    archive_rows : int
        Hits kept, those that are owed among them; an owed one never goes for this.
    """

    def __init__(self, max_bytes: int, max_days: int, archive_rows: int) -> None:
        self._max_bytes = max_bytes
        self._max_days = max_days
        self.archive_rows = archive_rows
        self._idle: tuple[int, int] | None = None
        self._days = age.DayMarks()
        self._may_expire = True
        self._gone: Counter[str] = Counter()
        self._said_at_s = float("-inf")

    def keep(
        self, db: sqlite3.Connection, state: State, drafts: Sequence[Draft], day: int | None
    ) -> None:
        """Make way for messages that are about to be stored.

        Parameters
        ----------
        day : int or None
            Today in days since 1970, by a clock that knows the time; else None.
        """
        if not drafts:
            return
        origin = drafts[0].origin
        before = {name: state.counters[name] for name in _COUNTED.values()}
        lost = self._by_age(db, state, day, origin) if day is not None else []
        self._forget(db, state, sum(draft.kind == "hit" for draft in drafts))
        sizes = [len(encode(draft.body)) + _ENVELOPE_BYTES for draft in drafts]
        lost += make_room(db, state, needed_bytes(sizes), self._max_bytes, origin)
        self._gone.update(kind for _, kind in lost)
        for what, name in _COUNTED.items():
            self._gone[what] += state.counters[name] - before[name]
        self._say()

    def _by_age(
        self, db: sqlite3.Connection, state: State, day: int, origin: str
    ) -> list[tuple[int, str]]:
        if self._days.mark(db, state, day):
            self._may_expire = True
        if not self._may_expire:
            return []
        lost, self._may_expire = age.expire(db, state, self._max_days, origin)
        return lost

    def _forget(self, db: sqlite3.Connection, state: State, hits: int) -> None:
        """Keep no more of what was delivered than is wanted; it is counted once in a while."""
        trim_delivered(db)
        sums = state.counters
        let_go = sums["hits_acknowledged"] + sums["refused"]
        owed = state.owed_hits + hits
        spare = self.archive_rows // 100
        if self._idle is not None:
            idle = self._idle[0] + let_go - self._idle[1]
            if idle + owed <= self.archive_rows or not idle:
                return
        idle = count_idle(db)
        excess = min(idle, idle + owed - self.archive_rows + spare)
        if excess > spare:
            idle -= drop_idle(db, min(excess, _FORGOTTEN_AT_ONCE))
        self._idle = idle, let_go

    def _say(self) -> None:
        """Say what went, at most once a minute: a full outbox drops something every few commits."""
        now_s = time.monotonic()
        if not self._gone.total() or now_s - self._said_at_s < _SAY_EVERY_S:
            return
        gone = ", ".join(f"{count} {kind}" for kind, count in sorted(self._gone.items()) if count)
        _LOG.warning("outbox is at its limits: given up, and declared so: %s", gone)
        self._gone.clear()
        self._said_at_s = now_s
