"""How old what is owed is, told by marks: which messages were there when a day began.

The clock of a rig may be wrong, or not known for hours. So a day counts only when a clock that
knows the time says it, and a message is as old as the first such day after it: it may look younger
than it is, never older. And today is the day of the mark before the newest one: a server that tells
a time to come for less than a day makes nothing old.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Sequence

from edge.delivery.archive import drop_idle
from edge.delivery.losses import Row, give_up
from edge.delivery.refused import drop_oldest, last_number
from edge.delivery.room import drop_owed
from edge.delivery.state import State

AT_ONCE = 256
"""Of each sort dropped in one commit; what is left goes with the next."""


class DayMarks:
    """Makes the marks of one run."""

    def __init__(self) -> None:
        self._back_to: int | None = None

    def mark(self, db: sqlite3.Connection, state: State, day: int) -> bool:
        """Note at the first commit of a day what was there before; whether there is a new mark.

        A clock that says a day before the newest mark's is wrong, or was wrong then. Only when it
        has gone on from there for a day it is believed, and the marks ahead of it are forgotten.
        """
        newest = db.execute("SELECT max(day) FROM day_mark").fetchone()[0]
        if newest is not None and day <= newest:
            if day == newest or self._back_to is None:
                self._back_to = None if day == newest else day
                return False
            if day <= self._back_to:
                return False
        self._back_to = None
        db.execute("DELETE FROM day_mark WHERE day > ?", (day,))
        last = db.execute("SELECT coalesce(max(rowid), 0) FROM archive").fetchone()[0]
        db.execute(
            "INSERT OR IGNORE INTO day_mark VALUES (?, ?, ?, ?)",
            (day, state.next_seq, last, last_number(state)),
        )
        return True


def expire(
    db: sqlite3.Connection, state: State, max_days: int, origin: str
) -> tuple[list[Row], bool]:
    """Drop what is older than so many days: what was owed (declared lost), delivered, set aside.

    Returns
    -------
    list of (int, str)
        Seq and kind of what was owed and is lost now.
    bool
        Whether there may be more.
    """
    found = db.execute(
        "SELECT day, next_seq, last_archived, last_aside FROM day_mark WHERE day <= "
        "(SELECT day FROM day_mark ORDER BY day DESC LIMIT 1 OFFSET 1) - ? "
        "ORDER BY day DESC LIMIT 1",
        (max_days,),
    ).fetchone()
    if found is None:
        return [], False
    day, next_seq, last_archived, last_aside = found
    idle = drop_idle(db, AT_ONCE, last_archived)
    aside = drop_oldest(db, state, AT_ONCE, last_aside)
    rows: list[Row] = db.execute(
        "SELECT seq, kind FROM outbox WHERE seq < ? AND kind <> 'lost' ORDER BY seq LIMIT ?",
        (next_seq, AT_ONCE),
    ).fetchall()
    drop_owed(db, state, rows)
    give_up(db, state, "expired", rows, origin)
    db.execute("DELETE FROM day_mark WHERE day < ?", (day,))
    return rows, AT_ONCE in (idle, aside, len(rows))


def rekey_marks(db: sqlite3.Connection, old_seqs: Sequence[int]) -> None:
    """Let the marks follow messages whose keys, given in order, became 1, 2, 3 and so on."""
    marks = db.execute("SELECT day, next_seq FROM day_mark").fetchall()
    moved = [(bisect_left(old_seqs, next_seq) + 1, day) for day, next_seq in marks]
    db.executemany("UPDATE day_mark SET next_seq = ? WHERE day = ?", moved)
