"""Messages as rows: put in, composed for the wire, taken out, moved to a new epoch.

Each function works inside the caller's transaction and keeps `State` in step with the tables.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge.delivery.dating import DATED_KINDS, Dating
from edge.delivery.state import State, new_epoch
from edge.detection import Draft
from edge.messages import SCHEMAS, MessageError, digest, encode, envelope, message_id
from edge.messages.records import MAX_RANGES

_FLOOR = '"floor":'
_HEAD = 512
"""The envelope comes first, and none of what stands before its floor can hold that name."""
_UNDATED = '"unsynced"'

Held = tuple[int, str | None]
"""Last seq up to a watermark of which the server holds a message, 0: none; and its digest."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frozen message: the same bytes at every send.

    `payload` is its JSON; `epoch`, `seq` and `floor` are inside it too. `was` are the keys it had
    in earlier epochs, under which the server may have it already.
    """

    epoch: str
    seq: int
    kind: str
    floor: int
    payload: bytes
    was: str = ""

    @property
    def properties(self) -> dict[str, str]:
        """What travels beside it, for whoever can't read it, or knows it by another key."""
        beside = {"epoch": self.epoch, "seq": str(self.seq), "floor": str(self.floor)}
        return {**beside, "was": self.was} if self.was else beside


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
        "INSERT INTO outbox (seq, kind, bytes, body, was) VALUES (?, ?, ?, ?, ?)",
        (seq, kind, len(text), None if kind == "hit" else text, was),
    )
    state.next_seq = seq + 1
    return seq


def _columns(hit: dict[str, Any]) -> tuple[str, str, int]:
    try:
        return str(hit["time_utc"]), str(hit["class"]), int(hit["peak_adu"])
    except (KeyError, TypeError, ValueError) as error:
        raise MessageError(f"hit without time_utc, class and peak_adu: {error!r}") from None


def freeze(
    db: sqlite3.Connection, state: State, seqs: Sequence[int], dating: Dating | None = None
) -> list[Outgoing]:
    """Compose messages for the wire; the first time, today's floor is kept with each.

    What `dating` can date by now is written down so before it is frozen.
    """
    rows = _owed(db, state.epoch, seqs)
    new = [seq for seq in seqs if seq in rows and rows[seq][1] is None]
    if dating is not None:
        for seq in new:
            kind, _, text, _ = rows[seq]
            # Reading each message as JSON would cost more than all the rest.
            if kind in DATED_KINDS and _UNDATED in text and _date(db, state, seq, kind, dating):
                rows[seq] = kind, None, message_text(db, state.epoch, seq), rows[seq][3]
    floors = [(min(state.floor, seq), seq) for seq in new]
    db.executemany("UPDATE outbox SET floor = ? WHERE seq = ?", floors)
    frozen = []
    for seq in seqs:
        if seq in rows:
            kind, kept, text, was = rows[seq]
            floor = min(state.floor, seq) if kept is None else kept
            frozen.append(Outgoing(state.epoch, seq, kind, floor, _with_floor(text, floor), was))
    return frozen


def _owed(
    db: sqlite3.Connection, epoch: str, seqs: Sequence[int]
) -> dict[int, tuple[str, int | None, str, str]]:
    """Kind, floor, text and earlier keys of those that are still owed."""
    found = db.execute(
        "SELECT outbox.seq, outbox.kind, outbox.floor, coalesce(outbox.body, archive.body), "
        "coalesce(outbox.was, '') FROM json_each(?) JOIN outbox ON outbox.seq = json_each.value "
        "LEFT JOIN archive ON archive.epoch = ? AND archive.seq = outbox.seq",
        (json.dumps(list(seqs)), epoch),
    )
    return {seq: (kind, floor, text, was) for seq, kind, floor, text, was in found}


def _with_floor(text: str, floor: int) -> bytes:
    """Put the floor into a message's JSON, as if it had been written with it."""
    head, found, tail = text[:_HEAD].partition(_FLOOR)
    number, comma, rest = tail.partition(",")
    if not (found and comma and number.isdigit()):  # from another hand, or longer than any rig's
        return encode({**json.loads(text), "floor": floor})
    return f"{head}{_FLOOR}{floor},{rest}{text[_HEAD:]}".encode()


def _date(db: sqlite3.Connection, state: State, seq: int, kind: str, dating: Dating) -> bool:
    dated = dating.dated(json.loads(message_text(db, state.epoch, seq)))
    if dated is None:
        return False
    text = encode(dated).decode("utf-8")
    if kind == "hit":
        db.execute(
            "UPDATE archive SET time_utc = ?, body = ? WHERE epoch = ? AND seq = ?",
            (str(dated["time_utc"]), text, state.epoch, seq),
        )
    else:
        db.execute("UPDATE outbox SET body = ? WHERE seq = ?", (text, seq))
    db.execute("UPDATE outbox SET bytes = ? WHERE seq = ?", (len(text), seq))
    state.counters["dated_late"] += 1
    return True


def free_of_waiting(
    db: sqlite3.Connection, found: Sequence[tuple[int, str, int | None]], epoch: str, dating: Dating
) -> int:
    """How many of the first rows of (seq, kind, floor) need not wait for the clock."""
    for count, (seq, kind, floor) in enumerate(found):
        waits = floor is None and kind in DATED_KINDS
        if waits and dating.must_wait(json.loads(message_text(db, epoch, seq))):
            return count
    return len(found)


def message_text(db: sqlite3.Connection, epoch: str, seq: int) -> str:
    """Return an owed message's JSON as it was committed."""
    text: str = db.execute(
        "SELECT coalesce(outbox.body, archive.body) FROM outbox LEFT JOIN archive "
        "ON archive.epoch = ? AND archive.seq = outbox.seq WHERE outbox.seq = ?",
        (epoch, seq),
    ).fetchone()[0]
    return text


def is_another(db: sqlite3.Connection, state: State, seq: int, content: str | None) -> bool:
    """Whether the server's last message, by its digest, is not of our history.

    Above `seq` it holds nothing up to a watermark that reaches what is owed.
    """
    if seq < state.floor:
        return True  # what is owed up to the watermark it would have to hold
    row = db.execute("SELECT floor FROM outbox WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        return False  # let go, or declared lost
    text = message_text(db, state.epoch, seq)
    # What the server would not read, it knows by its bytes alone.
    wire = text.encode() if row[0] is None else _with_floor(text, row[0])
    return content not in (digest(text.encode()), hashlib.sha256(wire).hexdigest())


def acknowledge(db: sqlite3.Connection, state: State, where: str, values: Sequence[int]) -> int:
    """Let go of the owed messages `where` says; their hits stay in the archive, acknowledged."""
    rows = db.execute(f"SELECT seq, kind FROM outbox WHERE {where}", values).fetchall()  # noqa: S608
    hits = [seq for seq, kind in rows if kind == "hit"]
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


def begin_epoch(db: sqlite3.Connection, state: State) -> int:
    """Move everything owed into a new epoch, from seq 1 in the old order; returns how many."""
    old_epoch, state.epoch = state.epoch, new_epoch()
    seqs = [row[0] for row in db.execute("SELECT seq FROM outbox ORDER BY seq").fetchall()]
    state.floor = state.next_seq = 1
    state.upto = 0
    for seq in seqs:
        kind, was = db.execute("SELECT kind, was FROM outbox WHERE seq = ?", (seq,)).fetchone()
        was = also_was(was, old_epoch, seq)
        text = encode(rekey(message_text(db, old_epoch, seq), state)).decode("utf-8")
        if kind == "hit":
            db.execute(
                "UPDATE archive SET epoch = ?, seq = ?, body = ? WHERE epoch = ? AND seq = ?",
                (state.epoch, state.next_seq, text, old_epoch, seq),
            )
        # In ascending order the new seq is never above the old one, so its place is free.
        db.execute(
            "UPDATE outbox SET seq = ?, floor = NULL, bytes = ?, body = ?, was = ? WHERE seq = ?",
            (state.next_seq, len(text), None if kind == "hit" else text, was, seq),
        )
        state.next_seq += 1
    state.counters["new_epochs"] += 1
    state.counters["rekeyed"] += len(seqs)
    return len(seqs)


def also_was(was: str | None, epoch: str, seq: int) -> str:
    """Add a key to those a message had before."""
    return " ".join(filter(None, (was, f"{epoch}:{seq}")))


def rekey(text: str, state: State) -> dict[str, Any]:
    """Give a message the state's epoch and next seq.

    Raises
    ------
    ValueError, TypeError, KeyError
        The text is none of our messages.
    """
    message: dict[str, Any] = json.loads(text)
    # A message of lost ranges means its own epoch where it names none.
    if message["schema"] == SCHEMAS["lost"] and message.get("lost_epoch") is None:
        message["lost_epoch"] = message["epoch"]
    message["rig"] = state.rig
    message["epoch"] = state.epoch
    message["seq"] = state.next_seq
    message["floor"] = 1
    message["id"] = message_id(state.rig, state.epoch, state.next_seq)
    return message
