"""Exposure records that wait to become pings, where the outbox has let go of them.

An outbox holds a record until the rig's own server has it, often for a second. A rig that is to
tell CREDO its live time as well calls `keep_exposures` where it commits a record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from edge.credo_uplink.ledger_file import FILE_NAME, ledger_fault, open_ledger, read_ledger
from edge.messages import ExposureMessage, encode, format_utc_ns, parse_utc_ns

KEPT_DAYS = 30
_DAY_NS = 86_400 * 10**9
_PORTION = (
    "SELECT to_utc, id, body FROM kept WHERE (to_utc, id) > (?, ?) ORDER BY to_utc, id LIMIT 256"
)


def keep_exposures(state_dir: Path, records: Sequence[ExposureMessage]) -> None:
    """Keep records for later pings; those of a rig's last 30 days stay.

    Parameters
    ----------
    state_dir : Path
        The rig's state folder.
    records : sequence of ExposureMessage
        What no camera saw is passed over.

    Raises
    ------
    edge.errors.Failed
        The disk does not take them.
    """
    real = [record for record in records if record.origin == "camera"]
    if not real:
        return
    path = state_dir / FILE_NAME
    newest_ns = max(parse_utc_ns(record.to_utc) for record in real)
    with closing(open_ledger(path)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", map(_row, real))
            oldest = format_utc_ns(max(newest_ns - KEPT_DAYS * _DAY_NS, 0))
            db.execute("DELETE FROM kept WHERE to_utc < ?", (oldest,))
            db.execute("COMMIT")
        except sqlite3.Error as error:
            raise ledger_fault(path, error) from None


def kept_exposures(state_dir: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the JSON of the records kept in a state folder, oldest first.

    Raises
    ------
    edge.errors.Failed
        The file can't be read.
    """
    path = state_dir / FILE_NAME
    db = read_ledger(path)
    if db is None:
        return
    last = ("", "")
    with closing(db):
        while True:
            try:
                rows = db.execute(_PORTION, last).fetchall()
            except sqlite3.Error as error:
                raise ledger_fault(path, error) from None
            for to_utc, name, body in rows:
                last = (to_utc, name)
                yield f"{path}, exposure record {name}", str(body).encode("utf-8", "replace")
            if not rows:
                return


def _row(record: ExposureMessage) -> tuple[str, str, str]:
    body = encode(record.model_dump(by_alias=True, exclude_unset=True)).decode("utf-8")
    return record.to_utc, record.id, body
