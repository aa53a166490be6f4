"""Messages as rows: put in, taken out, moved to a new epoch.

Each function works inside the caller's transaction and keeps `State` in step with the tables.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from edge.delivery.archive import RECORD_KINDS, keep_delivered
from edge.delivery.database import DamagedFile
from edge.delivery.ranks import rank_of
from edge.delivery.seal import owed_row, seal
from edge.delivery.state import State, new_epoch
from edge.detection import Draft
from edge.messages import SCHEMAS, MessageError, encode, envelope, message_id
from edge.messages.records import MAX_RANGES


def insert(db: sqlite3.Connection, state: State, draft: Draft) -> int:
    """Give a draft its seq and store it; returns the seq.

    Raises
    ------
    edge.messages.MessageError
        Its body can't be written as JSON, or is no hit's where it should be.
    """
    message = envelope(
        draft.kind,
        draft.body,
        rig=state.rig,
        epoch=state.epoch,
        seq=state.next_seq,
        floor=min(state.floor, state.next_seq),
        origin=draft.origin,
    )
    seq = put(db, state, draft.kind, message)
    state.counters["committed"] += 1
    state.counters["hits_made"] += draft.kind == "hit"
    return seq


def put(
    db: sqlite3.Connection, state: State, kind: str, message: dict[str, Any], was: str | None = None
) -> int:
    """Store a whole message under the state's next seq, uncounted; returns the seq."""
    text = encode(message).decode("utf-8")
    seq = state.next_seq
    if kind == "hit":
        db.execute(
            "INSERT INTO archive (epoch, seq, time_utc, label, peak_adu, body) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (state.epoch, seq, *_columns(message), text),
        )
    db.execute(
        "INSERT INTO outbox (seq, kind, bytes, body, rank, was, crc32) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(seq, kind, len(text), None if kind == "hit" else text, rank_of(kind, message), was),
            seal(seq, kind, None, text),
        ),
    )
    state.next_seq = seq + 1
    return seq


def _columns(hit: dict[str, Any]) -> tuple[str, str, int]:
    try:
        return str(hit["time_utc"]), str(hit["class"]), int(hit["peak_adu"])
    except (KeyError, TypeError, ValueError) as error:
        raise MessageError(f"hit without time_utc, class and peak_adu: {error!r}") from None


def read_message(seq: int, text: str) -> dict[str, Any]:
    """Read a committed message; raises DamagedFile where it is none any more."""
    try:
        message = json.loads(text)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise DamagedFile(f"message {seq} can't be read")
    return message


def message_of(db: sqlite3.Connection, epoch: str, seq: int) -> dict[str, Any]:
    """Return an owed message as it was committed.

    Raises
    ------
    DamagedFile
        What lies there is no longer what was written.
    """
    row = owed_row(db, epoch, seq)
    if row is None:
        raise DamagedFile(f"message {seq} can't be read back")
    return read_message(seq, row.text)


def acknowledge(db: sqlite3.Connection, state: State, where: str, values: Sequence[int]) -> int:
    """Let go of the owed messages `where` says; hits and records stay, acknowledged."""
    rows = db.execute(f"SELECT seq, kind FROM outbox WHERE {where}", values).fetchall()  # noqa: S608
    hits = [seq for seq, kind in rows if kind == "hit"]
    for seq, kind in rows:
        if kind in RECORD_KINDS:
            keep_delivered(db, state.epoch, seq)
    db.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq, _ in rows])
    db.executemany(
        "UPDATE archive SET acknowledged = 1, owed = 0 WHERE epoch = ? AND seq = ?",
        [(state.epoch, seq) for seq in hits],
    )
    state.counters["acknowledged"] += len(rows)
    state.counters["hits_acknowledged"] += len(hits)
    return len(rows)


def count_lost(state: State, kinds: Iterable[str]) -> None:
    """Count messages that will never be delivered."""
    for kind in kinds:
        state.counters["lost"] += 1
        state.counters["hits_lost"] += kind == "hit"


def lost_drafts(
    reason: str, rows: Sequence[tuple[int, str]], origin: str, lost_epoch: str | None = None
) -> Iterator[Draft]:
    """Declare rows of (seq, kind) lost, in as many messages as their ranges need."""
    ordered = sorted(rows)
    part: list[tuple[int, str]] = []
    ranges: list[dict[str, int]] = []
    for seq, kind in ordered:
        follows = bool(ranges) and ranges[-1]["last_seq"] == seq - 1
        if not follows and len(ranges) == MAX_RANGES:
            yield _lost(reason, ranges, part, origin, lost_epoch)
            part, ranges = [], []
        if follows:
            ranges[-1]["last_seq"] = seq
        else:
            ranges.append({"first_seq": seq, "last_seq": seq})
        part.append((seq, kind))
    if ranges:
        yield _lost(reason, ranges, part, origin, lost_epoch)


def _lost(
    reason: str,
    ranges: list[dict[str, int]],
    rows: Sequence[tuple[int, str]],
    origin: str,
    lost_epoch: str | None,
) -> Draft:
    kinds: dict[str, int] = {}
    for _, kind in rows:
        if kind:
            kinds[kind] = kinds.get(kind, 0) + 1
    body: dict[str, Any] = {
        "reason": reason,
        "ranges": ranges,
        "lost_epoch": lost_epoch,
        "kinds": kinds,
    }
    return Draft("lost", body, origin)


def begin_epoch(db: sqlite3.Connection, state: State) -> list[int]:
    """Move everything owed into a new epoch, from seq 1 in the old order; returns the old seqs."""
    old_epoch, state.epoch = state.epoch, new_epoch()
    seqs = [row[0] for row in db.execute("SELECT seq FROM outbox ORDER BY seq").fetchall()]
    state.floor = state.next_seq = 1
    state.upto = state.reserved = state.doubtful = 0
    for seq in seqs:
        row = owed_row(db, old_epoch, seq)
        assert row is not None  # noqa: S101 - it was there a moment ago
        message = rekey(read_message(seq, row.text), state)
        text = encode(message).decode("utf-8")
        new_seq, body = state.next_seq, None if row.kind == "hit" else text
        if row.kind == "hit":
            db.execute(
                "UPDATE archive SET epoch = ?, seq = ?, body = ? WHERE epoch = ? AND seq = ?",
                (state.epoch, new_seq, text, old_epoch, seq),
            )
        # In ascending order the new seq is never above the old one, so its place is free.
        db.execute(
            "UPDATE outbox SET seq = ?, floor = NULL, bytes = ?, body = ?, rank = ?, was = ?, "
            "crc32 = ? WHERE seq = ?",
            (
                *(new_seq, len(text), body, rank_of(row.kind, message)),
                *(also_was(row.was, old_epoch, seq), seal(new_seq, row.kind, None, text), seq),
            ),
        )
        state.next_seq += 1
    state.counters["new_epochs"] += 1
    state.counters["rekeyed"] += len(seqs)
    return seqs


def also_was(was: str | None, epoch: str, seq: int) -> str:
    """Add a key to those a message had before."""
    return " ".join(filter(None, (was, f"{epoch}:{seq}")))


def rekey(message: dict[str, Any], state: State) -> dict[str, Any]:
    """Give a message the state's epoch and next seq; changes it in place."""
    # A message of lost ranges means its own epoch where it names none.
    if message["schema"] == SCHEMAS["lost"] and message.get("lost_epoch") is None:
        message["lost_epoch"] = message["epoch"]
    message["rig"] = state.rig
    message["epoch"] = state.epoch
    message["seq"] = state.next_seq
    message["floor"] = 1
    message["id"] = message_id(state.rig, state.epoch, state.next_seq)
    return message
