"""A PostgreSQL database as one file: by its own pg_dump and pg_restore."""

from __future__ import annotations

import contextlib
import glob
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from edge.errors import BadUse, Failed
from edge.server.layout import ForeignDatabaseError, NewerSchemaError
from edge.server.partitions import PARTITIONED, Month, bounds, ensure
from edge.server.postgres_connection import Address, Connected
from edge.server.postgres_schema import MIGRATIONS, PROGRAM, first_of_any, steps_behind
from edge.server.store import StoreUnavailableError
from edge.server.watchdog import Watchdog

_MAGIC = b"PGDMP"
_SHARED = ("--no-owner", "--no-privileges")
_LOCK_PATIENCE_MS = 5000
# Nobody holds a table as long as that but a person who forgot it.
_DUMP_LOCK_PATIENCE = "--lock-wait-timeout=60s"

_log = logging.getLogger(__name__)


def dump(url: str, target: Path) -> int:
    """Write the database in pg_dump's custom format; returns the version of its tables.

    Raises
    ------
    edge.errors.BadUse, edge.errors.Failed
        See `edge.server.backup.back_up`.
    """
    address = Address(url)
    with _asked(address) as connection:
        version = _version(connection, address)
    if version == len(MIGRATIONS):
        _make_months(address)
    _run("pg_dump", address, [*_SHARED, _DUMP_LOCK_PATIENCE, "--format=custom", f"--file={target}"])
    return version


def _make_months(address: Address) -> None:
    """Make tables that live rigs will need soon: while pg_dump reads, none can be attached.

    A backup by a user who may only read, of a standby, or beside another backup goes on without.
    """
    now = datetime.now(UTC)
    later = bounds(("", now.year, now.month))[1]
    months: set[Month] = {
        (table, moment.year, moment.month) for table in PARTITIONED for moment in (now, later)
    }
    try:
        with _connected(address) as connection, connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = {_LOCK_PATIENCE_MS}".encode())
            ensure(connection, months)
    except psycopg.Error as error:
        _log.warning(
            "tables for this month and the next could not be made before the backup: %s",
            address.advice(error),
        )


def load(url: str, backup: Path) -> None:
    """Restore such a file into an empty database, all of it or nothing.

    Raises
    ------
    edge.errors.BadUse, edge.errors.Failed
        See `edge.server.backup.restore`.
    """
    address = Address(url)
    _see_backup(address, backup)
    with _asked(address) as connection:
        if (taken := first_of_any(connection)) is not None:
            raise Failed(
                f"database {address} holds the table {taken!r} already: make an empty one "
                "(createdb) and restore into that"
            )
    whole = ["--single-transaction", "--exit-on-error"]
    _run("pg_restore", address, [*_SHARED, *whole, str(backup)])
    # All is there; PostgreSQL looks at its tables by itself, a little later.
    with contextlib.suppress(psycopg.Error, Failed), _connected(address) as connection:
        connection.execute("ANALYZE")


@contextlib.contextmanager
def _asked(address: Address) -> Iterator[Connected]:
    """Connect to ask what is answered at once; what fails is one line."""
    watchdog = Watchdog()
    connection = _connected(address, watchdog)
    try:
        with contextlib.closing(connection), watchdog.over(connection.fileno()):
            yield connection
    except psycopg.Error as error:
        said = watchdog.said or address.advice(error)
        raise Failed(f"database {address}: {said}") from None


def _connected(address: Address, watchdog: Watchdog | None = None) -> Connected:
    try:
        return address.connect(watchdog or Watchdog())
    except StoreUnavailableError as error:
        raise Failed(str(error)) from None


def _version(connection: Connected, address: Address) -> int:
    try:
        behind = steps_behind(connection)
    except NewerSchemaError as error:
        raise Failed(error.line(f"database {address}")) from None
    except ForeignDatabaseError:
        raise Failed(f"database {address} holds tables of another program") from None
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
        newer = NewerSchemaError(int(facts["schema"]), len(MIGRATIONS))
        raise Failed(newer.line(str(backup)))


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
        raise Failed(f"{name}: {address.hide(_cause(name, done))}")
    return done.stdout


def _cause(name: str, done: subprocess.CompletedProcess[str]) -> str:
    """The first error names the cause; warnings come before it, context and hints behind."""
    if done.returncode < 0:
        return f"was ended by signal {-done.returncode}"
    lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
    first = next((line for line in lines if "error:" in line.lower()), lines[0])
    return first.removeprefix(f"{name}: ").removeprefix("error: ")


def _program(name: str) -> str:
    """Where it is; Debian keeps each version's own apart."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    program = shutil.which(name) or (found[-1] if found else None)
    if program is None:
        raise BadUse(
            f"this needs {name}: install PostgreSQL's client (apt install postgresql-client)"
        )
    return program
