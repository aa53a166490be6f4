"""What stays in the file although nobody waits for it: delivered hits and records.

A hit's row in the archive is ``owed`` as long as the outbox names it; an index holds the others.
Records move to a table of their own when they are let go: exposures become CREDO's pings, and all
of them can be sent again to a server that lost them.
"""

from __future__ import annotations

import sqlite3

RECORDS = 50_000
"""Delivered records kept: 34 days of one each minute."""
RECORD_KINDS = frozenset({"exposure", "calibration", "clock"})
_TRIMMED_AT_ONCE = 64
_LAST_ROW = 2**63 - 1


def count_idle(db: sqlite3.Connection) -> int:
    """How many hits of the archive nobody waits for."""
    return int(db.execute("SELECT count(*) FROM archive WHERE owed = 0").fetchone()[0])


def drop_idle(db: sqlite3.Connection, count: int, last_row: int = _LAST_ROW) -> int:
    """Forget the oldest hits that nobody waits for, up to a row; returns how many."""
    return db.execute(
        "DELETE FROM archive WHERE rowid IN (SELECT rowid FROM archive "
        "WHERE owed = 0 AND rowid <= ? ORDER BY rowid LIMIT ?)",
        (last_row, count),
    ).rowcount


def keep_delivered(db: sqlite3.Connection, epoch: str, seq: int) -> None:
    """Keep a record that the outbox is about to let go of."""
    db.execute(
        "INSERT INTO delivered (epoch, seq, body) SELECT ?, seq, body FROM outbox WHERE seq = ?",
        (epoch, seq),
    )


def trim_delivered(db: sqlite3.Connection, most: int = RECORDS) -> None:
    """Forget the oldest delivered records beyond so many."""
    # Two questions: both in one would read the whole table. Rows go from the front alone, so that
    # the ids tell how many there are.
    first, last = db.execute(
        "SELECT (SELECT min(id) FROM delivered), (SELECT max(id) FROM delivered)"
    ).fetchone()
    if first is not None and last - first + 1 > most:
        drop_delivered(db, min(last - first + 1 - most, _TRIMMED_AT_ONCE))


def drop_delivered(db: sqlite3.Connection, count: int) -> int:
    """Forget the oldest delivered records; returns how many."""
    return db.execute(
        "DELETE FROM delivered WHERE id IN (SELECT id FROM delivered ORDER BY id LIMIT ?)",
        (count,),
    ).rowcount
