"""Looking into a collector's database while it is written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def count_hits(database: Path, rig: str) -> int:
    """Count the hits of a rig that are stored; 0 while the database can't be read."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=1.0)) as db:
            row = db.execute("SELECT count(*) FROM hits WHERE rig = ?", (rig,)).fetchone()
    except sqlite3.Error:
        return 0
    return int(row[0])
