"""What was sent to which server, on disk: one row for each hit and ping.

A row is written before the request goes out, and again when the answer is there. What a crash finds
in between may be stored on the server or not: it is sent again, and counted.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from edge.credo_uplink.items import Item, LeftOut
from edge.credo_uplink.ledger_file import ledger_fault, open_ledger

State = Literal["open", "sent", "refused"]
_KNOWN = "SELECT state, sends, reason FROM ledger WHERE server = ? AND digest = ?"
_BEGIN = """
INSERT INTO ledger
VALUES (?, ?, ?, ?, ?, 'open', 1, NULL, NULL, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
ON CONFLICT DO UPDATE SET
    state = 'open', sends = sends + 1, reason = NULL, changed_utc = excluded.changed_utc
"""
_NOT_STORED = "UPDATE ledger SET sends = sends - 1 WHERE server = ? AND digest = ?"
_SENT = """
UPDATE ledger
SET state = 'sent', server_id = ?, changed_utc = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE server = ? AND digest = ?
"""
_REFUSED = """
INSERT INTO ledger
VALUES (?, ?, ?, ?, ?, 'refused', 0, NULL, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
ON CONFLICT DO UPDATE SET
    state = 'refused', reason = excluded.reason, changed_utc = excluded.changed_utc
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an item.

    Attributes
    ----------
    state : {"open", "sent", "refused"}
    sends : int
        How often it may have reached the server.
    reason : str or None
        Why it was refused.
    """

    state: State
    sends: int
    reason: str | None = None


def known_in(db: sqlite3.Connection, server: str, digest: str) -> Known | None:
    """Look an item up; None where it was never tried."""
    row = db.execute(_KNOWN, (server, digest)).fetchone()
    return None if row is None else Known(*row)


class Ledger:
    """One server's part of the file.

    Each change is on the disk when its method returns; a disk that takes nothing is an
    `edge.errors.Failed`.

    Parameters
    ----------
    path : Path
        Made if missing.
    server : str
        Whose part: what one server has, another may lack.

    Raises
    ------
    edge.errors.Failed
        See `edge.credo_uplink.ledger_file.open_ledger`.
    """

    def __init__(self, path: Path, server: str) -> None:
        self._path = path
        self._server = server
        self._db = open_ledger(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def known(self, digest: str) -> Known | None:
        """Look an item up; None where it was never tried."""
        try:
            return known_in(self._db, self._server, digest)
        except sqlite3.Error as error:
            raise ledger_fault(self._path, error) from None

    def begin(self, items: Sequence[Item]) -> None:
        """Say that a request is about to go out: from now on it may be on the server."""
        self._write(
            _BEGIN,
            [(self._server, one.digest, one.kind, one.id, one.rig) for one in items],
        )

    def not_stored(self, items: Sequence[Item]) -> None:
        """Say that the request that went out last was surely not stored."""
        self._write(
            _NOT_STORED,
            [(self._server, one.digest) for one in items],
        )

    def sent(self, items: Sequence[Item], server_ids: Sequence[int | None]) -> None:
        """Say that the server has them."""
        rows = zip(items, server_ids, strict=True)
        self._write(
            _SENT,
            [(server_id, self._server, one.digest) for one, server_id in rows],
        )

    def refused(self, one: Item | LeftOut, reason: str) -> None:
        """Set aside what the server refuses, or what can't be sent at all, with the reason."""
        self._write(
            _REFUSED,
            [(self._server, one.digest, one.kind, one.id, one.rig, reason)],
        )

    def _write(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(sql, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise ledger_fault(self._path, error) from None
