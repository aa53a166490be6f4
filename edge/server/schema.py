"""Tables of the SQLite store, one step for each version."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence

APPLICATION_ID = 0x43456467
"""Written into the file's header: tells a collector's database from any other."""

_KEY = "rig TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL"
_MESSAGE = """origin TEXT NOT NULL, received_utc TEXT NOT NULL, message TEXT NOT NULL,
              PRIMARY KEY (rig, epoch, seq)"""

_FIRST = (
    "CREATE TABLE store (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    # Every key that is settled by a message, good or bad: what makes delivery exactly once.
    f"""CREATE TABLE ledger (
        {_KEY}, kind TEXT NOT NULL, digest TEXT NOT NULL,
        PRIMARY KEY (rig, epoch, seq)) WITHOUT ROWID""",
    f"""CREATE TABLE hits (
        {_KEY}, time_utc TEXT NOT NULL, time_uncertainty_s REAL, clock TEXT NOT NULL,
        series TEXT NOT NULL, frame INTEGER NOT NULL,
        x_px INTEGER NOT NULL, y_px INTEGER NOT NULL,
        peak_adu INTEGER NOT NULL, sum_adu REAL NOT NULL, area_px INTEGER NOT NULL,
        class TEXT NOT NULL, anomaly REAL, latitude_deg REAL, longitude_deg REAL,
        {_MESSAGE})""",
    "CREATE INDEX hits_by_time ON hits (time_utc)",
    f"""CREATE TABLE exposures (
        {_KEY}, series TEXT NOT NULL, from_utc TEXT NOT NULL, to_utc TEXT NOT NULL,
        live_time_ns INTEGER NOT NULL, candidates INTEGER NOT NULL, hits INTEGER NOT NULL,
        clock TEXT NOT NULL, {_MESSAGE})""",
    "CREATE INDEX exposures_by_time ON exposures (from_utc)",
    f"""CREATE TABLE calibrations (
        {_KEY}, calibration_id TEXT NOT NULL, made_utc TEXT, {_MESSAGE})""",
    f"CREATE TABLE other_messages ({_KEY}, kind TEXT NOT NULL, {_MESSAGE})",
    """CREATE TABLE lost_ranges (
        rig TEXT NOT NULL, epoch TEXT NOT NULL,
        first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (rig, epoch, first_seq, last_seq)) WITHOUT ROWID""",
    # `times`: the same thing on the same topic is kept once and counted.
    """CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL,
        topic TEXT NOT NULL, rig TEXT, epoch TEXT, seq INTEGER,
        received_utc TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1,
        digest TEXT NOT NULL, payload BLOB NOT NULL,
        UNIQUE (topic, reason, digest))""",
    """CREATE TABLE watermarks (
        rig TEXT NOT NULL, epoch TEXT NOT NULL,
        floor_high INTEGER NOT NULL, upto INTEGER NOT NULL,
        PRIMARY KEY (rig, epoch)) WITHOUT ROWID""",
    # One row for each number that is accounted for. Something that was declared lost and came
    # after all is no loss.
    """CREATE VIEW messages (rig, epoch, seq, kind) AS
        WITH RECURSIVE gone (rig, epoch, seq, last_seq) AS (
            SELECT rig, epoch, first_seq, last_seq FROM lost_ranges
            UNION
            SELECT rig, epoch, seq + 1, last_seq FROM gone WHERE seq < last_seq)
        SELECT rig, epoch, seq, kind FROM ledger
        UNION ALL
        SELECT DISTINCT rig, epoch, seq, 'declared_lost' FROM gone
        WHERE NOT EXISTS (
            SELECT 1 FROM ledger WHERE ledger.rig = gone.rig
            AND ledger.epoch = gone.epoch AND ledger.seq = gone.seq)""",
    # What is simulated or injected is never counted as a hit of a particle.
    """CREATE VIEW real_hits AS
        SELECT * FROM hits WHERE origin IN ('camera', 'recording')""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST,)
"""Statements that lead from version n to n + 1; what is released is never edited."""


class NewerSchemaError(Exception):
    """A newer version made this database; its two numbers are `found` and `known`."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(found, known)
        self.found = found
        self.known = known


class ForeignDatabaseError(Exception):
    """A database of another program."""


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
    found = _version(connection)
    if found > len(migrations):
        raise NewerSchemaError(found, len(migrations))
    return len(migrations) - found


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
