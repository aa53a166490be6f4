"""A table for each month of hits and exposures, made when the first of them comes."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from psycopg import sql

from edge.server.layout import APPLICATION_ID
from edge.server.postgres_connection import Connected
from edge.server.postgres_schema import existing

PARTITIONED = {"hits": "time_utc", "exposures": "from_utc"}
"""Tables that are divided by month, and by which column."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=32)
"""What lies further in the future comes from a clock that is wrong: to the default partition."""
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


def drop_before(connection: Connected, before: datetime) -> int:
    """Remove months that lie before, and rows of the default partition that came before.

    A month stays while something in it arrived later: an old recording, just sent.

    Returns
    -------
    int
        Number of rows removed.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s, 1)", (APPLICATION_ID,))
    removed = 0
    for table, column in PARTITIONED.items():
        for month in _made(connection, table):
            if bounds(month)[1] <= before:
                removed += _drop(connection, month, before)
        rest = sql.SQL("DELETE FROM {} WHERE received_utc < %s AND {} < %s").format(
            sql.Identifier(f"{table}_default"), sql.Identifier(column)
        )
        removed += connection.execute(rest, (before, before)).rowcount
    return removed


def _drop(connection: Connected, month: Month, before: datetime) -> int:
    part, whole = sql.Identifier(name_of(month)), sql.Identifier(month[0])
    if _counted(connection, part, before)[1]:
        return 0
    # Counted again behind the locks DROP takes, in its order: a row that came meanwhile is fresh.
    for name in (sql.SQL("ONLY {}").format(whole), part):
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(name))
    rows, fresh = _counted(connection, part, before)
    if fresh:
        return 0
    connection.execute(sql.SQL("DROP TABLE {}").format(part))
    return rows


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
