"""A damaged file: set aside, and what can be read of it brought into a new one."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from edge.delivery.archive import RECORDS
from edge.delivery.database import DamagedFile, committing, readable
from edge.delivery.rows import also_was, insert, lost_drafts, put, rekey
from edge.delivery.seal import Owed, owed_row, sealed
from edge.delivery.state import State
from edge.detection import Draft
from edge.messages import SCHEMAS

# A hole in the file makes rows unreadable one by one; beyond this many the rest is given up.
_MAX_MISSES = 100_000
_ROWS_PER_COMMIT = 500
_UNKNOWN_LOSS: dict[str, Any] = {"reason": "damaged", "ranges": [], "lost_epoch": None, "kinds": {}}
_T = TypeVar("_T")

LossRow = tuple[str, str, int, int, str]
"""A row of what was given up and not yet told."""


class _Kept(NamedTuple):
    """How the rows of a table that nobody waits for are copied."""

    last_row: str
    one: str
    insert: str


_HITS = _Kept(
    "SELECT max(rowid) FROM archive",
    "SELECT epoch, seq, time_utc, label, peak_adu, acknowledged, body FROM archive "
    "WHERE rowid = ? AND owed = 0",
    "INSERT OR IGNORE INTO archive (epoch, seq, time_utc, label, peak_adu, acknowledged, "
    "body, owed) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
)
_DELIVERED = _Kept(
    "SELECT max(id) FROM delivered",
    "SELECT epoch, seq, body FROM delivered WHERE id = ?",
    "INSERT INTO delivered (epoch, seq, body) VALUES (?, ?, ?)",
)
OwedRow = tuple[int, str, dict[str, Any], str | None]
"""Seq, kind, whole message, and the keys it had in earlier epochs."""


@dataclass(slots=True)
class Salvaged:
    """What could be read.

    `state` is None where even that was lost; `losses` are ranges that were given up and are still
    to be told; `checkpoint` is the open exposure, if any; `rows` gives what is owed in order of
    seq, once, while the file is open: an outbox may hold more than the computer has memory for.
    Meanwhile `saved` counts them, and `unread` grows by the seqs that may have been owed and could
    not be read.
    """

    state: State | None = None
    losses: list[LossRow] = field(default_factory=list)
    checkpoint: str | None = None
    rows: Iterator[OwedRow] = field(default_factory=lambda: iter(()))
    saved: int = 0
    unread: list[int] = field(default_factory=list)


def set_aside(path: Path) -> Path:
    """Rename the file and its companions to ``….damaged-<n>``; returns the new path.

    Raises
    ------
    OSError
        The folder can't be written.
    """
    number = 1
    while True:
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if not aside.exists():
            break
        number += 1
    for old, new in zip(companions(path), companions(aside), strict=True):
        if old.exists():
            os.replace(old, new)
    return aside


def companions(path: Path) -> list[Path]:
    """Return the file itself, its log and its index, as SQLite names them."""
    return [Path(f"{path}{suffix}") for suffix in ("-wal", "-shm", "")]


@contextmanager
def reading(path: Path, known: State | None = None) -> Iterator[Salvaged]:
    """Read what is owed from a damaged file; never raises for what the damage did.

    `known` is the state row, where the file became damaged in use.
    """
    found = Salvaged(state=known)
    with ExitStack() as opened:
        try:
            db = opened.enter_context(closing(_open_to_read(path)))
            _begin(db, found)
        except (sqlite3.Error, UnicodeDecodeError):  # not even an SQLite file
            pass
        yield found


def _begin(db: sqlite3.Connection, found: Salvaged) -> None:
    if found.state is None:
        found.state = _try(lambda: State.load(db))
    row = _try(lambda: db.execute("SELECT body FROM checkpoint").fetchone())
    found.checkpoint = row[0] if row else None
    found.losses = list(_read_losses(db))
    known = found.state
    found.rows = _owed_without_state(db) if known is None else _read_owed(db, known, found)


def bring_in(db: sqlite3.Connection, state: State, found: Salvaged) -> None:
    """Put what was owed into the new outbox under new keys, and declare the rest lost.

    Runs its own transactions: the file counts only once it takes the other one's place.
    """
    origin = "camera"
    hits = 0
    with committing(db):
        db.executemany("INSERT OR IGNORE INTO loss VALUES (?, ?, ?, ?, ?)", found.losses)
    while batch := list(islice(found.rows, _ROWS_PER_COMMIT)):
        with committing(db):
            for seq, kind, owed, was in batch:
                old_epoch = owed["epoch"]
                message = rekey(owed, state)
                origin = message["origin"]
                put(db, state, kind, message, also_was(was, old_epoch, seq))
                hits += kind == "hit"
        found.saved += len(batch)
    with committing(db):
        _count(db, state, found, hits, origin)
        if found.checkpoint is not None:
            db.execute("INSERT OR REPLACE INTO checkpoint VALUES (1, ?)", (found.checkpoint,))


def _count(db: sqlite3.Connection, state: State, found: Salvaged, hits: int, origin: str) -> None:
    """Go on with the sums of the old file, and declare what is missing."""
    old = found.state
    if old is None:
        state.counters["committed"] = found.saved
        state.counters["hits_made"] = hits
        insert(db, state, Draft("lost", dict(_UNKNOWN_LOSS), origin))
    else:
        state.session = max(state.session, old.session)
        state.counters = Counter(old.counters)
        missing = max(0, old.owed - found.saved)
        state.counters["lost"] += missing
        state.counters["hits_lost"] += min(missing, max(0, old.owed_hits - hits))
        # Among the unread may be some that were let go already; to declare them too does no harm.
        rows = [(seq, "") for seq in found.unread if missing]
        for draft in lost_drafts("damaged", rows, origin, old.epoch):
            insert(db, state, draft)
    state.counters["rekeyed"] += found.saved
    state.counters["damaged_files"] += 1


def copy_archive(path: Path, db: sqlite3.Connection, max_rows: int) -> int:
    """Copy the newest hits and exposure records that nobody waits for, as far as they can be read.

    Runs its own transactions; returns how many rows were copied.
    """
    copied = 0
    try:
        with closing(_open_to_read(path)) as old:
            for table, most in ((_HITS, max_rows), (_DELIVERED, RECORDS)):
                rows = _newest(old, table, most)
                while batch := list(islice(rows, _ROWS_PER_COMMIT)):
                    copied += _put_rows(db, table, batch)
    except sqlite3.Error:  # the new file takes no more; what is owed is already in it
        pass
    return copied


def _open_to_read(path: Path) -> sqlite3.Connection:
    # Read-only: what was set aside stays as the damage left it.
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.text_factory = readable
    return db


def _read_losses(db: sqlite3.Connection) -> Iterator[LossRow]:
    """Ranges that were not told yet; how many of each kind they held may be lost."""
    for *where, kinds in _try(lambda: db.execute("SELECT * FROM loss").fetchall()) or []:
        readable = _try(lambda kinds=kinds: Counter(json.loads(kinds)).total()) is not None  # type: ignore[misc]
        yield (*where, kinds if readable else "{}")


def _read_owed(db: sqlite3.Connection, old: State, found: Salvaged) -> Iterator[OwedRow]:
    misses = 0
    for seq in range(max(1, old.floor), old.next_seq):
        row = _owed_row(db, old.epoch, seq)
        if row is not None:
            yield row
            continue
        found.unread.append(seq)
        misses += not _is_absent(db, seq)
        if misses >= _MAX_MISSES:
            break


def _is_absent(db: sqlite3.Connection, seq: int) -> bool:
    """Whether it can be read that nothing is owed under a seq: it was let go, or given up."""
    found = _try(lambda: db.execute("SELECT count(*) FROM outbox WHERE seq = ?", (seq,)).fetchone())
    return found is not None and found[0] == 0


def _owed_without_state(db: sqlite3.Connection) -> Iterator[OwedRow]:
    epoch = _try(
        lambda: db.execute("SELECT epoch FROM archive ORDER BY rowid DESC LIMIT 1").fetchone()
    )
    first = _try(lambda: db.execute("SELECT min(seq) FROM outbox").fetchone())
    last = _try(lambda: db.execute("SELECT max(seq) FROM outbox").fetchone())
    if not first or not last or first[0] is None or last[0] is None:
        return
    for seq in range(first[0], min(last[0], first[0] + _MAX_MISSES) + 1):
        row = _owed_row(db, epoch[0] if epoch else "", seq)
        if row is not None:
            yield row


def _owed_row(db: sqlite3.Connection, epoch: str, seq: int) -> OwedRow | None:
    row = _try(lambda: owed_row(db, epoch, seq) if sealed(db) else _unsealed(db, epoch, seq))
    if row is None or row.kind not in SCHEMAS or not isinstance(row.text, str):
        return None
    message = _try(lambda: json.loads(row.text))
    if not isinstance(message, dict) or not {"schema", "epoch", "origin"} <= set(message):
        return None
    return seq, row.kind, message, row.was


def _unsealed(db: sqlite3.Connection, epoch: str, seq: int) -> Owed | None:
    """From a file of a version that had no checksums."""
    row = db.execute(
        "SELECT kind, floor, coalesce(body, (SELECT archive.body FROM archive "
        "WHERE archive.epoch = ? AND archive.seq = outbox.seq)) FROM outbox WHERE seq = ?",
        (epoch, seq),
    ).fetchone()
    was = _try(lambda: db.execute("SELECT was FROM outbox WHERE seq = ?", (seq,)).fetchone())
    if row is None:
        return None
    kind, floor, text = row
    return Owed(kind, floor, text, was[0] if was else None)


def _newest(old: sqlite3.Connection, table: _Kept, max_rows: int) -> Iterator[tuple[object, ...]]:
    last = _try(lambda: old.execute(table.last_row).fetchone())
    if not last or last[0] is None:
        return
    for rowid in range(max(1, last[0] - max_rows + 1), last[0] + 1):
        row = _try(lambda rowid=rowid: old.execute(table.one, (rowid,)).fetchone())  # type: ignore[misc]
        if row is not None:
            yield row


def _put_rows(db: sqlite3.Connection, table: _Kept, rows: list[tuple[object, ...]]) -> int:
    with committing(db):
        return db.executemany(table.insert, rows).rowcount


def _try(read: Callable[[], _T]) -> _T | None:
    try:
        return read()
    except (sqlite3.Error, DamagedFile, ValueError, TypeError, KeyError):
        return None
