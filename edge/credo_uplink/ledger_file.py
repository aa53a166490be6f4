"""The uplink's SQLite file in a state folder: how it is opened, and what its errors mean."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge.errors import Failed
from edge.hits.readonly import open_read_only
from edge.sqlite_schema import SqliteSchema, use_wal

FILE_NAME = "credo.sqlite"
_APPLICATION_ID = 0x43724544
# As for the outbox: the step at index n leads from version n to n + 1 and is never changed.
_MIGRATIONS = (
    """
    CREATE TABLE ledger (
        server TEXT NOT NULL,
        digest TEXT NOT NULL,      -- over what was seen
        kind TEXT NOT NULL,        -- hit or ping
        id TEXT NOT NULL,          -- of the message
        rig TEXT NOT NULL,
        state TEXT NOT NULL,       -- open, sent or refused
        sends INTEGER NOT NULL,    -- times it may have reached the server
        server_id INTEGER,
        reason TEXT,
        changed_utc TEXT NOT NULL,
        PRIMARY KEY (server, digest)
    ) WITHOUT ROWID;
    CREATE TABLE kept (
        to_utc TEXT NOT NULL,      -- end of an exposure record
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (to_utc, id)
    ) WITHOUT ROWID;
    """,
    "DROP TABLE kept;",  # nothing was ever written there
)
_SCHEMA = SqliteSchema(
    _APPLICATION_ID, _MIGRATIONS, foreign="name another --ledger", newer="update cosmic-edge"
)


def open_ledger(path: Path) -> sqlite3.Connection:
    """Open the file, made if missing; each commit is on the disk when it returns.

    Raises
    ------
    edge.errors.Failed
        It can't be opened, is damaged, another program's or of a newer version.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=10, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise Failed(f"{path} can't be opened: {error}") from None
    try:
        use_wal(db)
        db.execute("PRAGMA synchronous = FULL")
        _SCHEMA.migrate(db, path)
    except sqlite3.Error as error:
        db.close()
        raise ledger_fault(path, error) from None
    except BaseException:
        db.close()
        raise
    return db


def read_ledger(path: Path) -> sqlite3.Connection | None:
    """Open the file for reading only; None where there is none.

    Raises
    ------
    edge.errors.Failed
        As `open_ledger`.
    """
    if not path.exists():
        return None
    db = open_read_only(path)
    try:
        empty = _SCHEMA.version_of(db, path) == 0
    except sqlite3.Error as error:
        db.close()
        raise ledger_fault(path, error) from None
    except BaseException:
        db.close()
        raise
    if empty:
        db.close()
        return None
    return db


def ledger_fault(path: Path, error: sqlite3.Error) -> Failed:
    """Say in one line what an error of the file means and what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Failed(
            f"{path} is damaged ({error}); put back a copy: without it all that was sent to "
            "CREDO would be sent again"
        )
    return Failed(f"{path} can't be used: {error}")
