"""Room in a file with a cap: what is let go first, and that it is said."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from edge.delivery.rows import count_lost, insert, lost_drafts
from edge.delivery.state import State

# What one `lost` message clears away: few of them must do, or they would fill the file themselves.
_SHARE = 0.01
_BATCH = 64


def used_bytes(db: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def make_room(
    db: sqlite3.Connection, state: State, need_bytes: int, max_bytes: int, origin: str
) -> list[tuple[int, str]]:
    """Keep the file below its cap before `need_bytes` are added.

    Archived hits that nobody waits for go first, oldest first; then owed hits, oldest first, and
    last of all exposures, without which no rate can be told. What was owed is declared lost in
    the same transaction.

    Returns
    -------
    list of (int, str)
        Seq and kind of what was owed and is lost now.
    """
    # 4 kB pages hold a row and a half of overflow each: twice the bytes is a safe estimate.
    if used_bytes(db) + 2 * need_bytes <= max_bytes:
        return []
    target = max_bytes - 2 * need_bytes - int(_SHARE * max_bytes)
    while used_bytes(db) > target and _drop_archived(db):
        pass
    if used_bytes(db) + 2 * need_bytes <= max_bytes:
        return []
    lost: list[tuple[int, str]] = []
    while used_bytes(db) > target:
        rows = _oldest_owed(db)
        if not rows:
            break
        _drop_owed(db, state, rows)
        lost += rows
    count_lost(state, (kind for _, kind in lost))
    for draft in lost_drafts("outbox_full", lost, origin):
        insert(db, state, draft)
    return lost


def trim_archive(db: sqlite3.Connection, excess_rows: int) -> int:
    """Forget the oldest archived hits that nobody waits for; returns how many."""
    return db.execute(
        "DELETE FROM archive WHERE rowid IN "
        "(SELECT rowid FROM archive WHERE owed = 0 ORDER BY rowid LIMIT ?)",
        (excess_rows,),
    ).rowcount


def _drop_archived(db: sqlite3.Connection) -> bool:
    if trim_archive(db, _BATCH):
        return True
    dropped = db.execute(
        "DELETE FROM set_aside WHERE rowid IN (SELECT rowid FROM set_aside ORDER BY rowid LIMIT ?)",
        (_BATCH,),
    )
    return dropped.rowcount > 0


def _oldest_owed(db: sqlite3.Connection) -> list[tuple[int, str]]:
    for kinds in ("kind = 'hit'", "kind IN ('clock', 'calibration')", "kind = 'exposure'"):
        rows = db.execute(
            f"SELECT seq, kind FROM outbox WHERE {kinds} ORDER BY seq LIMIT ?",  # noqa: S608
            (_BATCH,),
        ).fetchall()
        if rows:
            return rows
    return []


def _drop_owed(db: sqlite3.Connection, state: State, rows: Sequence[tuple[int, str]]) -> None:
    db.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq, _ in rows])
    db.executemany(
        "DELETE FROM archive WHERE epoch = ? AND seq = ?", [(state.epoch, seq) for seq, _ in rows]
    )
