"""A batch in SQLite: row by row, which costs nothing inside one process."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence

from edge.messages import format_utc_ns
from edge.server.arrival import Former, Key
from edge.server.let_go import declare, give_way
from edge.server.quarantine import trim
from edge.server.rows import row_of
from edge.server.sqlite_ask import asker
from edge.server.transaction import Aside, Entry, Kept, Loss, Owner
from edge.server.watermark import advance

# One message that SQLite can't hold must not keep the batch, and with it the fleet, waiting.
_UNSTORABLE = (
    OverflowError,
    UnicodeError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
)


class SqliteTransaction:
    """See `edge.server.transaction.Transaction`.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a transaction that holds the write lock.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ask = asker(connection)
        self._received_utc = format_utc_ns(time.time_ns())

    def lock(self, owners: Collection[Owner]) -> None:
        """Nothing to do: there is one writer at a time."""

    def digests(self, keys: Collection[Key]) -> dict[Key, str]:
        """Return the content's digest of each key that is settled."""
        return self._digests("ledger", keys)

    def formers(self, keys: Collection[Key]) -> dict[Key, str]:
        """Return, of keys that messages had before they came, the digest under that key."""
        return self._digests("former_keys", keys)

    def _digests(self, table: str, keys: Collection[Key]) -> dict[Key, str]:
        found = {}
        for key in keys:
            row = self._connection.execute(
                f"SELECT digest FROM {table}"  # noqa: S608 - our own names
                " WHERE rig = ? AND epoch = ? AND seq = ?",
                _ids(key),
            ).fetchone()
            if row is not None:
                found[key] = row[0]
        return found

    def keep(self, messages: Sequence[Kept]) -> dict[Key, str]:
        """Store messages; return, by key, why one can't be held."""
        refused = {}
        for one in messages:
            try:
                self._insert(one)
            except _UNSTORABLE as error:
                refused[one.key] = f"{type(error).__name__}: {error}"
        return refused

    def enter(self, entries: Sequence[Entry]) -> None:
        """Write keys into the ledger."""
        self._connection.executemany(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?)",
            [(*_ids(one.key), one.kind, one.digest) for one in entries],
        )

    def remember(self, former: Sequence[Former]) -> None:
        """Note the keys that stored messages had before."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO former_keys VALUES (?, ?, ?, ?)",
            [(*_ids(one.key), one.digest) for one in former],
        )

    def declare_lost(self, losses: Sequence[Loss]) -> None:
        """Remember ranges."""
        give_way(self._ask, losses)
        self._connection.executemany(
            "INSERT OR IGNORE INTO lost_ranges VALUES (?, ?, ?, ?, ?)",
            [
                (one.owner.rig, one.owner.epoch, one.first_seq, one.last_seq, one.reason)
                for one in losses
            ],
        )

    def last_held(self, marks: Mapping[Owner, int]) -> dict[Owner, tuple[int, str]]:
        """Return the last settled key up to each mark, and its content's digest."""
        found = {}
        for owner, upto in marks.items():
            row = self._connection.execute(
                "SELECT seq, digest FROM ledger WHERE rig = ? AND epoch = ? AND seq <= ?"
                " ORDER BY seq DESC LIMIT 1",
                (owner.rig, owner.epoch, upto),
            ).fetchone()
            if row is not None:
                found[owner] = (int(row[0]), str(row[1]))
        return found

    def put_aside(self, things: Sequence[Aside]) -> None:
        """Put into the quarantine."""
        self._connection.executemany(
            "INSERT INTO quarantine (reason, detail, topic, rig, epoch, seq, received_utc,"
            " digest, payload, was) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (topic, reason, digest) DO UPDATE SET times = times + 1,"
            " was = coalesce(was, excluded.was)",
            [
                (
                    *(one.reason, one.detail, one.topic),
                    *((None, None, None) if one.key is None else _ids(one.key)),
                    *(self._received_utc, one.digest, one.payload, one.was or None),
                )
                for one in things
            ],
        )
        if any(one.key is None for one in things):
            trim(self._ask)

    def advance(self, floors: Mapping[Owner, int]) -> dict[Owner, int]:
        """Bring watermarks forward by all that is settled."""
        return {owner: self._advance(owner, floor) for owner, floor in floors.items()}

    def _insert(self, kept: Kept) -> None:
        row = row_of(kept.message)
        columns = {
            **row.columns,
            "received_utc": self._received_utc,
            "message": kept.payload.decode("utf-8"),
        }
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self._connection.execute(
            f"INSERT INTO {row.table} ({names}) VALUES ({marks})",  # noqa: S608 - our own names
            tuple(columns.values()),
        )

    def _advance(self, owner: Owner, floor_seen: int) -> int:
        execute, ids = self._connection.execute, (owner.rig, owner.epoch)
        row = execute(
            "SELECT floor_high, upto FROM rigs WHERE rig = ? AND epoch = ?", ids
        ).fetchone()
        floor_high, before = row or (1, 0)
        floor = max(floor_high, floor_seen)
        base = max(before, floor - 1)
        if base > before:
            declare(self._ask, owner, before + 1, base)
        kept = execute(
            "SELECT seq FROM ledger WHERE rig = ? AND epoch = ? AND seq > ? ORDER BY seq",
            (*ids, base),
        )
        lost = execute(
            "SELECT first_seq, last_seq FROM lost_ranges"
            " WHERE rig = ? AND epoch = ? AND last_seq > ? ORDER BY first_seq",
            (*ids, base),
        )
        upto = advance(before, floor, (int(seq) for (seq,) in kept), lost)
        execute(
            "INSERT INTO rigs (rig, epoch, floor_high, upto, seen_utc) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (rig, epoch) DO UPDATE SET floor_high = excluded.floor_high,"
            " upto = excluded.upto, seen_utc = excluded.seen_utc",
            (*ids, floor, upto, self._received_utc),
        )
        return upto


def _ids(key: Key) -> tuple[str, str, int]:
    return key.rig, key.epoch, key.seq
