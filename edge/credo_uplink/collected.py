"""A collector's SQLite database as a source: all rigs of a fleet, their live time with them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from edge.hits.query import Query
from edge.hits.readonly import open_read_only, read_fault
from edge.hits.record import Damage, StoredHit, parse_hit
from edge.messages import MessageError

_ROWS_AT_ONCE = 256
_TABLES = frozenset({"hits", "exposures", "calibrations", "ledger"})
_PORTION = {
    "hits": """
        SELECT rowid, rig, seq, message FROM hits
        WHERE rowid > :after AND (:rig IS NULL OR rig = :rig)
        AND (:since IS NULL OR time_utc >= :since) ORDER BY rowid LIMIT :limit
        """,
    "exposures": """
        SELECT rowid, rig, seq, message FROM exposures
        WHERE rowid > :after AND (:rig IS NULL OR rig = :rig)
        AND (:since IS NULL OR to_utc >= :since) ORDER BY rowid LIMIT :limit
        """,
}
_CALIBRATION = (
    "SELECT message FROM calibrations WHERE calibration_id = ? ORDER BY rowid DESC LIMIT 1"
)


def is_collected(path: Path) -> bool:
    """Whether a SQLite file is a collector's.

    Raises
    ------
    edge.errors.Failed
        It can't be read.
    """
    with closing(open_read_only(path)) as db:
        try:
            rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        except sqlite3.Error as error:
            raise read_fault(path, error) from None
    return {name for (name,) in rows} >= _TABLES


class CollectedReader:
    """Reads hits and exposure records in the order they were stored; never writes.

    Parameters
    ----------
    path : Path
        Of a database that `is_collected`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._damage = Damage()
        self._db = open_read_only(path)
        self._modes: dict[str, Mapping[str, Any] | None] = {}

    @property
    def place(self) -> str:
        """Path of the database."""
        return str(self._path)

    @property
    def damage(self) -> Damage:
        """Rows that the last pass could not read."""
        return self._damage

    def hits(self, query: Query) -> Iterator[StoredHit]:
        """Yield the hits of a rig, or of all, since a time."""
        self._damage = Damage()
        for name, payload in self._rows("hits", query):
            try:
                yield parse_hit(payload, name, delivered=True)
            except MessageError as error:
                self._damage = self._damage.and_one(f"{name} is damaged ({error})")

    def exposures(self, query: Query) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the JSON of each exposure record."""
        return self._rows("exposures", query)

    def sensor_mode(self, calibration_id: str | None) -> Mapping[str, Any] | None:
        """How the sensor was read, as the rig told with its calibration."""
        if calibration_id is None:
            return None
        if calibration_id not in self._modes:
            self._modes[calibration_id] = self._mode(calibration_id)
        return self._modes[calibration_id]

    def close(self) -> None:
        """Give the database back; idempotent."""
        self._db.close()

    def _rows(self, table: str, query: Query) -> Iterator[tuple[str, bytes]]:
        after = 0
        choice = {"rig": query.rig, "since": query.since_utc, "limit": _ROWS_AT_ONCE}
        while True:
            rows = self._ask(_PORTION[table], {**choice, "after": after})
            for rowid, rig, seq, message in rows:
                after = rowid
                payload = message if isinstance(message, bytes) else str(message).encode()
                yield f"{self._path}, {rig}'s message {seq}", payload
            if len(rows) < _ROWS_AT_ONCE:
                return

    def _mode(self, calibration_id: str) -> Mapping[str, Any] | None:
        rows = self._ask(_CALIBRATION, (calibration_id,))
        try:
            sensor = json.loads(rows[0][0])["sensor"] if rows else None
        except (ValueError, KeyError, TypeError):
            return None
        return sensor if isinstance(sensor, dict) else None

    def _ask(self, sql: str, values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise read_fault(self._path, error) from None
