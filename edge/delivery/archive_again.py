"""Sends again what the rig let go of: for a server that lost its database.

The archive has it as it was, under the same numbers; a server that has it finds a duplicate.
The outbox is not touched, and the rig may run meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge.delivery.address import BrokerAddress
from edge.delivery.archive import RECORD_KINDS
from edge.delivery.database import FILE_NAME, DamagedFile, version_of
from edge.delivery.state import State
from edge.delivery.talk import talking
from edge.delivery.transport import Acknowledged, Lost, Transport
from edge.errors import Failed
from edge.messages import topic

_WINDOW = 20
_ANSWER_S = 10.0
_SILENCE_S = 60.0
_AT_ONCE = 256


_HITS = (
    "SELECT rowid, epoch, seq, body FROM archive WHERE rowid > ? AND acknowledged = 1 "
    "ORDER BY rowid LIMIT ?"
)
_RECORDS_SINCE = 2
"""Version of the file that keeps them first."""
_RECORDS = "SELECT id, epoch, seq, body FROM delivered WHERE id > ? ORDER BY id LIMIT ?"


@dataclass(frozen=True, slots=True)
class Archived:
    """What the server has confirmed once: its kind and name, and the message as it was."""

    rig: str
    kind: str
    epoch: str
    seq: int
    payload: bytes


class Confirmed:
    """What a server has confirmed, also while the rig runs: hits, then records, oldest first.

    Records are exposures (the live time), calibrations and clock maps.

    Parameters
    ----------
    state_dir : Path
        The rig's.

    Raises
    ------
    edge.errors.Failed
        There is no archive; or, as it is gone through, it can't be read.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE_NAME
        if not self._path.is_file():
            raise Failed(f"{state_dir}: no rig has run here (there is no {FILE_NAME})")
        self.damaged = 0
        """Records passed over, of which nobody can tell what they were."""

    def __iter__(self) -> Iterator[Archived]:
        try:
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None)) as db:
                version = version_of(db, self._path)
                state = State.load(db)
                if state is None:
                    return
                yield from _hits(db, state.rig)
                if version >= _RECORDS_SINCE:
                    yield from self._records(db, state.rig)
        except (sqlite3.DatabaseError, DamagedFile) as error:
            raise Failed(f"archive {self._path} can't be read: {error}") from None

    def _records(self, db: sqlite3.Connection, rig: str) -> Iterator[Archived]:
        for epoch, seq, body in _rows(db, _RECORDS):
            kind = _kind(body)
            if kind is None:
                self.damaged += 1
            else:
                yield Archived(rig, kind, epoch, seq, body.encode())


def send_again(
    broker: BrokerAddress, messages: Iterable[Archived], advance: Callable[[float], None]
) -> dict[str, int]:
    """Publish messages, a few in flight at a time, and wait for the broker's word on each.

    Parameters
    ----------
    broker : BrokerAddress
        With the rig's own login.
    messages : iterable of Archived
        What to send.
    advance : callable
        Told how many more the broker has taken.

    Returns
    -------
    dict of str to int
        How many of each kind were sent and taken.

    Raises
    ------
    edge.errors.Failed
        There is no broker, it does not take them, or hangs up; sending all again does no harm.
    """
    with talking(broker, "again", _ANSWER_S) as transport:
        return _Sending(transport, broker, advance).all(messages)


def _hits(db: sqlite3.Connection, rig: str) -> Iterator[Archived]:
    for epoch, seq, body in _rows(db, _HITS):
        yield Archived(rig, "hit", epoch, seq, body.encode())


def _rows(db: sqlite3.Connection, portion: str) -> Iterator[tuple[str, int, str]]:
    """Some at a time: a reader that stays open would let the file's log grow."""
    last = 0
    while rows := db.execute(portion, (last, _AT_ONCE)).fetchall():
        for last, epoch, seq, body in rows:  # noqa: B007 - where the next look begins
            yield epoch, seq, body


def _kind(body: str) -> str | None:
    """What a record is by its schema's name, such as ``cosmic-edge/clock/1``."""
    try:
        kind = json.loads(body)["schema"].split("/")[1]
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
    return kind if kind in RECORD_KINDS else None


class _Sending:
    def __init__(
        self, transport: Transport, broker: BrokerAddress, advance: Callable[[float], None]
    ) -> None:
        self._transport = transport
        self._broker = broker
        self._advance = advance
        self._flights: dict[int, Archived] = {}
        self._taken: Counter[str] = Counter()
        self._last_s = time.monotonic()

    def all(self, messages: Iterable[Archived]) -> dict[str, int]:
        for one in messages:
            while len(self._flights) >= _WINDOW:
                self._turn()
            self._send(one)
        while self._flights:
            self._turn()
        return dict(self._taken)

    def _send(self, one: Archived) -> None:
        mid = self._transport.publish(
            topic(one.rig, one.kind),
            one.payload,
            properties={"epoch": one.epoch, "seq": str(one.seq)},
        )
        if mid is None:
            raise self._failed("connection lost")
        self._flights[mid] = one

    def _turn(self) -> None:
        for event in self._transport.turn(0.2):
            match event:
                case Lost():
                    raise self._failed(f"connection lost ({event.text.lower()})")
                case Acknowledged(reason=reason) if reason >= 128:
                    raise self._failed(f"it does not take them ({event.text.lower()})")
                case Acknowledged():
                    if (one := self._flights.pop(event.mid, None)) is not None:
                        self._taken[one.kind] += 1
                        self._advance(1)
                    self._last_s = time.monotonic()
        if time.monotonic() - self._last_s > _SILENCE_S:
            raise self._failed(f"no answer for {_SILENCE_S:g} s")

    def _failed(self, why: str) -> Failed:
        return Failed(
            f"broker {self._broker}: {why}; it took {self._taken.total()} messages. Run it again: "
            "what the server has by now it recognises"
        )
