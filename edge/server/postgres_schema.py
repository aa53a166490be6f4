"""Brings a PostgreSQL database to the newest version of the tables."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from edge.server.layout import (
    APPLICATION_ID,
    POSTGRES_TYPES,
    STEPS,
    TABLES,
    ForeignDatabaseError,
    steps_left,
)
from edge.server.postgres_connection import Connected

MIGRATIONS: tuple[tuple[str, ...], ...] = tuple(
    tuple(statement.format(**POSTGRES_TYPES) for statement in step.postgres) for step in STEPS
)
"""Statements that lead from version n to n + 1."""
PROGRAM = "cosmic-edge collector"
"""Tells a collector's database from any other."""


def migrate(connection: Connected, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Make or bring forward the tables, in one transaction; several processes may try at once.

    Parameters
    ----------
    connection : psycopg.Connection
        In autocommit mode.
    migrations : sequence of sequence of str
        Statements of each step.

    Raises
    ------
    NewerSchemaError, ForeignDatabaseError
        Nothing was changed.
    """
    if steps_behind(connection, migrations) == 0:
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, 0)", (APPLICATION_ID,))
        # Another process may have been faster.
        for step in migrations[len(migrations) - steps_behind(connection, migrations) :]:
            for statement in step:
                connection.execute(statement.encode())
        facts = {"program": PROGRAM, "identity": secrets.token_hex(8)}
        for name, value in facts.items():
            connection.execute(
                "INSERT INTO store VALUES (%s, %s) ON CONFLICT DO NOTHING", (name, value)
            )
        connection.execute(
            "INSERT INTO store VALUES ('schema', %s)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (str(len(migrations)),),
        )


def held_version(connection: Connected) -> int:
    """Version of the tables, which no other process changes until this transaction ends.

    0: they are no collector's.
    """
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", (APPLICATION_ID,))
    # Apart: what the wait for the lock has let through is not seen by the same statement.
    row: Any = connection.execute("SELECT value FROM store WHERE name = 'schema'").fetchone()
    try:
        return _number(row[0]) if row else 0
    except ForeignDatabaseError:
        return 0


def steps_behind(connection: Connected, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> int:
    """How many steps are to do; changes nothing.

    Raises
    ------
    NewerSchemaError, ForeignDatabaseError
        It is not ours to change.
    """
    return steps_left(_version(connection), len(migrations))


def identity(connection: Connected) -> str:
    """Random name of this database, made with it."""
    row = connection.execute("SELECT value FROM store WHERE name = 'identity'").fetchone()
    return str(row[0]) if row else ""


def existing(connection: Connected, names: Iterable[str]) -> set[str]:
    """Return which of these tables are there.

    Read from the catalogue: ``to_regclass`` may not see in a transaction what another one has
    just made, also where a lock was waited for in between.
    """
    rows = connection.execute(
        "SELECT relname::text FROM pg_class WHERE relname = ANY(%s)"
        " AND relnamespace = current_schema()::regnamespace",
        (list(names),),
    )
    return {str(name) for (name,) in rows}


def first_of_any(connection: Connected) -> str | None:
    """Name of a table or view in the schema, whoever made it; None: there is nothing."""
    row = connection.execute(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f')"
        " AND relnamespace = current_schema()::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_depend"
        "  WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')"
        " ORDER BY relname LIMIT 1"
    ).fetchone()
    return None if row is None else str(row[0])


def _version(connection: Connected) -> int:
    """Version of the tables; 0 where there are none."""
    taken = existing(connection, TABLES)
    if not taken:
        return 0
    if "store" not in taken:
        raise ForeignDatabaseError
    columns = connection.execute(
        "SELECT count(*) FROM pg_attribute AS one JOIN pg_class AS store ON store.oid = attrelid"
        " WHERE relname = 'store' AND relnamespace = current_schema()::regnamespace"
        " AND attname IN ('name', 'value') AND NOT attisdropped"
    ).fetchone()
    if columns != (2,):
        raise ForeignDatabaseError
    rows: Any = connection.execute("SELECT name::text, value::text FROM store").fetchall()
    facts = dict(rows)
    if facts.get("program") != PROGRAM:
        raise ForeignDatabaseError
    return _number(facts.get("schema"))


def _number(schema: object) -> int:
    """Read what the collector wrote, if it was the collector."""
    text = str(schema)
    if not (text.isascii() and text.isdecimal()):
        raise ForeignDatabaseError
    return int(text)
