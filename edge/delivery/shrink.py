"""A file whose cap was made smaller: what it no longer holds goes back to the disk."""

from __future__ import annotations

import logging
import sqlite3

from edge.delivery.room import used_bytes

_LOG = logging.getLogger(__name__)


def give_back(db: sqlite3.Connection, max_bytes: int) -> bool:
    """Write the file anew where it is larger than its cap, and what it holds is not.

    It is as safe from a crash as any transaction, and needs room beside it for what is held. A disk
    that has none leaves it as it is.

    Returns
    -------
    bool
        Whether it was written anew.
    """
    pages, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size")
    )
    if pages * size <= max_bytes or used_bytes(db) > max_bytes:
        return False
    try:
        # SQLite may number the archive's rows anew: then no mark knows how old they are.
        db.execute("UPDATE day_mark SET last_archived = 0")
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")  # waits for nobody who reads
    except sqlite3.Error as error:
        _LOG.warning("the outbox keeps its %d MB, above its cap: %s", pages * size // 10**6, error)
        return False
    return True
