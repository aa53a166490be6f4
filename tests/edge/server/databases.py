"""Databases for tests, of both engines: asked with SQL, from outside."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path
from typing import Any

from edge.messages import format_utc_ns
from edge.server.arrival import examine
from tests.edge.server.rigs import EPOCH, RIG, payload


def arrival(kind, seq, rig=RIG, **changes):
    """A message, looked at."""
    return examine(f"cosmic-edge/v1/{rig}/{kind}", payload(kind, seq, rig=rig, **changes), {})


def garbage(seq=None, data=b"\x00\xff"):
    """Something that is no message; `seq`: travels with a key."""
    properties = {} if seq is None else {"epoch": EPOCH, "seq": str(seq)}
    return examine(f"cosmic-edge/v1/{RIG}/hit", data, properties)


def rows(database: object, query: str) -> list[Any]:
    """What a database answers: a URL of PostgreSQL, or a file."""
    if "://" not in str(database):
        with contextlib.closing(sqlite3.connect(database)) as connection:
            return connection.execute(query).fetchall()
    import psycopg

    with psycopg.connect(str(database), autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def watermark_of(store, rig=RIG, epoch=EPOCH):
    """A rig's watermark, as the store tells it; 0: nothing yet."""
    found = {(one.rig, one.epoch): one.upto for one in store.rigs()}
    return found.get((rig, epoch), 0)


def execute(database, statement):
    """Change a database from outside."""
    if "://" not in str(database):
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute(statement)
    else:
        import psycopg

        with psycopg.connect(str(database), autocommit=True) as connection:
            connection.execute(statement.encode())


def as_text(moment):
    """A time as messages write it, whichever engine gave it."""
    if isinstance(moment, str):
        return moment
    return format_utc_ns(round(moment.timestamp() * 1_000_000) * 1000)


def fresh(engine: str, folder: Path, request) -> str:
    """A place for a new database; skips where the engine is not here."""
    if engine == "sqlite":
        return str(folder / "collector.db")
    return str(request.getfixturevalue("postgres").create())


def name_of(url: str) -> str:
    return re.findall(r"/(test\d+)\?", url)[0]
