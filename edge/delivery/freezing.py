"""Owed messages composed for the wire: dated, completed, and from then on never changed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from edge.delivery.dating import DATED_KINDS, Dating
from edge.delivery.losses import complete
from edge.delivery.rows import message_of
from edge.delivery.seal import Owed, owed_row, owed_rows, rewrite, seal
from edge.delivery.state import State
from edge.messages import digest, encode

_FLOOR = '"floor":'
_HEAD = 512
"""The envelope comes first, and none of what stands before its floor can hold that name."""
_UNDATED = '"unsynced"'
_RESERVED = 1000
"""How far ahead it is written down what may have been published; see `reserve`."""


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


def freeze(
    db: sqlite3.Connection, state: State, seqs: Sequence[int], dating: Dating | None = None
) -> list[Outgoing]:
    """Compose messages for the wire; the first time, today's floor is kept with each.

    What `dating` can date by now is written down so before it is frozen, and a declaration of loss
    takes in what is lost by now.

    Raises
    ------
    DamagedFile
        One of them is no longer what was written.
    """
    rows = owed_rows(db, state.epoch, seqs)
    new = [seq for seq in seqs if seq in rows and rows[seq].floor is None]
    for seq in new:
        if _settle(db, state, seq, rows[seq], dating):
            rows |= owed_rows(db, state.epoch, [seq])
    db.executemany(
        "UPDATE outbox SET floor = ?, crc32 = ? WHERE seq = ?",
        [_floored(seq, rows[seq], min(state.floor, seq)) for seq in new],
    )
    frozen = []
    for seq in seqs:
        if seq in rows:
            one = rows[seq]
            floor = min(state.floor, seq) if one.floor is None else one.floor
            wire = _with_floor(one.text, floor)
            frozen.append(Outgoing(state.epoch, seq, one.kind, floor, wire, one.was or ""))
    return frozen


def _floored(seq: int, row: Owed, floor: int) -> tuple[int, int, int]:
    return floor, seal(seq, row.kind, floor, row.text), seq


def is_another(db: sqlite3.Connection, state: State, seq: int, content: str | None) -> bool:
    """Whether the server's last message, by its digest, is not of our history.

    Above `seq` it holds nothing up to a watermark that reaches what is owed.
    """
    if seq < state.floor:
        return True  # what is owed up to the watermark it would have to hold
    row = owed_row(db, state.epoch, seq)
    if row is None:
        return False  # let go, or declared lost
    if row.floor is None:
        return content != digest(row.text.encode())
    # What the server would not read, it knows by its bytes alone.
    wire = _with_floor(row.text, row.floor)
    return content not in (digest(wire), hashlib.sha256(wire).hexdigest())


def reserve(state: State, seqs: Sequence[int]) -> None:
    """Note ahead what may have been published; to be on the disk before it is.

    A power cut may take back that a message was frozen, not that it was published. After an end
    that was not in order, what lies at or below the reserved seq is taken for published.
    """
    highest = max(seqs, default=0)
    if highest > state.reserved:
        state.reserved = highest + _RESERVED


def rewritten(state: State) -> int:
    """How many messages were changed as they were frozen; to be on the disk before they leave."""
    return state.counters["dated_late"] + state.counters["losses_told"]


def _with_floor(text: str, floor: int) -> bytes:
    """Put the floor into a message's JSON, as if it had been written with it."""
    head, found, tail = text[:_HEAD].partition(_FLOOR)
    number, comma, rest = tail.partition(",")
    if not (found and comma and number.isdigit()):  # from another hand, or longer than any rig's
        return encode({**json.loads(text), "floor": floor})
    return f"{head}{_FLOOR}{floor},{rest}{text[_HEAD:]}".encode()


def _settle(
    db: sqlite3.Connection, state: State, seq: int, row: Owed, dating: Dating | None
) -> bool:
    """Whether a message that is about to be frozen was changed: dated, or told what is lost."""
    if row.kind == "lost":
        return _complete(db, state, seq)
    # Reading each message as JSON would cost more than all the rest.
    if dating is None or row.kind not in DATED_KINDS or _UNDATED not in row.text:
        return False
    return _date(db, state, seq, row.kind, dating)


def _complete(db: sqlite3.Connection, state: State, seq: int) -> bool:
    declared = message_of(db, state.epoch, seq)
    told = complete(db, state, seq, declared)
    if told == declared:
        return False
    rewrite(db, state.epoch, seq, "lost", encode(told).decode("utf-8"))
    state.counters["losses_told"] += 1
    return True


def _date(db: sqlite3.Connection, state: State, seq: int, kind: str, dating: Dating) -> bool:
    dated = dating.dated(message_of(db, state.epoch, seq))
    if dated is None:
        return False
    rewrite(db, state.epoch, seq, kind, encode(dated).decode("utf-8"))
    if kind == "hit":
        moment = str(dated["time_utc"]), state.epoch, seq
        db.execute("UPDATE archive SET time_utc = ? WHERE epoch = ? AND seq = ?", moment)
    state.counters["dated_late"] += 1
    return True


def free_of_waiting(
    db: sqlite3.Connection, found: Sequence[tuple[int, str, int | None]], epoch: str, dating: Dating
) -> int:
    """How many of the first rows of (seq, kind, floor) need not wait for the clock."""
    for count, (seq, kind, floor) in enumerate(found):
        waits = floor is None and kind in DATED_KINDS
        if waits and dating.must_wait(message_of(db, epoch, seq)):
            return count
    return len(found)
