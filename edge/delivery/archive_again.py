"""Sends hits again that the rig let go of: for a server that lost its database.

The archive has them as they were, under the same numbers; a server that has one finds a duplicate.
The outbox is not touched, and the rig may run meanwhile. At a broker that gives each login one
session, the two push each other off; as each comes back with what was not taken, both get home.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from edge.delivery.address import BrokerAddress
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
_TRIES = 20
_PAUSE_S = 0.5


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
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None)) as db:
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
        There is no broker, it does not take them, or hangs up again and again; sending all again
        does no harm.
    """
    work = _Work(iter(hits), broker, advance)
    lost = 0
    while True:
        before = work.taken
        try:
            with talking(broker, "again", _ANSWER_S) as transport:
                _send(work, transport)
                return work.taken
        except _GivenUpError:
            raise
        except Failed as error:  # on the way in
            if work.begun == 0:
                raise
            why = f"no way back in ({error})"
        except _ConnectionLostError as error:
            why = str(error)
        lost = 0 if work.taken > before else lost + 1
        if lost == _TRIES:
            raise work.failed(why)
        time.sleep(_PAUSE_S)


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


class _ConnectionLostError(Exception):
    """To be tried again."""


class _GivenUpError(Failed):
    """Not to be tried again."""


@dataclass(slots=True)
class _Work:
    """What is still to be sent, over one connection or several."""

    left: Iterator[Archived]
    broker: BrokerAddress
    advance: Callable[[float], None]
    flights: dict[int, Archived] = field(default_factory=dict)
    returned: deque[Archived] = field(default_factory=deque)
    begun: int = 0
    taken: int = 0

    def next(self) -> Archived | None:
        """The next one; first what a lost connection gave back."""
        return self.returned.popleft() if self.returned else next(self.left, None)

    def lost(self) -> None:
        """What was in flight is to be sent again."""
        self.returned.extendleft(reversed(self.flights.values()))
        self.flights.clear()

    def failed(self, why: str) -> Failed:
        """Say that it ends here."""
        return _GivenUpError(
            f"broker {self.broker}: {why}; it took {self.taken} hits. Run it again: what the "
            "server has by now it recognises"
        )


def _send(work: _Work, transport: Transport) -> None:
    heard_s = time.monotonic()
    try:
        while (hit := work.next()) is not None or work.flights:
            if hit is not None:
                heard_s = heard_s if work.flights else time.monotonic()
                _publish(work, transport, hit)
            # The last ones are waited for; before, only where the window is full.
            while work.flights and (hit is None or len(work.flights) >= _WINDOW):
                if _turn(work, transport):
                    heard_s = time.monotonic()
                elif time.monotonic() - heard_s > _SILENCE_S:
                    raise work.failed(f"no answer for {_SILENCE_S:g} s")
    finally:
        work.lost()


def _publish(work: _Work, transport: Transport, hit: Archived) -> None:
    mid = transport.publish(
        topic(hit.rig, "hit"),
        hit.payload,
        properties={"epoch": hit.epoch, "seq": str(hit.seq)},
    )
    if mid is None:
        work.returned.appendleft(hit)
        raise _ConnectionLostError("connection lost")
    work.begun += 1
    work.flights[mid] = hit


def _turn(work: _Work, transport: Transport) -> bool:
    """Listen; whether the broker took one."""
    before = work.taken
    for event in transport.turn(0.2):
        match event:
            case Lost():
                raise _ConnectionLostError(f"connection lost ({event.text.lower()})")
            case Acknowledged(reason=reason) if reason >= 128:
                raise work.failed(f"it does not take them ({event.text.lower()})")
            case Acknowledged() if work.flights.pop(event.mid, None) is not None:
                work.taken += 1
                work.advance(1)
    return work.taken > before
