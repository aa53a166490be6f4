"""A rig's database opened for reading, also while the rig runs or where nothing can be written."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from edge.errors import Failed

_BUSY_TIMEOUT_S = 5.0


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open without writing; where the folder is read-only, as it lies.

    Raises
    ------
    edge.errors.Failed
        It can't be opened or is no database: one line.
    """
    name = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        return _connected(name)
    except sqlite3.OperationalError as error:
        # In a folder that can't be written a log's index can't be made, and the log not be read;
        # where there is no log, the file alone is all.
        if "open" not in str(error) or path.with_name(path.name + "-wal").exists():
            raise read_fault(path, error) from None
    except sqlite3.Error as error:
        raise read_fault(path, error) from None
    try:
        return _connected(f"{name}&immutable=1")
    except sqlite3.Error as error:
        raise read_fault(path, error) from None


def _connected(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(name, uri=True, timeout=_BUSY_TIMEOUT_S)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def read_fault(path: Path, error: sqlite3.Error) -> Failed:
    """Say in one line what an error of reading means and what to do."""
    said = str(error)
    if "no such table" in said or "no such column" in said:
        return Failed(f"{path}: is no rig's database ({said})")
    if isinstance(error, sqlite3.OperationalError) and "locked" in said:
        return Failed(f"{path}: is locked by another program; try again")
    if isinstance(error, sqlite3.OperationalError) and "open" in said:
        return Failed(f"{path}: can't be opened; look at its owner and mode")
    return Failed(f"{path}: damaged database ({said}); the rig's next start saves what can be read")
