"""Messages that nobody would take: kept beside the outbox for a person to look at, for a time.

Each was declared lost when it was set aside, so that letting go of it is no loss to tell; it is
counted.
"""

from __future__ import annotations

import sqlite3
import time

from edge.delivery.seal import Owed
from edge.delivery.state import State
from edge.messages import format_utc_ns

DROPPED = "aside_dropped"
"""Counter of those that were let go since the file began."""


def put_aside(db: sqlite3.Connection, state: State, seq: int, row: Owed, why: str) -> None:
    """Take a message out of what is owed; works inside a transaction."""
    state.counters["refused"] += 1
    # A number of its own, which none had before: what is old is told by it.
    db.execute("DELETE FROM set_aside WHERE epoch = ? AND seq = ?", (state.epoch, seq))
    db.execute(
        "INSERT INTO set_aside (rowid, epoch, seq, kind, reason, utc, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(last_number(state), state.epoch, seq, row.kind, why),
            *(format_utc_ns(time.time_ns()), row.text),
        ),
    )
    db.execute("DELETE FROM outbox WHERE seq = ?", (seq,))
    db.execute("UPDATE archive SET owed = 0 WHERE epoch = ? AND seq = ?", (state.epoch, seq))


def last_number(state: State) -> int:
    """Number of what was set aside last; rises for good."""
    return int(state.counters["refused"])


def drop_oldest(
    db: sqlite3.Connection, state: State, at_most: int, last_number: int | None = None
) -> int:
    """Let go of the oldest, up to a number where one is given; returns how many went."""
    limit = last_number if last_number is not None else state.counters["refused"]
    dropped = db.execute(
        "DELETE FROM set_aside WHERE rowid IN"
        " (SELECT rowid FROM set_aside WHERE rowid <= ? ORDER BY rowid LIMIT ?)",
        (limit, at_most),
    ).rowcount
    state.counters[DROPPED] += dropped
    return dropped
