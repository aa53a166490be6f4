"""Tables of a SQLite file of ours: whose it is, which version they have, and how they move on."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from edge.errors import Failed

_WAL_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class SqliteSchema:
    """One kind of file.

    Attributes
    ----------
    application_id : int
        SQLite's mark of whose file it is.
    migrations : tuple of str
        The step at index n leads from version n to n + 1; one that was released never changes.
    foreign, newer : str
        What to do about another program's file, and about one of a newer version.
    """

    application_id: int
    migrations: tuple[str, ...]
    foreign: str
    newer: str

    def version_of(self, db: sqlite3.Connection, path: Path) -> int:
        """Version of the tables, 0 for an empty file; raises Failed for a foreign or newer one."""
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        application = int(db.execute("PRAGMA application_id").fetchone()[0])
        tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        if application != self.application_id and (tables or version):
            raise Failed(f"{path} is another program's database; {self.foreign}")
        if version > len(self.migrations):
            raise Failed(
                f"{path} was written by a newer cosmic-edge (version {version}, this one reads "
                f"{len(self.migrations)}); {self.newer}"
            )
        return version

    def migrate(self, db: sqlite3.Connection, path: Path) -> None:
        """Bring the tables to this version; raises Failed as `version_of` does."""
        version, newest = self.version_of(db, path), len(self.migrations)
        if version == newest:
            return
        steps = "".join(self.migrations[version:])
        # One transaction, the version with it: a crash in between leaves the old tables.
        try:
            db.executescript(
                f"BEGIN IMMEDIATE;{steps};PRAGMA application_id = {self.application_id};"
                f"PRAGMA user_version = {newest};COMMIT;"
            )
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            # Another process may have been faster.
            if self.version_of(db, path) != newest:
                raise


def use_wal(db: sqlite3.Connection) -> None:
    """Switch a file to WAL; SQLite does not wait its busy timeout for this one.

    Raises
    ------
    sqlite3.Error
        It can't be, or another process holds the file for 10 s.
    """
    deadline = time.monotonic() + _WAL_PATIENCE_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
