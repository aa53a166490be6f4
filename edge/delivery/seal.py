"""Checksums of what an outbox's file holds: SQLite notices a torn page, but no flipped digit."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from edge.delivery.database import DamagedFile

_OWED = """
SELECT outbox.seq, kind, floor, coalesce(outbox.body, archive.body), was, crc32
FROM json_each(?) JOIN outbox ON outbox.seq = json_each.value
LEFT JOIN archive ON archive.epoch = ? AND archive.seq = outbox.seq"""


@dataclass(frozen=True, slots=True)
class Owed:
    """A message that is owed, as it was committed.

    `floor` is None until it is published; `was` are the keys it had in earlier epochs.
    """

    kind: str
    floor: int | None
    text: str
    was: str | None = None


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
    found = {}
    for row in db.execute(_OWED, (json.dumps(list(seqs)), epoch)):
        seq, kind, floor, text, was, crc32 = row
        # Rows of an older version have no checksum.
        whole = crc32 is None or crc32 == seal(seq, kind, floor, text)
        if not whole or not isinstance(text, str) or not isinstance(kind, str):
            raise DamagedFile(f"message {seq} is not what was written")
        found[seq] = Owed(kind, floor, text, was)
    return found


def owed_row(db: sqlite3.Connection, epoch: str, seq: int) -> Owed | None:
    """Read one owed message as `owed_rows` does; None where it is not owed."""
    return owed_rows(db, epoch, [seq]).get(seq)


def rewrite(db: sqlite3.Connection, epoch: str, seq: int, kind: str, text: str) -> None:
    """Give a message that was never published another text."""
    if kind == "hit":
        db.execute("UPDATE archive SET body = ? WHERE epoch = ? AND seq = ?", (text, epoch, seq))
    else:
        db.execute("UPDATE outbox SET body = ? WHERE seq = ?", (text, seq))
    db.execute(
        "UPDATE outbox SET bytes = ?, crc32 = ? WHERE seq = ?",
        (len(text), seal(seq, kind, None, text), seq),
    )


def sealed(db: sqlite3.Connection) -> bool:
    """Whether a file's messages have checksums: not before version 4 of its tables."""
    return any(column[1] == "crc32" for column in db.execute("PRAGMA table_info(outbox)"))
