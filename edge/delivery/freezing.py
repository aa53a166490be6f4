"""Owed messages composed for the wire: dated, completed, and from then on never changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.delivery.dating import DATED_KINDS, Dating
from edge.delivery.losses import complete
from edge.delivery.rows import message_of
from edge.delivery.state import State
from edge.messages import encode


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frozen message: the same bytes at every send.

    `payload` is its JSON; `epoch`, `seq` and `floor` are inside it too.
    """

    epoch: str
    seq: int
    kind: str
    floor: int
    payload: bytes


def freeze(
    db: sqlite3.Connection, state: State, seqs: Iterable[int], dating: Dating | None = None
) -> list[Outgoing]:
    """Compose messages for the wire; the first time, today's floor is kept with each.

    What `dating` can date by now is written down so before it is frozen, and a declaration of loss
    takes in what is lost by now.
    """
    frozen = []
    for seq in seqs:
        row = db.execute("SELECT kind, floor FROM outbox WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            continue
        kind, floor = row
        if floor is None:
            if dating is not None and kind in DATED_KINDS:
                _date(db, state, seq, kind, dating)
            if kind == "lost":
                _complete(db, state, seq)
            floor = min(state.floor, seq)
            db.execute("UPDATE outbox SET floor = ? WHERE seq = ?", (floor, seq))
        message = message_of(db, state.epoch, seq)
        message["floor"] = floor
        frozen.append(Outgoing(state.epoch, seq, kind, floor, encode(message)))
    return frozen


def _complete(db: sqlite3.Connection, state: State, seq: int) -> None:
    declared = message_of(db, state.epoch, seq)
    told = complete(db, state, seq, declared)
    if told != declared:
        whole = encode(told).decode("utf-8")
        db.execute("UPDATE outbox SET body = ?, bytes = ? WHERE seq = ?", (whole, len(whole), seq))


def _date(db: sqlite3.Connection, state: State, seq: int, kind: str, dating: Dating) -> None:
    dated = dating.dated(message_of(db, state.epoch, seq))
    if dated is None:
        return
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


def free_of_waiting(
    db: sqlite3.Connection, found: Sequence[tuple[int, str, int | None]], epoch: str, dating: Dating
) -> int:
    """How many of the first rows of (seq, kind, floor) need not wait for the clock."""
    for count, (seq, kind, floor) in enumerate(found):
        waits = floor is None and kind in DATED_KINDS
        if waits and dating.must_wait(message_of(db, epoch, seq)):
            return count
    return len(found)
