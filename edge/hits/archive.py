"""The archive in a rig's state folder: read while the rig runs, never written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from calibration.model import CalibrationError
from calibration.store import load
from edge.delivery.database import version_of
from edge.errors import Failed
from edge.hits.query import Query
from edge.hits.readonly import open_read_only, read_fault
from edge.hits.record import Damage, StoredHit, parse_hit
from edge.messages import MessageError

_ROWS_AT_ONCE = 256
_CALIBRATIONS = "calibrations"
_NTH_NEWEST = """
SELECT rowid FROM archive
WHERE rowid <= :last
  AND (:label IS NULL OR label = :label) AND (:since IS NULL OR time_utc >= :since)
ORDER BY rowid DESC LIMIT 1 OFFSET :skip
"""
_PORTION = """
SELECT rowid, seq, body, acknowledged FROM archive
WHERE rowid BETWEEN :first AND :last
  AND (:label IS NULL OR label = :label) AND (:since IS NULL OR time_utc >= :since)
ORDER BY rowid LIMIT :limit
"""


class ArchiveReader:
    """Reads the hits of ``rig.sqlite``.

    Parameters
    ----------
    path : Path
        The database. It is opened for reading only.

    Raises
    ------
    edge.errors.Failed
        It is missing, damaged, made by a newer version, or no rig's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._damage = Damage()
        self._modes: dict[str | None, Mapping[str, Any] | None] = {}
        if not path.is_file():
            raise Failed(f"{path.parent}: no rig has run here (there is no {path.name})")
        self._connection = open_read_only(path)
        try:
            self._last_row = self._newest_row()
        except BaseException:
            self._connection.close()
            raise

    @property
    def place(self) -> str:
        """Path of the database."""
        return str(self._path)

    @property
    def damage(self) -> Damage:
        """Rows that the last pass could not read."""
        return self._damage

    def hits(self, query: Query) -> Iterator[StoredHit]:
        """Yield the hits of a query in the order they were made.

        Hits made after the archive was opened are left out, so that two passes see the same.
        Rows come in portions: a long export must not keep the rig from tidying its log.
        """
        self._damage = Damage()
        choice = {"label": query.label, "since": query.since_utc, "last": self._last_row}
        row = self._first_row(choice, query.limit)
        while True:
            rows = self._rows(_PORTION, {**choice, "first": row, "limit": _ROWS_AT_ONCE})
            for rowid, seq, body, acknowledged in rows:
                row = rowid + 1
                hit = self._parse(seq, body, acknowledged)
                if hit is not None and (query.rig is None or hit.message.rig == query.rig):
                    yield hit
            if len(rows) < _ROWS_AT_ONCE:
                return

    def sensor_mode(self, calibration_id: str | None) -> Mapping[str, Any] | None:
        """How the sensor was read under a calibration, where the state folder still has it."""
        if calibration_id not in self._modes:
            self._modes[calibration_id] = self._load_mode(calibration_id)
        return self._modes[calibration_id]

    def close(self) -> None:
        """Give the database back; idempotent."""
        self._connection.close()

    def _load_mode(self, calibration_id: str | None) -> Mapping[str, Any] | None:
        if not calibration_id or not calibration_id.isalnum():
            return None
        for path in (self._path.parent / _CALIBRATIONS).glob(f"*{calibration_id}.npz"):
            try:
                return load(path).mode
            except CalibrationError:
                continue
        return None

    def _newest_row(self) -> int:
        """Last row there is now; fails where this is no archive of ours."""
        try:
            version_of(self._connection, self._path)
        except sqlite3.Error as error:
            raise read_fault(self._path, error) from None
        return int(self._rows("SELECT max(rowid) FROM archive", {})[0][0] or 0)

    def _first_row(self, choice: dict[str, Any], limit: int | None) -> int:
        if limit is None:
            return 0
        rows = self._rows(_NTH_NEWEST, {**choice, "skip": max(limit - 1, 0)})
        return int(rows[0][0]) if rows else 0

    def _rows(self, sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise read_fault(self._path, error) from None

    def _parse(self, seq: int, body: str | bytes, acknowledged: Any) -> StoredHit | None:
        payload = body.encode("utf-8", "surrogateescape") if isinstance(body, str) else body
        try:
            return parse_hit(payload, f"{self._path}, hit {seq}", bool(acknowledged))
        except MessageError as error:
            self._damage = self._damage.and_one(f"hit {seq} is damaged ({error})")
            return None
