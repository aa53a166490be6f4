"""A PostgreSQL database as one file: by its own pg_dump and pg_restore."""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from edge.errors import BadUse, Failed
from edge.server.layout import TABLES, ForeignDatabaseError, NewerSchemaError
from edge.server.partitions import PARTITIONED, Month, bounds, ensure
from edge.server.postgres_connection import Address, Connected
from edge.server.postgres_schema import MIGRATIONS, PROGRAM, existing, steps_behind
from edge.server.store import StoreUnavailableError
from edge.server.watchdog import Watchdog

_MAGIC = b"PGDMP"
_SHARED = ("--no-owner", "--no-privileges")


def dump(url: str, target: Path) -> int:
    """Write the database in pg_dump's custom format; returns the version of its tables.

    Raises
    ------
    edge.errors.BadUse, edge.errors.Failed
        See `edge.server.backup.back_up`.
    """
    address = Address(url)
    with _connected(address) as connection:
        version = _version(connection, address)
        if version == len(MIGRATIONS):
            with connection.transaction():
                ensure(connection, _next_months(datetime.now(UTC)))
    _run("pg_dump", address, [*_SHARED, "--format=custom", f"--file={target}"])
    return version


def _next_months(now: datetime) -> set[Month]:
    """Tables that live rigs will need soon: while pg_dump reads, none can be attached."""
    later = bounds(("", now.year, now.month))[1]
    return {(table, moment.year, moment.month) for table in PARTITIONED for moment in (now, later)}


def load(url: str, backup: Path) -> None:
    """Restore such a file into an empty database, all of it or nothing.

    Raises
    ------
    edge.errors.BadUse, edge.errors.Failed
        See `edge.server.backup.restore`.
    """
    address = Address(url)
    _see_backup(address, backup)
    with _connected(address) as connection:
        if taken := sorted(existing(connection, TABLES)):
            raise Failed(
                f"database {address} holds the table {taken[0]!r} already: make an empty one "
                "(createdb) and restore into that"
            )
    whole = ["--single-transaction", "--exit-on-error"]
    _run("pg_restore", address, [*_SHARED, *whole, str(backup)])
    with _connected(address) as connection:
        connection.execute("ANALYZE")


def _connected(address: Address) -> Connected:
    try:
        return address.connect(Watchdog())
    except StoreUnavailableError as error:
        raise Failed(str(error)) from None


def _version(connection: Connected, address: Address) -> int:
    try:
        behind = steps_behind(connection)
    except NewerSchemaError as error:
        raise Failed(_newer(f"database {address}", error.found)) from None
    except ForeignDatabaseError:
        raise Failed(f"database {address} holds tables of another program") from None
    except psycopg.Error as error:
        raise Failed(f"database {address}: {address.words(error)}") from None
    if behind == len(MIGRATIONS):
        raise Failed(f"database {address} holds no collector's tables")
    return len(MIGRATIONS) - behind


def _see_backup(address: Address, backup: Path) -> None:
    """Look into the file before anything is written."""
    with backup.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise Failed(f"{backup} is no backup of a PostgreSQL database")
    options = ["--data-only", "--table=store", "--file=-", str(backup)]
    text = _run("pg_restore", address, options, connects=False)
    facts = dict(re.findall(r"^(program|schema)\t(.*)$", text, re.MULTILINE))
    if facts.get("program") != PROGRAM or not facts.get("schema", "").isdecimal():
        raise Failed(f"{backup} is no backup of a collector's database")
    if int(facts["schema"]) > len(MIGRATIONS):
        raise Failed(_newer(str(backup), int(facts["schema"])))


def _newer(what: str, found: int) -> str:
    return f"{what} has schema {found}, this version knows {len(MIGRATIONS)}: upgrade cosmic-edge"


def _run(name: str, address: Address, arguments: list[str], *, connects: bool = True) -> str:
    """Run one of PostgreSQL's programs; the password travels in its environment alone."""
    environment = {**os.environ, "LC_ALL": "C", "PGAPPNAME": "cosmic-edge"}
    command = [_program(name)]
    if connects:
        place, password = address.without_secrets()
        command += [f"--dbname={place}", "--no-password"]
        if password:
            environment["PGPASSWORD"] = password
    done = subprocess.run(  # noqa: S603 - found by its name, our own arguments
        [*command, *arguments],
        check=False,
        capture_output=True,
        env=environment,
        text=True,
        errors="replace",
    )
    if done.returncode:
        # The first line names the cause; the rest is context and hints.
        said = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[0]
        words = address.hide(said).removeprefix(f"{name}: ").removeprefix("error: ")
        raise Failed(f"{name}: {words}")
    return done.stdout


def _program(name: str) -> str:
    """Where it is; Debian keeps each version's own apart."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    program = shutil.which(name) or (found[-1] if found else None)
    if program is None:
        raise BadUse(
            f"this needs {name}: install PostgreSQL's client (apt install postgresql-client)"
        )
    return program
