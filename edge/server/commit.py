"""What happens inside the transaction that stores a batch."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from edge.messages import LostMessage, Message, format_utc_ns
from edge.server.arrival import Arrival, Key, Refusal
from edge.server.rows import row_of
from edge.server.store import Answer, Receipt
from edge.server.watermark import advance

QUARANTINED = "quarantined"
"""Kind, in the ledger, of what has a key and is no message."""

# One message that SQLite can't hold must not keep the batch, and with it the fleet, waiting.
_UNSTORABLE = (
    OverflowError,
    UnicodeError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
)


class Batch:
    """Settles one batch in an open transaction; used once.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a transaction that holds the write lock.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._received_utc = format_utc_ns(time.time_ns())
        self._stored = 0
        self._duplicates = 0
        self._quarantined = 0
        self._conflicts = 0
        # Last one last: what a rig's topic retains in the end is about what it sent in the end.
        self._answered: dict[tuple[str, str], int | None] = {}
        self._floors: dict[tuple[str, str], int] = {}

    def store(self, batch: Sequence[Arrival]) -> Receipt:
        """Put every arrival in its place and bring the watermarks forward."""
        for arrival in batch:
            self._settle(arrival)
        marks = {owner: self._advance(*owner) for owner in self._floors}
        answers = tuple(
            Answer(rig, epoch, marks[rig, epoch], conflict)
            for (rig, epoch), conflict in self._answered.items()
        )
        return Receipt(self._stored, self._duplicates, self._quarantined, self._conflicts, answers)

    def _settle(self, arrival: Arrival) -> None:
        key = arrival.key
        if key is None:
            self._put_aside(arrival, arrival.refusal)
            return
        known = self._execute(
            "SELECT digest FROM ledger WHERE rig = ? AND epoch = ? AND seq = ?",
            (key.rig, key.epoch, key.seq),
        ).fetchone()
        if known is not None and known[0] != arrival.digest:
            self._put_aside(arrival, Refusal("conflict", f"seq {key.seq} came with other content"))
            self._conflicts += 1
            self._touch(key, None, conflict=key.seq)
            return
        if known is not None:
            self._duplicates += 1
        else:
            self._keep(arrival, key)
        self._touch(key, arrival.floor)

    def _keep(self, arrival: Arrival, key: Key) -> None:
        refusal, kind = arrival.refusal, QUARANTINED
        if arrival.message is not None:
            try:
                self._insert(arrival.message, arrival.payload.decode("utf-8"))
                kind = arrival.message.kind
                self._stored += 1
            except _UNSTORABLE as error:
                refusal = Refusal("unstorable", f"{type(error).__name__}: {error}")
        if kind == QUARANTINED:
            self._put_aside(arrival, refusal)
        self._execute(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?)",
            (key.rig, key.epoch, key.seq, kind, arrival.digest),
        )

    def _insert(self, message: Message, text: str) -> None:
        row = row_of(message)
        columns = {
            "rig": message.rig,
            "epoch": message.epoch,
            "seq": message.seq,
            **row.columns,
            "origin": message.origin,
            "received_utc": self._received_utc,
            "message": text,
        }
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self._execute(
            f"INSERT INTO {row.table} ({names}) VALUES ({marks})",  # noqa: S608 - our own names
            tuple(columns.values()),
        )
        if isinstance(message, LostMessage):
            self._declare_lost(message)

    def _declare_lost(self, message: LostMessage) -> None:
        epoch = message.lost_epoch or message.epoch
        self._floors.setdefault((message.rig, epoch), 1)
        for part in message.ranges:
            self._execute(
                "INSERT OR IGNORE INTO lost_ranges VALUES (?, ?, ?, ?, ?)",
                (message.rig, epoch, part.first_seq, part.last_seq, message.reason),
            )

    def _put_aside(self, arrival: Arrival, refusal: Refusal | None) -> None:
        assert refusal is not None, "only what was refused is put aside"  # noqa: S101
        key = arrival.key
        rig, epoch, seq = (None, None, None) if key is None else (key.rig, key.epoch, key.seq)
        self._quarantined += 1
        self._execute(
            "INSERT INTO quarantine (reason, detail, topic, rig, epoch, seq, received_utc,"
            " digest, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (topic, reason, digest) DO UPDATE SET times = times + 1",
            (
                refusal.reason,
                refusal.detail.encode(errors="replace").decode(),
                arrival.topic,
                rig,
                epoch,
                seq,
                self._received_utc,
                arrival.digest,
                arrival.payload,
            ),
        )

    def _touch(self, key: Key, floor: int | None, conflict: int | None = None) -> None:
        owner = (key.rig, key.epoch)
        known = self._answered.pop(owner, None)
        both = [seq for seq in (known, conflict) if seq is not None]
        self._answered[owner] = min(both, default=None)
        self._floors[owner] = max(self._floors.get(owner, 1), floor or 1)

    def _advance(self, rig: str, epoch: str) -> int:
        """Compute and write one watermark from everything committed so far."""
        owner = (rig, epoch)
        row = self._execute(
            "SELECT floor_high, upto FROM watermarks WHERE rig = ? AND epoch = ?", owner
        ).fetchone()
        floor_high, before = row or (1, 0)
        floor = max(floor_high, self._floors[owner])
        base = max(before, floor - 1)
        kept = self._execute(
            "SELECT seq FROM ledger WHERE rig = ? AND epoch = ? AND seq > ? ORDER BY seq",
            (*owner, base),
        )
        lost = self._execute(
            "SELECT first_seq, last_seq FROM lost_ranges"
            " WHERE rig = ? AND epoch = ? AND last_seq > ? ORDER BY first_seq",
            (*owner, base),
        )
        upto = advance(before, floor, (int(seq) for (seq,) in kept), lost)
        self._execute(
            "INSERT INTO watermarks VALUES (?, ?, ?, ?) ON CONFLICT (rig, epoch)"
            " DO UPDATE SET floor_high = excluded.floor_high, upto = excluded.upto",
            (*owner, floor, upto),
        )
        return upto
