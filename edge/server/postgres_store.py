"""The store in a PostgreSQL database."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import psycopg

from edge.delivery.backoff import FullJitter
from edge.errors import Failed
from edge.server import upkeep
from edge.server.arrival import Arrival
from edge.server.commit import Batch
from edge.server.layout import ForeignDatabaseError, NewerSchemaError
from edge.server.partitions import PARTITIONED, Month, Months, drop_month, months_before
from edge.server.postgres_connection import (
    Address,
    Connected,
    asker,
    clashed,
    passes,
    setting,
    version,
)
from edge.server.postgres_schema import (
    MIGRATIONS,
    existing,
    held_version,
    identity,
    migrate,
    steps_behind,
)
from edge.server.postgres_transaction import PostgresTransaction
from edge.server.readmit import readmit_all
from edge.server.roster import turn_away
from edge.server.store import Receipt, RigState, Seen, StoreRefusedError, StoreUnavailableError
from edge.server.watchdog import Watchdog

_CLASHES = 5
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class PostgresStore:
    """PostgreSQL 15 or newer, every commit on disk before it returns.

    Any number of collectors may store into one database. A connection that was lost is made anew
    by the next call.

    Parameters
    ----------
    url : str
        As libpq takes it; a password is better kept in ``~/.pgpass`` or ``PGPASSWORD``.
    make : bool
        Make the tables where there are none.

    Raises
    ------
    edge.errors.BadUse, edge.errors.Failed
        See `edge.server.store.open_store`.
    edge.server.store.StoreUnavailableError
        Nobody answers, or not now.
    """

    def __init__(self, url: str, *, make: bool = True) -> None:
        self._address = Address(url)
        self._make = make
        self._months = Months()
        self._connection: Connected | None = None
        self._closed = False
        self._identity = ""
        self._engine = ""
        self._watchdog = Watchdog()
        try:
            self._connection = self._open()
        except StoreRefusedError as error:
            raise Failed(str(error)) from None
        # An empty database that takes the place of this one is not to be filled.
        self._make = False

    @property
    def identity(self) -> str:
        """Random name of this database, made with it."""
        return self._identity

    @property
    def engine(self) -> str:
        """Program and version that keeps it."""
        return self._engine

    @property
    def schema(self) -> int:
        """Version of the tables."""
        return len(MIGRATIONS)

    def commit(self, batch: Sequence[Arrival]) -> Receipt:
        """Store a batch and compute the watermarks of its rigs in one transaction."""
        return self._unclashed(
            lambda connection: self._watched(lambda: self._commit(connection, batch), connection)
        )

    def rigs(self) -> tuple[RigState, ...]:
        """Return what is known of each rig and epoch, by name."""
        return self._guarded(lambda connection: upkeep.rigs(asker(connection)))

    def seen(self) -> tuple[Seen, ...]:
        """Return when each rig's last message came, by name."""
        return self._soon(lambda connection: upkeep.seen(asker(connection)))

    def report_interval_s(self, rig: str, epoch: str) -> float | None:
        """Return the longest span among a rig's last exposures."""
        return self._soon(
            lambda connection: upkeep.report_interval_s(asker(connection), rig, epoch)
        )

    def size_bytes(self) -> int:
        """Return how much disk the database takes."""
        row = self._soon(
            lambda connection: connection.execute(
                "SELECT pg_database_size(current_database())"
            ).fetchone()
        )
        return int(str(row[0])) if row else 0

    def prune(self, before: datetime) -> int:
        """Remove what is older, whole months at once; the ledger stays."""

        def drop(month: Month) -> Callable[[Connected], int]:
            return lambda connection: drop_month(connection, month, before)

        months = self._inside(lambda connection: months_before(connection, before))
        removed = sum(self._inside(drop(month)) for month in months)
        rest = {f"{table}_default": column for table, column in PARTITIONED.items()}
        return removed + upkeep.prune(self.transact, rest, before)

    def erase(self, rig: str) -> int:
        """Remove all messages of a rig; keys and digests stay."""

        def work(connection: Connected) -> int:
            with connection.transaction():
                self._see_version(connection)
                # In the order in which collectors take them. An epoch that begins later is new.
                held = connection.execute(
                    'SELECT epoch FROM rigs WHERE rig = %s ORDER BY epoch COLLATE "C" FOR UPDATE',
                    (rig,),
                ).fetchall()
                return upkeep.erase(asker(connection), rig, [str(epoch) for (epoch,) in held])

        return self._unclashed(work)

    def readmit(self) -> int:
        """Store what lies in the quarantine and is a message after all."""

        def settle(ask: upkeep.Ask, batch: Sequence[Arrival]) -> Receipt:
            transaction = PostgresTransaction(self._connected(), Months())
            return Batch(transaction).store(turn_away(ask, batch))

        return readmit_all(self.transact, settle)

    def transact(self, work: Callable[[upkeep.Ask], _T]) -> _T:
        """Let `work` ask in one transaction."""
        return self._inside(lambda connection: work(asker(connection)))

    def give_up(self) -> None:
        """Let whoever waits for the database wait no longer; from any thread."""
        self._watchdog.give_up()

    def close(self) -> None:
        """Give the connection back; idempotent."""
        self._closed = True
        self._drop()

    def _inside(self, work: Callable[[Connected], _T]) -> _T:
        """Do it in a transaction, if the tables are still ours."""

        def inside(connection: Connected) -> _T:
            with connection.transaction():
                self._see_version(connection)
                return work(connection)

        return self._unclashed(inside)

    def _commit(self, connection: Connected, batch: Sequence[Arrival]) -> Receipt:
        with connection.transaction():
            self._see_version(connection)
            admitted = turn_away(asker(connection), batch)
            transaction = PostgresTransaction(connection, self._months)
            receipt = Batch(transaction).store(admitted)
        # Only now: what was rolled back is not there.
        self._months.known |= transaction.made
        return receipt

    def _soon(self, action: Callable[[Connected], _T]) -> _T:
        """Ask what a sound database answers at once."""
        return self._guarded(
            lambda connection: self._watched(lambda: action(connection), connection)
        )

    def _watched(self, action: Callable[[], _T], connection: Connected) -> _T:
        """Let an action wait for answers no longer than the watchdog's patience."""
        try:
            with self._watchdog.over(connection.fileno()):
                return action()
        except psycopg.Error:
            if not self._watchdog.said:
                raise
            self._drop()
            raise StoreUnavailableError(
                f"database {self._address}: {self._watchdog.said}"
            ) from None

    def _unclashed(self, action: Callable[[Connected], _T]) -> _T:
        """Try again at once where another transaction was in the way."""
        waits = FullJitter(0.01, 0.2)
        for left in reversed(range(_CLASHES)):
            try:
                return self._guarded(action)
            except _Clash:
                if not left:
                    raise
                time.sleep(waits.next_s())
        raise AssertionError("the last clash was raised")

    def _guarded(self, action: Callable[[Connected], _T]) -> _T:
        """Connect where that is needed; sort errors into those that pass and those that don't."""
        connection = self._connected()
        try:
            return action(connection)
        except psycopg.Error as error:
            line = f"database {self._address}: {self._address.advice(error)}"
            if clashed(error):
                raise _Clash(line) from None
            if passes(error, connection):
                self._drop()
                raise StoreUnavailableError(line) from None
            raise Failed(line) from None

    def _connected(self) -> Connected:
        if self._closed:
            raise Failed(f"database {self._address} is closed")
        if self._connection is None or self._connection.closed:
            self._connection = self._open()
        return self._connection

    def _open(self) -> Connected:
        connection = self._address.connect(self._watchdog)
        # Months may have been taken away meanwhile.
        self._months.forget()
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: Connected) -> None:
        try:
            if self._watched(lambda: self._is_behind(connection), connection):
                migrate(connection)
            self._watched(lambda: self._recognise(connection), connection)
        except NewerSchemaError as error:
            raise Failed(error.line(f"database {self._address}")) from None
        except ForeignDatabaseError:
            raise Failed(
                f"database {self._address} holds tables of another program: name another database"
            ) from None
        except psycopg.errors.InsufficientPrivilege as error:
            raise Failed(
                f"database {self._address}: {self._address.words(error)}: let the collector's "
                "user own the database, or GRANT CREATE on its schema"
            ) from None
        except psycopg.Error as error:
            line = f"database {self._address}: {self._address.advice(error)}"
            if passes(error, connection) or clashed(error):
                raise StoreUnavailableError(line) from None
            raise Failed(line) from None

    def _is_behind(self, connection: Connected) -> bool:
        if not self._make and not existing(connection, ["store"]):
            other = "is another one than before: it " if self._identity else ""
            raise Failed(f"database {self._address} {other}holds no collector's tables")
        return steps_behind(connection) > 0

    def _see_version(self, connection: Connected) -> None:
        """Leave tables alone that a newer version has brought forward meanwhile."""
        found = held_version(connection)
        if found > len(MIGRATIONS):
            newer = NewerSchemaError(found, len(MIGRATIONS))
            raise Failed(newer.line(f"database {self._address}"))
        if found < len(MIGRATIONS):
            raise Failed(f"database {self._address} is another one than before")

    def _recognise(self, connection: Connected) -> None:
        """See that it is the database it was; look at it for the first time."""
        found = identity(connection)
        if not found:
            raise Failed(f"database {self._address} has lost its identity: restore it")
        if self._identity and found != self._identity:
            raise Failed(f"database {self._address} is another one than before")
        if not self._identity and setting(connection, "fsync") == "off":
            _log.warning(
                "database %s runs with fsync off: a crash may lose what rigs have let go",
                self._address,
            )
        self._identity = found
        self._engine = f"PostgreSQL {version(connection)}"

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
        self._connection = None


class _Clash(StoreUnavailableError):
    """Another transaction was in the way."""
