"""Lets the statements both engines share ask SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from edge.server.upkeep import Ask


def asker(connection: sqlite3.Connection) -> Ask:
    """Give what runs a statement on this connection, in the transaction that is open there."""

    def ask(statement: str, parameters: Mapping[str, Any]) -> sqlite3.Cursor:
        marks = {name: f":{name}" for name in parameters}
        return connection.execute(statement.format(**marks), parameters)

    return ask
