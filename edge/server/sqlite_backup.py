"""A SQLite database as one file, copied page by page while others write."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from edge.errors import Failed
from edge.server.layout import ForeignDatabaseError, NewerSchemaError
from edge.server.private_file import growing
from edge.server.schema import MIGRATIONS, steps_behind

_BUSY_TIMEOUT_S = 10.0


def copy_out(database: Path, target: Path) -> int:
    """Copy a collector's database as it is at one moment; returns the version of its tables.

    Raises
    ------
    edge.errors.Failed
        It is not there, damaged, or no collector's.
    """
    if not database.is_file():
        raise Failed(f"database {database}: there is no such file")
    with _opened(database, "database") as source:
        version = _version(source, f"database {database}")
        _copy(source, target, f"database {database}")
    return version


def copy_in(backup: Path, database: Path) -> None:
    """Copy a backup to where there is no database yet.

    Raises
    ------
    edge.errors.Failed
        There is one, or the backup is none.
    """
    beside = [database.with_name(database.name + end) for end in ("", "-wal", "-shm")]
    for one in beside:
        if one.exists():
            raise Failed(f"{one} is there already: move it away, or restore under another name")
    if not database.parent.is_dir():
        raise Failed(f"database {database}: there is no folder {database.parent}")
    with _opened(backup, "backup") as source:
        _version(source, f"backup {backup}")
        if (found := source.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise Failed(f"backup {backup} is damaged ({found}): take another one")
        with growing(database) as part:
            _copy(source, part, f"database {database}")


@contextlib.contextmanager
def _opened(path: Path, what: str) -> Iterator[sqlite3.Connection]:
    """Open a file as it is, to read; make none."""
    address = f"file:{quote(str(path.absolute()))}?mode=rw"
    try:
        with contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        ) as connection:
            yield connection
    except sqlite3.Error as error:
        raise Failed(f"{what} {path}: can't be read ({error})") from None


def _copy(source: sqlite3.Connection, target: Path, what: str) -> None:
    """Copy in one step: what is written meanwhile waits in the log, and is not in the copy."""
    try:
        with contextlib.closing(sqlite3.connect(target)) as copy:
            # What fails is thrown away: there is nothing to roll back to.
            copy.execute("PRAGMA journal_mode = OFF")
            source.backup(copy)
            # One file, that needs no other beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise Failed(f"{what}: could not be copied to {target} ({error})") from None


def _version(connection: sqlite3.Connection, what: str) -> int:
    try:
        behind = steps_behind(connection)
    except NewerSchemaError as error:
        raise Failed(error.line(what)) from None
    except ForeignDatabaseError:
        raise Failed(f"{what} is no collector's") from None
    if behind == len(MIGRATIONS):
        raise Failed(f"{what} is empty")
    return len(MIGRATIONS) - behind
