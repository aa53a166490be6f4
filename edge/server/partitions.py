"""A table for each month of hits and exposures, made when the first of them comes."""

from __future__ import annotations

import contextlib
import logging
import math
import re
import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from psycopg import errors, sql

from edge.server.layout import APPLICATION_ID
from edge.server.postgres_connection import Connected
from edge.server.postgres_schema import existing
from edge.server.upkeep import DATED

PARTITIONED = DATED
"""Tables that are divided by month, and by which column."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=32)
"""What lies further in the future comes from a clock that is wrong: to the default partition."""
_PATIENCE = "2s"
_AGAIN_S = 60.0
_log = logging.getLogger(__name__)
Month: TypeAlias = tuple[str, int, int]
"""Table, year, month."""


def month_of(table: str, moment: datetime, now: datetime) -> Month | None:
    """Return which month a row belongs to; None: the default partition."""
    if not EARLIEST <= moment < now + AHEAD:
        return None
    return table, moment.year, moment.month


def name_of(month: Month) -> str:
    """Name of a month's table."""
    table, year, number = month
    return f"{table}_{year:04d}_{number:02d}"


def bounds(month: Month) -> tuple[datetime, datetime]:
    """First instant of a month and of the next one."""
    _, year, number = month
    start = datetime(year, number, 1, tzinfo=UTC)
    return start, datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def ensure(connection: Connected, months: Collection[Month]) -> None:
    """Make the tables of these months where they are missing, in the transaction that is open.

    Rows that lay in the default partition, because their month was far in the future then, move.
    """
    if not _missing(connection, months):
        return
    connection.execute("SELECT pg_advisory_xact_lock(%s, 1)", (APPLICATION_ID,))
    # Another collector may have been faster.
    for month in _missing(connection, months):
        _make(connection, month)


class Months:
    """Which months' tables are there, as far as one store knows."""

    def __init__(self) -> None:
        self.known: set[Month] = set()
        self._not_before_s = -math.inf

    def make(self, connection: Connected, months: Collection[Month]) -> set[Month]:
        """Make those that are missing, in the transaction that is open; return the made ones.

        Whoever reads all hits, an analysis or a backup, holds the new table up. Messages do not
        wait for that: they lie in the default partition until the table is made, a minute later or
        whenever nobody is in the way.
        """
        wanted = set(months) - self.known
        if not wanted or time.monotonic() < self._not_before_s:
            return set()
        try:
            with connection.transaction(), _impatient(connection):
                ensure(connection, wanted)
        except (errors.LockNotAvailable, errors.InsufficientPrivilege) as error:
            self._not_before_s = time.monotonic() + _AGAIN_S
            _log.warning(
                "no table for %s can be made now (%s); its messages go to the default partition",
                ", ".join(map(name_of, sorted(wanted))),
                error.diag.message_primary,
            )
            return set()
        return wanted

    def forget(self) -> None:
        """Know of none: they may have been taken away."""
        self.known = set()


def months_before(connection: Connected, before: datetime) -> list[Month]:
    """Return the months that lie before."""
    found = [month for table in PARTITIONED for month in _made(connection, table)]
    return [month for month in found if bounds(month)[1] <= before]


def drop_month(connection: Connected, month: Month, before: datetime) -> int:
    """Remove a month, in the transaction that is open; returns the number of rows.

    It stays while something in it arrived later: an old recording, just sent. All that is stored
    waits behind this: it gives up soon where somebody reads the table.

    Raises
    ------
    psycopg.errors.LockNotAvailable
        Somebody holds it.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s, 1)", (APPLICATION_ID,))
    if _missing(connection, [month]):  # another one was faster
        return 0
    part, whole = sql.Identifier(name_of(month)), sql.Identifier(month[0])
    if _counted(connection, part, before)[1]:
        return 0
    # Counted again behind the locks DROP takes, in its order: a row that came meanwhile is fresh.
    with _impatient(connection):
        for name in (sql.SQL("ONLY {}").format(whole), part):
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(name))
    rows, fresh = _counted(connection, part, before)
    if fresh:
        return 0
    connection.execute(sql.SQL("DROP TABLE {}").format(part))
    return rows


@contextlib.contextmanager
def _impatient(connection: Connected) -> Iterator[None]:
    """Wait for locks no longer than rigs may wait for their answer."""
    row = connection.execute("SELECT current_setting('lock_timeout')").fetchone()
    usual = "0" if row is None else str(row[0])
    change = "SELECT set_config('lock_timeout', %s, true)"
    connection.execute(change, (_PATIENCE,))
    yield
    connection.execute(change, (usual,))


def _counted(connection: Connected, part: sql.Identifier, before: datetime) -> tuple[int, int]:
    """Rows of a partition, and how many of them came since."""
    ask = sql.SQL("SELECT count(*), count(*) FILTER (WHERE received_utc >= %s) FROM {}")
    row: Any = connection.execute(ask.format(part), (before,)).fetchone()
    return int(row[0]), int(row[1])


def _made(connection: Connected, table: str) -> list[Month]:
    rows = connection.execute(
        "SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = %s::regclass ORDER BY relname",
        (table,),
    )
    found = [re.fullmatch(rf"{table}_(\d{{4}})_(\d\d)", str(name)) for (name,) in rows]
    return [(table, int(one[1]), int(one[2])) for one in found if one is not None]


def _missing(connection: Connected, months: Collection[Month]) -> list[Month]:
    there = existing(connection, map(name_of, months)) if months else set()
    return sorted(month for month in months if name_of(month) not in there)


def _make(connection: Connected, month: Month) -> None:
    """Make it apart and attach it then: PostgreSQL refuses where the default holds its rows."""
    table, (start, end) = month[0], bounds(month)
    words = {
        "table": sql.Identifier(table),
        "part": sql.Identifier(name_of(month)),
        "rest": sql.Identifier(f"{table}_default"),
        "time": sql.Identifier(PARTITIONED[table]),
        "start": sql.Literal(start),
        "end": sql.Literal(end),
    }
    for statement in (
        "CREATE TABLE {part} (LIKE {table} INCLUDING DEFAULTS INCLUDING STORAGE)",
        "LOCK TABLE {rest} IN ACCESS EXCLUSIVE MODE",
        "INSERT INTO {part} SELECT * FROM {rest} WHERE {time} >= {start} AND {time} < {end}",
        "DELETE FROM {rest} WHERE {time} >= {start} AND {time} < {end}",
        "ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({start}) TO ({end})",
    ):
        connection.execute(sql.SQL(statement).format(**words))
