"""A file whose cap was made smaller: what it no longer holds goes back to the disk."""

from __future__ import annotations

import logging
import sqlite3

from edge.delivery.room import used_bytes

_LOG = logging.getLogger(__name__)

_MOST_WRITTEN_BYTES = 200_000_000
"""A card takes half a minute for it, in which the rig does not watch."""
_WORTH = 0.25
"""Share of the file that must come free: one at its cap must not be written at each start."""


def give_back(db: sqlite3.Connection, max_bytes: int) -> bool:
    """Write the file anew where it is larger than its cap, and what it holds is much smaller.

    It is as safe from a crash as any transaction, and needs room beside it for what is held. Where
    a disk has none, or very much is held, it stays as it is: what is free in it is used again.

    Returns
    -------
    bool
        Whether it was written anew.
    """
    pages, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size")
    )
    file_bytes, held_bytes = pages * size, used_bytes(db)
    worth = file_bytes > max_bytes and file_bytes - held_bytes >= _WORTH * file_bytes
    if not worth or held_bytes > min(max_bytes, _MOST_WRITTEN_BYTES):
        return False
    try:
        # SQLite may number rows anew: then no mark knows how old hits are, and what is set aside.
        db.execute("UPDATE day_mark SET last_archived = 0, last_aside = 0")
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")  # waits for nobody who reads
    except sqlite3.Error as error:
        _LOG.warning("the outbox keeps its %d MB, above its cap: %s", file_bytes // 10**6, error)
        return False
    return True
