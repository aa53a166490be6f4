"""Tables of a collector's database, told once for SQLite and PostgreSQL; one step a version.

A step that is released is never edited. Words in braces stand for an engine's own types.
"""

from __future__ import annotations

from dataclasses import dataclass

APPLICATION_ID = 0x43456467
"""Tells a collector's database from any other: in SQLite's header, in PostgreSQL's locks."""

SQLITE_TYPES = {
    "text": "TEXT",
    "int": "INTEGER",
    "real": "REAL",
    "time": "TEXT",
    "json": "TEXT",
    "bytes": "BLOB",
}
POSTGRES_TYPES = {
    "text": "text",
    "int": "bigint",
    "real": "double precision",
    "time": "timestamptz",
    "json": "jsonb",
    "bytes": "bytea",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Statements that lead from one version to the next, for each engine."""

    sqlite: tuple[str, ...]
    postgres: tuple[str, ...]


_KEY = "rig {text} NOT NULL, epoch {text} NOT NULL, seq {int} NOT NULL"
_BY_KEY = "PRIMARY KEY (rig, epoch, seq)"
_MESSAGE = "origin {text} NOT NULL, received_utc {time} NOT NULL, message {json} NOT NULL"
# Something that was declared lost and came after all is no loss.
_NOT_KEPT = """WHERE NOT EXISTS (
    SELECT 1 FROM ledger WHERE ledger.rig = gone.rig
    AND ledger.epoch = gone.epoch AND ledger.seq = gone.seq)"""
# What is simulated or injected is never counted as a hit of a particle.
_REAL_HITS = """CREATE VIEW real_hits AS
    SELECT * FROM hits WHERE origin IN ('camera', 'recording')"""

_STORE = "CREATE TABLE store (name {text} PRIMARY KEY, value {text} NOT NULL)"
# Every key that is settled by a message, good or bad: what makes delivery exactly once.
_LEDGER = (
    f"CREATE TABLE ledger ({_KEY}, kind {{text}} NOT NULL, digest {{text}} NOT NULL, {_BY_KEY})"
)
_HIT = f"""{_KEY}, time_utc {{time}} NOT NULL, time_uncertainty_s {{real}},
    clock {{text}} NOT NULL, series {{text}} NOT NULL, frame {{int}} NOT NULL,
    x_px {{int}} NOT NULL, y_px {{int}} NOT NULL,
    peak_adu {{int}} NOT NULL, sum_adu {{real}} NOT NULL, area_px {{int}} NOT NULL,
    class {{text}} NOT NULL, anomaly {{real}}, latitude_deg {{real}}, longitude_deg {{real}},
    {_MESSAGE}"""
_SCORES = tuple(f"score_{name}" for name in ("spot", "track", "worm", "artefact"))
_EXPOSURE = f"""{_KEY}, series {{text}} NOT NULL, from_utc {{time}} NOT NULL,
    to_utc {{time}} NOT NULL, live_time_ns {{int}} NOT NULL, candidates {{int}} NOT NULL,
    hits {{int}} NOT NULL, clock {{text}} NOT NULL, {_MESSAGE}"""
_CALIBRATIONS = f"""CREATE TABLE calibrations (
    {_KEY}, calibration_id {{text}} NOT NULL, made_utc {{time}}, {_MESSAGE}, {_BY_KEY})"""
_CLOCKS = f"CREATE TABLE clocks ({_KEY}, {_MESSAGE}, {_BY_KEY})"
_LOST = f"CREATE TABLE lost ({_KEY}, {_MESSAGE}, {_BY_KEY})"
_RANGES = """CREATE TABLE lost_ranges (
    rig {text} NOT NULL, epoch {text} NOT NULL,
    first_seq {int} NOT NULL, last_seq {int} NOT NULL, reason {text} NOT NULL,
    PRIMARY KEY (rig, epoch, first_seq, last_seq))"""
# `times`: the same thing on the same topic is kept once and counted.
_ASIDE = """reason {text} NOT NULL, detail {text} NOT NULL,
    topic {text} NOT NULL, rig {text}, epoch {text}, seq {int},
    received_utc {time} NOT NULL, times {int} NOT NULL DEFAULT 1,
    digest {text} NOT NULL, payload {bytes} NOT NULL"""
_MARKS = """rig {text} NOT NULL, epoch {text} NOT NULL,
    floor_high {int} NOT NULL, upto {int} NOT NULL"""

_FIRST = Step(
    sqlite=(
        _STORE,
        f"{_LEDGER} WITHOUT ROWID",
        f"CREATE TABLE hits ({_HIT}, {_BY_KEY})",
        "CREATE INDEX hits_by_time ON hits (time_utc)",
        f"CREATE TABLE exposures ({_EXPOSURE}, {_BY_KEY})",
        "CREATE INDEX exposures_by_time ON exposures (from_utc)",
        _CALIBRATIONS,
        f"CREATE TABLE other_messages ({_KEY}, kind {{text}} NOT NULL, {_MESSAGE}, {_BY_KEY})",
        f"{_RANGES} WITHOUT ROWID",
        f"CREATE TABLE quarantine (id INTEGER PRIMARY KEY, {_ASIDE}, "
        "UNIQUE (topic, reason, digest))",
        f"CREATE TABLE watermarks ({_MARKS}, PRIMARY KEY (rig, epoch)) WITHOUT ROWID",
        f"""CREATE VIEW messages (rig, epoch, seq, kind) AS
            WITH RECURSIVE gone (rig, epoch, seq, last_seq) AS (
                SELECT rig, epoch, first_seq, last_seq FROM lost_ranges
                UNION
                SELECT rig, epoch, seq + 1, last_seq FROM gone WHERE seq < last_seq)
            SELECT rig, epoch, seq, kind FROM ledger
            UNION ALL
            SELECT DISTINCT rig, epoch, seq, 'declared_lost' FROM gone {_NOT_KEPT}""",
        _REAL_HITS,
    ),
    postgres=(),  # the first version knew SQLite alone
)

_SECOND = Step(
    sqlite=(
        "DROP VIEW real_hits",
        *(f"ALTER TABLE hits ADD COLUMN {name} {{real}}" for name in _SCORES),
        "UPDATE hits SET "
        + ", ".join(
            f"{name} = json_extract(message, '$.scores.{name.removeprefix('score_')}')"
            for name in _SCORES
        )
        + " WHERE json_valid(message)",
        _REAL_HITS,
        _CLOCKS,
        _LOST,
        *(
            f"INSERT INTO {table} SELECT rig, epoch, seq, origin, received_utc, message"
            f" FROM other_messages WHERE kind = '{kind}'"
            for table, kind in (("clocks", "clock"), ("lost", "lost"))
        ),
        "DROP TABLE other_messages",
        "ALTER TABLE watermarks RENAME TO rigs",
        "ALTER TABLE rigs ADD COLUMN seen_utc {time}",
    ),
    postgres=(
        _STORE,
        _LEDGER,
        # The crop's bytes stand apart: they are a PNG, which nothing makes smaller.
        f"CREATE TABLE hits ({_HIT}, {', '.join(f'{name} {{real}}' for name in _SCORES)},"
        " crop {bytes} NOT NULL, PRIMARY KEY (rig, epoch, seq, time_utc))"
        " PARTITION BY RANGE (time_utc)",
        "ALTER TABLE hits ALTER COLUMN crop SET STORAGE EXTERNAL",
        "CREATE INDEX hits_by_time ON hits USING brin (time_utc)",
        "CREATE TABLE hits_default PARTITION OF hits DEFAULT",
        f"CREATE TABLE exposures ({_EXPOSURE}, PRIMARY KEY (rig, epoch, seq, from_utc))"
        " PARTITION BY RANGE (from_utc)",
        "CREATE INDEX exposures_by_time ON exposures USING brin (from_utc)",
        "CREATE TABLE exposures_default PARTITION OF exposures DEFAULT",
        _CALIBRATIONS,
        _CLOCKS,
        _LOST,
        _RANGES,
        f"CREATE TABLE quarantine (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {_ASIDE})",
        # A topic may be longer than an index takes.
        "CREATE UNIQUE INDEX quarantine_once ON quarantine (md5(topic), reason, digest)",
        f"CREATE TABLE rigs ({_MARKS}, seen_utc {{time}}, PRIMARY KEY (rig, epoch))"
        " WITH (fillfactor = 70)",
        f"""CREATE VIEW messages (rig, epoch, seq, kind) AS
            SELECT rig, epoch, seq, kind FROM ledger
            UNION ALL
            SELECT DISTINCT rig, epoch, seq, 'declared_lost' FROM (
                SELECT rig, epoch, generate_series(first_seq, last_seq) AS seq
                FROM lost_ranges) AS gone {_NOT_KEPT}""",
        _REAL_HITS,
    ),
)

_ROSTER = (
    "CREATE TABLE fleet (rig {text} PRIMARY KEY, name {text} NOT NULL,"
    " added_utc {time}, revoked_utc {time})",
    # Whoever has a key has a name.
    """CREATE VIEW names (rig, name) AS
        SELECT keys.rig, coalesce(fleet.name, keys.rig)
        FROM (SELECT rig FROM rigs UNION SELECT rig FROM fleet) AS keys
        LEFT JOIN fleet ON fleet.rig = keys.rig""",
)
_THIRD = Step(sqlite=_ROSTER, postgres=_ROSTER)

# Keys that stored messages had before, should these come too. Not in the ledger, since of the epoch
# they name they settle nothing.
_FORMER = f"CREATE TABLE former_keys ({_KEY}, digest {{text}} NOT NULL, {_BY_KEY})"
_FOURTH = Step(sqlite=(f"{_FORMER} WITHOUT ROWID",), postgres=(_FORMER,))

_ASIDE_MORE = (
    # A message that leaves the quarantine has the keys it came with.
    "ALTER TABLE quarantine ADD COLUMN was {text}",
    # What has no key is bounded, and counted each time.
    "CREATE INDEX quarantine_nameless ON quarantine (id) WHERE seq IS NULL",
)
_FIFTH = Step(sqlite=_ASIDE_MORE, postgres=_ASIDE_MORE)

STEPS: tuple[Step, ...] = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH)
"""Step n leads from version n to n + 1, the same numbers for both engines."""

TABLES = (
    *("store", "ledger", "rigs", "hits", "exposures", "calibrations", "clocks", "lost"),
    *("lost_ranges", "quarantine", "fleet", "former_keys"),
)
"""What is there in the newest version."""


class NewerSchemaError(Exception):
    """A newer version made this database; its two numbers are `found` and `known`."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(found, known)
        self.found = found
        self.known = known

    def line(self, what: str) -> str:
        """Say it of a database or a file, and what to do."""
        return (
            f"{what} has schema {self.found}, this version knows {self.known}: upgrade cosmic-edge"
        )


class ForeignDatabaseError(Exception):
    """A database of another program."""


def steps_left(found: int, known: int) -> int:
    """How many steps lead from the version that was found to the one that is known.

    Raises
    ------
    NewerSchemaError
        None does.
    """
    if found > known:
        raise NewerSchemaError(found, known)
    return known - found
