"""Brings a SQLite file to the newest version of the tables."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence

from edge.server.layout import (
    APPLICATION_ID,
    SQLITE_TYPES,
    STEPS,
    ForeignDatabaseError,
    steps_left,
)

MIGRATIONS: tuple[tuple[str, ...], ...] = tuple(
    tuple(statement.format(**SQLITE_TYPES) for statement in step.sqlite) for step in STEPS
)
"""Statements that lead from version n to n + 1."""


def migrate(
    connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS
) -> None:
    """Make or bring forward the tables, in one transaction; several processes may try at once.

    Parameters
    ----------
    connection : sqlite3.Connection
        In autocommit mode (`isolation_level` None).
    migrations : sequence of sequence of str
        Statements of each step.

    Raises
    ------
    NewerSchemaError, ForeignDatabaseError
        Nothing was changed.
    """
    if steps_behind(connection, migrations) == 0:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been faster.
        for step in migrations[len(migrations) - steps_behind(connection, migrations) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute(
            "INSERT OR IGNORE INTO store VALUES ('identity', ?)", (secrets.token_hex(8),)
        )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def steps_behind(
    connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS
) -> int:
    """How many steps are to do; changes nothing.

    Raises
    ------
    NewerSchemaError, ForeignDatabaseError
        It is not ours to change.
    """
    return steps_left(_version(connection), len(migrations))


def _version(connection: sqlite3.Connection) -> int:
    """Version of the tables; 0 for an empty file."""
    # One look: another process may be making the tables meanwhile.
    version, application, things = connection.execute(
        "SELECT (SELECT user_version FROM pragma_user_version),"
        " (SELECT application_id FROM pragma_application_id),"
        " (SELECT count(*) FROM sqlite_schema)"
    ).fetchone()
    if application != APPLICATION_ID and (version or things):
        raise ForeignDatabaseError
    return int(version)
