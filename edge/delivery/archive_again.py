"""Sends hits again that the rig let go of: for a server that lost its database.

The archive has them as they were, under the same numbers; a server that has one finds a duplicate.
The outbox is not touched, and the rig may run meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge.delivery.address import BrokerAddress
from edge.delivery.database import FILE_NAME, DamagedFile, version_of
from edge.delivery.state import State
from edge.delivery.talk import talking
from edge.delivery.transport import Acknowledged, Lost, Transport
from edge.errors import Failed
from edge.hits.readonly import open_read_only
from edge.messages import topic

_WINDOW = 20
_ANSWER_S = 10.0
_SILENCE_S = 60.0
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Archived:
    """A hit the server has confirmed once: its name, and the message as it was."""

    rig: str
    epoch: str
    seq: int
    payload: bytes


def confirmed_hits(state_dir: Path) -> Iterator[Archived]:
    """Read the hits a server has confirmed, oldest first, also while the rig runs.

    Raises
    ------
    edge.errors.Failed
        There is no archive, or it can't be read.
    """
    path = state_dir / FILE_NAME
    if not path.is_file():
        raise Failed(f"{state_dir}: no rig has run here (there is no {path.name})")
    return _confirmed(path)


def _confirmed(path: Path) -> Iterator[Archived]:
    try:
        with closing(open_read_only(path)) as db:
            version_of(db, path)
            state = State.load(db)
            if state is not None:
                yield from _rows(db, state.rig)
    except (sqlite3.DatabaseError, DamagedFile) as error:
        raise Failed(f"archive {path} can't be read: {error}") from None


def send_again(
    broker: BrokerAddress, hits: Iterable[Archived], advance: Callable[[float], None]
) -> int:
    """Publish hits, a few in flight at a time, and wait for the broker's word on each.

    Parameters
    ----------
    broker : BrokerAddress
        With the rig's own login.
    hits : iterable of Archived
        What to send.
    advance : callable
        Told how many more the broker has taken.

    Returns
    -------
    int
        Number sent and taken.

    Raises
    ------
    edge.errors.Failed
        There is no broker, it does not take them, or hangs up; sending all again does no harm.
    """
    with talking(broker, "again", _ANSWER_S) as transport:
        return _Sending(transport, broker, advance).all(hits)


def _rows(db: sqlite3.Connection, rig: str) -> Iterator[Archived]:
    """Some at a time: a reader that stays open would let the file's log grow."""
    last = 0
    while rows := db.execute(
        "SELECT rowid, epoch, seq, body FROM archive WHERE rowid > ? AND acknowledged = 1 "
        "ORDER BY rowid LIMIT ?",
        (last, _AT_ONCE),
    ).fetchall():
        for last, epoch, seq, body in rows:  # noqa: B007 - where the next look begins
            yield Archived(rig, epoch, seq, body.encode())


class _Sending:
    def __init__(
        self, transport: Transport, broker: BrokerAddress, advance: Callable[[float], None]
    ) -> None:
        self._transport = transport
        self._broker = broker
        self._advance = advance
        self._window = min(_WINDOW, transport.limits.receive_maximum)
        self._flights: dict[int, Archived] = {}
        self._taken = 0
        self._last_s = time.monotonic()

    def all(self, hits: Iterable[Archived]) -> int:
        for hit in hits:
            while len(self._flights) >= self._window:
                self._turn()
            self._send(hit)
        while self._flights:
            self._turn()
        return self._taken

    def _send(self, hit: Archived) -> None:
        full_name = topic(hit.rig, "hit")
        properties = {"epoch": hit.epoch, "seq": str(hit.seq)}
        if len(hit.payload) > self._transport.limits.room_bytes(full_name, properties):
            raise self._failed(
                f"hit {hit.seq} of {len(hit.payload)} bytes is too large for it; "
                "raise its largest packet"
            )
        mid = self._transport.publish(full_name, hit.payload, properties=properties)
        if mid is None:
            raise self._failed("connection lost")
        self._flights[mid] = hit

    def _turn(self) -> None:
        for event in self._transport.turn(0.2):
            match event:
                case Lost():
                    raise self._failed(f"connection lost ({event.text.lower()})")
                case Acknowledged(reason=reason) if reason >= 128:
                    raise self._failed(f"it does not take them ({event.text.lower()})")
                case Acknowledged():
                    if self._flights.pop(event.mid, None) is not None:
                        self._taken += 1
                        self._advance(1)
                    self._last_s = time.monotonic()
        if time.monotonic() - self._last_s > _SILENCE_S:
            raise self._failed(f"no answer for {_SILENCE_S:g} s")

    def _failed(self, why: str) -> Failed:
        return Failed(
            f"broker {self._broker}: {why}; it took {self._taken} hits. Run it again: what the "
            "server has by now it recognises"
        )
