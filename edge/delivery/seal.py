"""Checksums of what an outbox's file holds: SQLite notices a torn page, but no flipped digit."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from edge.delivery.database import DamagedFile

_OWED = """
SELECT outbox.seq, outbox.kind, outbox.floor, coalesce(outbox.body, archive.body), outbox.crc32
FROM outbox LEFT JOIN archive ON archive.epoch = ? AND archive.seq = outbox.seq
WHERE outbox.seq IN ({marks})"""


@dataclass(frozen=True, slots=True)
class Owed:
    """A message that is owed, as it was committed; `floor` is None until it is published."""

    kind: str
    floor: int | None
    text: str


def seal(*parts: object) -> int:
    """CRC-32 over values as they lie in a row."""
    return zlib.crc32("\0".join(map(str, parts)).encode("utf-8", "replace"))


def owed_rows(db: sqlite3.Connection, epoch: str, seqs: Sequence[int]) -> dict[int, Owed]:
    """Read those of the messages that are owed, by seq.

    Raises
    ------
    DamagedFile
        One is not what was written.
    """
    marks = ",".join("?" * len(seqs))
    found = {}
    for seq, kind, floor, text, crc32 in db.execute(_OWED.format(marks=marks), (epoch, *seqs)):
        # Rows of an older version have no checksum.
        whole = crc32 is None or crc32 == seal(seq, kind, floor, text)
        if not whole or not isinstance(text, str) or not isinstance(kind, str):
            raise DamagedFile(f"message {seq} is not what was written")
        found[seq] = Owed(kind, floor, text)
    return found


def owed_row(db: sqlite3.Connection, epoch: str, seq: int) -> Owed | None:
    """Read one owed message as `owed_rows` does; None where it is not owed."""
    return owed_rows(db, epoch, [seq]).get(seq)


def sealed(db: sqlite3.Connection) -> bool:
    """Whether a file's messages have checksums: not before version 2 of its tables."""
    return any(column[1] == "crc32" for column in db.execute("PRAGMA table_info(outbox)"))
