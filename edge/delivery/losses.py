"""What was given up and is still to be told: ranges that grow together, told when it is their turn.

A rig that no server hears for a year gives up many messages, each of which must be told. One
message for each would fill the file it is to clear. So the ranges lie in a table of their own,
where neighbours become one, and the outbox holds a declaration without them: it takes them in when
it is frozen, for its first publish.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from edge.delivery.database import DamagedFile
from edge.delivery.ranks import LOST
from edge.delivery.rows import count_lost, insert
from edge.delivery.state import State
from edge.detection import Draft
from edge.messages import SCHEMAS
from edge.messages.records import MAX_RANGES

GivenUp = Literal["outbox_full", "expired", "refused"]
MOST_SEQS = 1_000_000
"""In one message: a server takes more than ten times as many for a fault."""
_SMALL = 8
"""Ranges that fit into a packet of 1 kB."""
REASONS = ("outbox_full", "expired", "refused")
Row = tuple[int, str]
"""Seq and kind of what was owed."""
Range = tuple[int, int, Counter[str]]
"""First and last seq of what follows each other, and how many of each kind."""


def give_up(
    db: sqlite3.Connection, state: State, reason: GivenUp, rows: Sequence[Row], origin: str
) -> None:
    """Count messages as lost and see that the server is told; works inside a transaction."""
    if not rows:
        return
    gone = sorted(rows)
    declared = _is_declared(db, reason, None, gone[-1][0])
    if not declared:
        gone = sorted([*gone, *_take_back(db, reason)])
    count_lost(state, (kind for _, kind in gone))
    for found in _ranges(gone):
        _note(db, state.epoch, reason, found)
    if not declared:
        insert(db, state, _declaration(reason, None, origin))


def complete(
    db: sqlite3.Connection, state: State, seq: int, message: dict[str, Any]
) -> dict[str, Any]:
    """Take the ranges into a declaration that is about to be frozen.

    What it has no room for is left to another one, which is made where none follows.
    """
    reason, named = message.get("reason"), message.get("lost_epoch")
    if reason not in REASONS:
        return message
    epoch = named or state.epoch
    ranges, kinds = list(message["ranges"]), Counter(message["kinds"])
    # In its own epoch a message tells of what came before it, as the server insists.
    limit = seq if epoch == state.epoch else state.next_seq + (1 << 53)
    found = db.execute(
        "SELECT first_seq, last_seq, kinds FROM loss "
        "WHERE epoch = ? AND reason = ? AND last_seq < ? ORDER BY first_seq LIMIT ?",
        (epoch, reason, limit, MAX_RANGES - len(ranges)),
    ).fetchall()
    total = sum(part["last_seq"] - part["first_seq"] + 1 for part in ranges)
    taken = []
    for first, last, counts in found:
        total += last - first + 1
        if total > MOST_SEQS and ranges:
            break
        taken.append((epoch, reason, first))
        ranges.append({"first_seq": first, "last_seq": last})
        kinds.update(_read(counts))
    db.executemany(
        "DELETE FROM loss WHERE epoch = ? AND reason = ? AND first_seq = ?",
        taken,
    )
    rest = db.execute(
        "SELECT last_seq FROM loss WHERE epoch = ? AND reason = ? ORDER BY first_seq DESC LIMIT 1",
        (epoch, reason),
    ).fetchone()
    above = rest[0] if rest is not None and epoch == state.epoch else 0
    if rest is not None and not _is_declared(db, reason, named, max(seq, above)):
        insert(db, state, _declaration(reason, named, message["origin"]))
    return {**message, "ranges": ranges, "kinds": dict(kinds)}


def tell_again(db: sqlite3.Connection, state: State, refused: Mapping[str, Any]) -> None:
    """Declare once more what a declaration told that was refused; others have nothing to tell.

    In two halves, as it may have been too large. What is small goes back to where ranges grow
    together: for a broker that takes no declarations at all there would soon be very many.
    """
    ranges = refused.get("ranges") if refused["schema"] == SCHEMAS["lost"] else None
    if not ranges:
        return
    reason, kinds, origin = refused["reason"], refused["kinds"], refused["origin"]
    epoch = refused["lost_epoch"] or refused["epoch"]
    # How many of each kind stands with the first part: the sum is what is known.
    if len(ranges) <= _SMALL and reason in REASONS and epoch == state.epoch:
        for part in ranges:
            _note(db, epoch, reason, (part["first_seq"], part["last_seq"], Counter(kinds)))
            kinds = {}
        if not _is_declared(db, reason, None, max(part["last_seq"] for part in ranges)):
            insert(db, state, _declaration(reason, None, origin))
        return
    middle = (len(ranges) + 1) // 2
    for half, count in ((ranges[:middle], kinds), (ranges[middle:], {})):
        if half:
            body = {"reason": reason, "lost_epoch": epoch, "ranges": half, "kinds": count}
            insert(db, state, Draft("lost", body, origin))


def _declaration(reason: str, lost_epoch: str | None, origin: str) -> Draft:
    body: dict[str, Any] = {"reason": reason, "ranges": [], "lost_epoch": lost_epoch, "kinds": {}}
    return Draft("lost", body, origin)


def _take_back(db: sqlite3.Connection, reason: str) -> list[Row]:
    """Take an empty declaration out: the next one tells of it, or there would be one a loss."""
    for seq, message in _unpublished(db, 0):
        own = message.get("lost_epoch") is None
        if own and message.get("reason") == reason and not message["ranges"]:
            db.execute("DELETE FROM outbox WHERE seq = ?", (seq,))
            return [(seq, "lost")]
    return []


def _is_declared(db: sqlite3.Connection, reason: str, lost_epoch: str | None, seq: int) -> bool:
    """Whether a declaration above `seq` is owed that can still take ranges in."""
    return any(
        message.get("reason") == reason and message.get("lost_epoch") == lost_epoch
        for _, message in _unpublished(db, seq)
    )


def _unpublished(db: sqlite3.Connection, above_seq: int) -> list[tuple[int, dict[str, Any]]]:
    """The newest declarations above a seq that were never published."""
    found = db.execute(
        "SELECT seq, body FROM outbox WHERE rank = ? AND seq > ? AND floor IS NULL "
        "ORDER BY seq DESC LIMIT 8",
        (LOST, above_seq),
    ).fetchall()
    return [(seq, _read(body)) for seq, body in found]


def _ranges(rows: Sequence[Row]) -> list[Range]:
    found: list[Range] = []
    for seq, kind in rows:
        if found and found[-1][1] == seq - 1:
            first, _, kinds = found.pop()
        else:
            first, kinds = seq, Counter()
        kinds[kind] += 1
        found.append((first, seq, kinds))
    return found


def _note(db: sqlite3.Connection, epoch: str, reason: str, found: Range) -> None:
    """Write a range down, grown together with the ones it touches."""
    first, last, kinds = found
    before = db.execute(
        "SELECT first_seq, last_seq, kinds FROM loss "
        "WHERE epoch = ? AND reason = ? AND first_seq < ? ORDER BY first_seq DESC LIMIT 1",
        (epoch, reason, first),
    ).fetchone()
    if before is not None and before[1] == first - 1 and last - before[0] < MOST_SEQS:
        first = before[0]
        kinds.update(_read(before[2]))
    after = db.execute(
        "SELECT last_seq, kinds FROM loss WHERE epoch = ? AND reason = ? AND first_seq = ?",
        (epoch, reason, last + 1),
    ).fetchone()
    if after is not None and after[0] - first < MOST_SEQS:
        db.execute(
            "DELETE FROM loss WHERE epoch = ? AND reason = ? AND first_seq = ?",
            (epoch, reason, last + 1),
        )
        last = after[0]
        kinds.update(_read(after[1]))
    db.execute(
        "INSERT OR REPLACE INTO loss VALUES (?, ?, ?, ?, ?)",
        (epoch, reason, first, last, json.dumps(kinds)),
    )


def _read(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except (ValueError, TypeError):
        raise DamagedFile("a declaration of loss can't be read back") from None
    return found
