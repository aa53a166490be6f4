"""The rig's one SQLite file: how it is opened, migrated, and what its errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from edge.errors import CosmicEdgeError
from edge.sqlite_schema import SqliteSchema

FILE_NAME = "rig.sqlite"
APPLICATION_ID = 0x436F5345

# One step for each version of the tables: the step at index n leads from version n to n + 1.
# A step that was released is never changed.
MIGRATIONS = (
    """
    CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        rig TEXT NOT NULL,
        epoch TEXT NOT NULL,
        session INTEGER NOT NULL,   -- rises with every start
        next_seq INTEGER NOT NULL,  -- what the next message gets
        floor INTEGER NOT NULL,     -- lowest seq owed; next_seq where nothing is
        upto INTEGER NOT NULL,      -- the server's watermark, as far as heard
        clean INTEGER NOT NULL,     -- closed in order
        counters TEXT NOT NULL      -- JSON, for good
    );
    CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        floor INTEGER,              -- set when first published: the message is frozen with it
        bytes INTEGER NOT NULL,
        body TEXT                   -- the whole message; null for a hit, which lies in the archive
    );
    CREATE INDEX outbox_kind ON outbox (kind);
    CREATE TABLE archive (
        epoch TEXT NOT NULL,
        seq INTEGER NOT NULL,
        time_utc TEXT NOT NULL,
        label TEXT NOT NULL,
        peak_adu INTEGER NOT NULL,
        acknowledged INTEGER NOT NULL DEFAULT 0,
        owed INTEGER NOT NULL DEFAULT 1,
        body TEXT NOT NULL,
        PRIMARY KEY (epoch, seq)
    );
    CREATE INDEX archive_time ON archive (time_utc);
    CREATE TABLE set_aside (
        epoch TEXT NOT NULL,
        seq INTEGER NOT NULL,
        kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        utc TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (epoch, seq)
    );
    CREATE TABLE checkpoint (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        body TEXT NOT NULL
    );
    """,
    """
    ALTER TABLE outbox ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;  -- the lowest is given up first
    UPDATE outbox SET rank = CASE kind
        WHEN 'calibration' THEN 40 WHEN 'clock' THEN 41 WHEN 'exposure' THEN 50 WHEN 'lost' THEN 60
        ELSE 5 END;
    UPDATE outbox SET rank = 0 WHERE kind = 'hit' AND EXISTS (
        SELECT 1 FROM archive, state WHERE archive.epoch = state.epoch
        AND archive.seq = outbox.seq AND archive.label = 'artefact');
    DROP INDEX outbox_kind;
    CREATE INDEX outbox_rank ON outbox (rank);
    DROP INDEX archive_time;
    CREATE INDEX archive_idle ON archive (owed) WHERE owed = 0;
    CREATE TABLE loss (             -- given up, and not yet in a message that was published
        epoch TEXT NOT NULL,
        reason TEXT NOT NULL,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        kinds TEXT NOT NULL,        -- JSON: how many of each
        PRIMARY KEY (epoch, reason, first_seq)
    ) WITHOUT ROWID;
    CREATE TABLE day_mark (         -- what is older than a day, by clocks that knew the time
        day INTEGER PRIMARY KEY,    -- since 1970, UTC
        next_seq INTEGER NOT NULL,
        last_archived INTEGER NOT NULL
    );
    CREATE TABLE delivered (        -- exposure records that were let go
        id INTEGER PRIMARY KEY,
        epoch TEXT NOT NULL,
        seq INTEGER NOT NULL,
        body TEXT NOT NULL
    );
    """,
    """
    ALTER TABLE outbox ADD COLUMN was TEXT;  -- keys it had in earlier epochs: "epoch:seq epoch:seq"
    """,
    """
    ALTER TABLE outbox ADD COLUMN crc32 INTEGER;  -- edge/delivery/seal.py; null: older than it
    ALTER TABLE state ADD COLUMN crc32 INTEGER;
    """,
    """
    ALTER TABLE day_mark ADD COLUMN last_aside INTEGER NOT NULL DEFAULT 0;
    """,
)
RANKED_VERSION = 2
"""From it on each owed message has its rank."""
_SCHEMA = SqliteSchema(
    APPLICATION_ID,
    MIGRATIONS,
    foreign="move it away or use another state-dir",
    newer="update cosmic-edge or use another state-dir",
)

_CACHE_KIB = 512
"""Of pages kept in memory: a rig reads and writes at the end of its tables; SQLite's 2 MB fill
over an hour and are memory that a small board lacks."""


class OutboxFull(CosmicEdgeError):
    """The disk takes nothing now (full, read-only, failing); nothing changed, try again."""


class DamagedFile(Exception):
    """The file is not, or no longer, a readable database."""


def open_database(path: Path, *, check: bool = True) -> sqlite3.Connection:
    """Open or create the file, bring its tables forward.

    Each commit is on the disk when it returns (WAL, synchronous FULL). The connection may be used
    from any thread, by one at a time. `check` reads the whole file if it was not closed in order.

    Raises
    ------
    DamagedFile
        It can't be read as a database.
    OutboxFull
        The disk does not take it.
    edge.errors.Failed
        Another program's database, or one of a newer version.
    """
    db: sqlite3.Connection | None = None
    try:
        db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        db.text_factory = readable
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA journal_size_limit = {4 << 20}")
        db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        _SCHEMA.migrate(db, path)
        if check:
            _check_names(db)
            if not was_closed(db):
                _check(db)
        return db
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if db is not None:
            db.close()
        raise translate(error, path) from None
    except BaseException:
        if db is not None:
            db.close()
        raise


def readable(text: bytes) -> str:
    """Text as it is, or where damage made it none, one that no checksum agrees with."""
    return text.decode("utf-8", "replace")


def translate(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> Exception:
    """Say what an SQLite error means: `DamagedFile`, or `OutboxFull` where trying again may help.

    A defect (wrong SQL, a broken constraint) comes back as itself.
    """
    if isinstance(error, UnicodeDecodeError):  # SQLite's own words, of a name that is damaged
        return DamagedFile("its tables can't be read")
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DamagedFile(str(error))
    if primary in _RETRIABLE:
        return OutboxFull(f"outbox {path} can't be written: {error}")
    return error


_RETRIABLE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """Version of the tables, 0 for an empty file; refuses what is none of ours, and newer ones."""
    return _SCHEMA.version_of(db, path)


@contextmanager
def committing(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def was_closed(db: sqlite3.Connection) -> bool:
    """Whether the last session ended in order, or there was none."""
    row = db.execute("SELECT clean FROM state").fetchone()
    return row is None or bool(row[0])


def _check_names(db: sqlite3.Connection) -> None:
    if _columns(db) != _columns_of_a_sound_file():
        raise DamagedFile("its tables are not what they were")


def _check(db: sqlite3.Connection) -> None:
    # Not the quick one: an index that disagrees with its table hides messages that are there.
    verdict = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise DamagedFile(" ".join(str(verdict).split()))


def _columns(db: sqlite3.Connection) -> set[tuple[object, ...]]:
    """Tables and their columns: a name that damage changed is no fault to SQLite."""
    return set(
        db.execute(
            "SELECT one.name, column.name FROM sqlite_master AS one, "
            "pragma_table_info(one.name) AS column WHERE one.type = 'table'"
        )
    )


def _columns_of_a_sound_file() -> set[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(";".join(MIGRATIONS))
        return _columns(db)
