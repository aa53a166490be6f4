"""What the rig let go of, as it was, under the same numbers: for a server that lost its database.

The outbox is not touched, and the rig may run meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from edge.delivery.archive import RECORD_KINDS
from edge.delivery.database import FILE_NAME, DamagedFile, version_of
from edge.delivery.state import State
from edge.errors import Failed
from edge.hits.readonly import open_read_only

_AT_ONCE = 256
_HIT_KINDS = frozenset({"hit"})
_Row: TypeAlias = tuple[str, int, bytes]
"""Epoch, seq and message."""

# As bytes: what damage has made no text must not end the reading of what follows it.
_HITS = (
    "SELECT rowid, epoch, seq, CAST(body AS BLOB) FROM archive "
    "WHERE rowid > ? AND acknowledged = 1 ORDER BY rowid LIMIT ?"
)
_RECORDS_SINCE = 2
"""Version of the file that keeps them first."""
_RECORDS = (
    "SELECT id, epoch, seq, CAST(body AS BLOB) FROM delivered WHERE id > ? ORDER BY id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Archived:
    """What the server has confirmed once: its kind and name, and the message as it was."""

    rig: str
    kind: str
    epoch: str
    seq: int
    payload: bytes


class Confirmed:
    """What a server has confirmed, also while the rig runs: hits, then records, oldest first.

    Records are exposures (the live time), calibrations and clock maps.

    Parameters
    ----------
    state_dir : Path
        The rig's.

    Raises
    ------
    edge.errors.Failed
        There is no archive; or, as it is gone through, it can't be read.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE_NAME
        if not self._path.is_file():
            raise Failed(f"{state_dir}: no rig has run here (there is no {FILE_NAME})")
        self.damaged = 0
        """Hits and records passed over, of which nobody can tell what they were."""

    def __iter__(self) -> Iterator[Archived]:
        try:
            with closing(open_read_only(self._path)) as db:
                version = version_of(db, self._path)
                state = State.load(db)
                if state is None:
                    return
                yield from self._whole(_rows(db, _HITS), state.rig, _HIT_KINDS)
                if version >= _RECORDS_SINCE:
                    yield from self._whole(_rows(db, _RECORDS), state.rig, RECORD_KINDS)
        except (sqlite3.DatabaseError, DamagedFile) as error:
            raise Failed(f"archive {self._path} can't be read: {error}") from None

    def _whole(self, rows: Iterable[_Row], rig: str, kinds: frozenset[str]) -> Iterator[Archived]:
        for epoch, seq, body in rows:
            kind = _kind(body)
            if kind in kinds:
                yield Archived(rig, kind, epoch, seq, body)
            else:
                self.damaged += 1


def _rows(db: sqlite3.Connection, portion: str) -> Iterator[_Row]:
    """Some at a time: a reader that stays open would let the file's log grow."""
    last = 0
    while rows := db.execute(portion, (last, _AT_ONCE)).fetchall():
        for last, epoch, seq, body in rows:  # noqa: B007 - where the next look begins
            yield epoch, seq, body


def _kind(body: bytes) -> str:
    """By its schema's name, such as ``cosmic-edge/clock/1``; "" where nobody can tell."""
    try:
        return str(json.loads(body)["schema"].split("/")[1])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return ""
