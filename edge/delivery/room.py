"""Room in a file with a cap: what is let go first, and that it is said.

Each step looks at the lowest entries of an index and takes a few: a full outbox costs as much with
a thousand messages in it as with a million.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from edge.delivery.archive import drop_delivered, drop_idle
from edge.delivery.losses import Row, give_up
from edge.delivery.ranks import LOST, TOP_WORTH, WHOLE
from edge.delivery.rows import message_of
from edge.delivery.seal import rewrite
from edge.delivery.state import State
from edge.messages import encode

_BATCH = 16
_SHARE = 0.01
_LARGEST_SPARE_BYTES = 1 << 15
_SHRINK_BYTES = 4 << 20
"""Most that one commit takes out of a file whose cap was made smaller. Each page that changes goes
through SQLite's log: all at once, a disk that is short of room would have to hold it twice."""
# The last page of 4 kB of a message may be all but empty; a commit of any size may
# add a page to each table and index, and split some, as does what is frozen before the next one.
_ROW_BYTES = 1 << 12
_COMMIT_BYTES = 32 << 12


def used_bytes(db: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def needed_bytes(sizes: Sequence[int]) -> int:
    """What messages of such sizes may add to the file at most."""
    return sum(sizes) + len(sizes) * _ROW_BYTES + _COMMIT_BYTES


def make_room(
    db: sqlite3.Connection, state: State, need_bytes: int, max_bytes: int, origin: str
) -> list[Row]:
    """Keep the file below its cap before `need_bytes` are added.

    First goes what is only kept: hits that were delivered, what was set aside, delivered records;
    the oldest first. Then the pictures of hits that were never published, then whole hits, and the
    rest, in the order of `edge.delivery.ranks`. What was owed is declared lost in the same
    transaction; a hit says itself that its picture is gone.

    Returns
    -------
    list of (int, str)
        Seq and kind of what was owed and is lost now.
    """
    used = used_bytes(db)
    if used + need_bytes <= max_bytes:
        return []
    spare = min(int(_SHARE * max_bytes), _LARGEST_SPARE_BYTES)
    target = max(max_bytes - spare, used - _SHRINK_BYTES) - need_bytes
    lost: list[Row] = []
    steps: tuple[Callable[[], bool], ...] = (
        lambda: drop_idle(db, _BATCH) > 0,
        lambda: _drop_set_aside(db),
        lambda: drop_delivered(db, _BATCH) > 0,
        lambda: _drop_pictures(db, state),
        lambda: _drop_owed(db, state, lost),
    )
    for step in steps:
        while used_bytes(db) > target and step():
            pass
    give_up(db, state, "outbox_full", lost, origin)
    return lost


def _drop_set_aside(db: sqlite3.Connection) -> bool:
    dropped = db.execute(
        "DELETE FROM set_aside WHERE rowid IN (SELECT rowid FROM set_aside ORDER BY rowid LIMIT ?)",
        (_BATCH,),
    )
    return dropped.rowcount > 0


def _drop_pictures(db: sqlite3.Connection, state: State) -> bool:
    """Take the pictures out of the next hits; those that were published keep what they said."""
    rows = db.execute(
        "SELECT seq, floor FROM outbox WHERE rank <= ? ORDER BY rank, seq LIMIT ?",
        (TOP_WORTH, _BATCH),
    ).fetchall()
    for seq, floor in rows:
        if floor is None and seq > state.doubtful:
            _drop_picture(db, state, seq)
        db.execute("UPDATE outbox SET rank = rank + ? WHERE seq = ?", (WHOLE, seq))
    return bool(rows)


def _drop_picture(db: sqlite3.Connection, state: State, seq: int) -> None:
    hit = message_of(db, state.epoch, seq)
    crop = {**hit["crop"], "data": None, "dropped": "outbox_full"}
    rewrite(db, state.epoch, seq, "hit", encode({**hit, "crop": crop}).decode("utf-8"))
    state.counters["pictures_dropped"] += 1


def _drop_owed(db: sqlite3.Connection, state: State, lost: list[Row]) -> bool:
    rows: list[Row] = db.execute(
        "SELECT seq, kind FROM outbox WHERE rank < ? ORDER BY rank, seq LIMIT ?", (LOST, _BATCH)
    ).fetchall()
    drop_owed(db, state, rows)
    lost += rows
    return bool(rows)


def drop_owed(db: sqlite3.Connection, state: State, rows: Sequence[Row]) -> None:
    """Take owed messages out of the file; whoever does so sees that they are declared lost."""
    db.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq, _ in rows])
    hits = [(state.epoch, seq) for seq, kind in rows if kind == "hit"]
    db.executemany("DELETE FROM archive WHERE epoch = ? AND seq = ?", hits)
