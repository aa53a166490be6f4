"""The store in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from edge.errors import Failed
from edge.server import upkeep
from edge.server.arrival import Arrival
from edge.server.commit import Batch
from edge.server.layout import ForeignDatabaseError, NewerSchemaError
from edge.server.readmit import readmit_all
from edge.server.roster import turn_away
from edge.server.schema import MIGRATIONS, migrate, steps_behind
from edge.server.sqlite_ask import asker
from edge.server.sqlite_transaction import SqliteTransaction
from edge.server.store import Receipt, RigState, Seen, StoreUnavailableError
from edge.sqlite_schema import use_wal

# Short: the collector tries again anyway, and in between sees whether it is to stop.
_BUSY_TIMEOUT_S = 1.0
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_T = TypeVar("_T")


class SqliteStore:
    """SQLite in WAL mode, every commit on disk before it returns.

    Several processes may store into one file.

    Parameters
    ----------
    path : Path
        The file; its folder must be there.
    make : bool
        Make the file where it is missing.

    Raises
    ------
    edge.errors.Failed
        See `edge.server.store.open_store`.
    edge.server.store.StoreUnavailableError
        Another process holds it.
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        self._path = path.absolute()
        if not make and not self._path.exists():
            raise Failed(f"database {self._path}: there is no such file")
        self._make = make
        self._connection = self._open()
        self._ask = asker(self._connection)
        self._inode = self._look()
        self._identity = self._recognise()

    @property
    def identity(self) -> str:
        """Random name of this database, made with it."""
        return self._identity

    @property
    def engine(self) -> str:
        """Program and version that keeps it."""
        return f"SQLite {sqlite3.sqlite_version}"

    @property
    def schema(self) -> int:
        """Version of the tables."""
        return len(MIGRATIONS)

    def commit(self, batch: Sequence[Arrival]) -> Receipt:
        """Store a batch and compute the watermarks of its rigs in one transaction."""
        if self._look() != self._inode:
            # SQLite would go on writing into a file that nobody finds any more.
            raise Failed(f"database {self._path} was moved or removed while in use")
        return self._guarded(lambda: self._commit(batch))

    def rigs(self) -> tuple[RigState, ...]:
        """Return what is known of each rig and epoch, by name."""
        return self._guarded(lambda: upkeep.rigs(self._ask))

    def seen(self) -> tuple[Seen, ...]:
        """Return when each rig's last message came, by name."""
        return self._guarded(lambda: upkeep.seen(self._ask))

    def report_interval_s(self, rig: str, epoch: str) -> float | None:
        """Return the longest span among a rig's last exposures."""
        return self._guarded(lambda: upkeep.report_interval_s(self._ask, rig, epoch))

    def size_bytes(self) -> int:
        """Return how much disk the file takes, its log aside."""
        pages, page_bytes = self._guarded(
            lambda: self._connection.execute(
                "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size"
            ).fetchone()
        )
        return int(pages) * int(page_bytes)

    def prune(self, before: datetime) -> int:
        """Remove what is older; the ledger stays."""
        return upkeep.prune(self.transact, upkeep.DATED, before)

    def erase(self, rig: str) -> int:
        """Remove all messages of a rig; keys and digests stay."""

        def work() -> int:
            self._connection.execute("PRAGMA secure_delete = ON")
            erased = self._transact(lambda: upkeep.erase(self._ask, rig, self._epochs(rig)))
            # Else the old pages lie in the log beside the file.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return erased

        return self._guarded(work)

    def readmit(self) -> int:
        """Store what lies in the quarantine and is a message after all."""
        return readmit_all(self.transact, self._settle)

    def transact(self, work: Callable[[upkeep.Ask], _T]) -> _T:
        """Let `work` ask in one transaction."""
        return self._guarded(lambda: self._transact(lambda: work(self._ask)))

    def give_up(self) -> None:
        """Do nothing: a file's waits are short."""

    def close(self) -> None:
        """Give the file back; idempotent."""
        self._connection.close()

    def _epochs(self, rig: str) -> list[str]:
        rows = self._connection.execute("SELECT epoch FROM rigs WHERE rig = ?", (rig,)).fetchall()
        return [str(epoch) for (epoch,) in rows]

    def _commit(self, batch: Sequence[Arrival]) -> Receipt:
        return self._transact(lambda: self._settle(self._ask, batch))

    def _settle(self, ask: upkeep.Ask, batch: Sequence[Arrival]) -> Receipt:
        """Store a batch in the transaction that is open."""
        return Batch(SqliteTransaction(self._connection)).store(turn_away(ask, batch))

    def _transact(self, action: Callable[[], _T]) -> _T:
        # IMMEDIATE: the watermark must see what other collectors committed before this batch.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._see_version()
            result = action()
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk has rolled back by itself.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return result

    def _see_version(self) -> None:
        """Leave tables alone that a newer version has brought forward meanwhile."""
        try:
            behind = steps_behind(self._connection)
        except NewerSchemaError as error:
            raise Failed(error.line(f"database {self._path}")) from None
        except ForeignDatabaseError:
            behind = 1
        if behind:
            raise Failed(f"database {self._path} is another one than before")

    def _open(self) -> sqlite3.Connection:
        if not self._path.parent.is_dir():
            raise Failed(f"database {self._path}: there is no folder {self._path.parent}")
        try:
            connection = sqlite3.connect(
                self._path,
                timeout=_BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise Failed(f"database {self._path}: {error}") from None
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        try:
            # Before anything is written: it may not be ours.
            behind = steps_behind(connection)
            if behind == len(MIGRATIONS) and not self._make:
                raise Failed(f"database {self._path} holds no collector's tables")
            connection.execute("PRAGMA synchronous = FULL")
            use_wal(connection)
            migrate(connection)
        except NewerSchemaError as error:
            raise Failed(error.line(f"database {self._path}")) from None
        except ForeignDatabaseError:
            raise Failed(
                f"database {self._path} belongs to another program: name another file"
            ) from None
        except sqlite3.Error as error:
            if _code(error) in _HELD:
                raise StoreUnavailableError(f"database {self._path}: {error}") from None
            raise Failed(f"database {self._path}: {_said(error)}") from None

    def _recognise(self) -> str:
        row = self._guarded(
            lambda: self._connection.execute(
                "SELECT value FROM store WHERE name = 'identity'"
            ).fetchone()
        )
        if row is None:
            self._connection.close()
            raise Failed(f"database {self._path} has lost its identity: restore it")
        return str(row[0])

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _guarded(self, action: Callable[[], _T]) -> _T:
        """Sort SQLite's errors into those that pass and those that don't."""
        try:
            return action()
        except sqlite3.DatabaseError as error:
            if _code(error) in _PASSING:
                raise StoreUnavailableError(f"database {self._path}: {error}") from None
            raise Failed(f"database {self._path}: {_said(error)}") from None


def _code(error: sqlite3.Error) -> int:
    # Extended codes keep the kind in their low byte.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _said(error: sqlite3.Error) -> str:
    if _code(error) in _DAMAGED:
        return f"the file is damaged or no database ({error}): restore it or name another"
    return str(error)
