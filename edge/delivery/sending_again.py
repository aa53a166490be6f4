"""Sends again what an archive has: a server that has it finds a duplicate.

At a broker that gives each login one session, this and the rig that runs push each other off; as
each comes back with what was not taken, both get home.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from edge.delivery.address import BrokerAddress
from edge.delivery.archive_again import Archived
from edge.delivery.talk import talking
from edge.delivery.transport import Acknowledged, Lost, Transport
from edge.errors import Failed
from edge.messages import topic

_WINDOW = 20
_ANSWER_S = 10.0
_SILENCE_S = 60.0
_TRIES = 20
_PAUSE_S = 0.5


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
        There is no broker, it does not take them, or hangs up again and again; sending all again
        does no harm.
    """
    work = _Work(iter(messages), broker, advance)
    lost = 0
    while True:
        before = work.taken.total()
        try:
            with talking(broker, "again", _ANSWER_S) as transport:
                _send(work, transport)
                return dict(work.taken)
        except _GivenUpError:
            raise
        except Failed as error:  # on the way in
            if work.begun == 0:
                raise
            why = f"no way back in ({error})"
        except _ConnectionLostError as error:
            why = str(error)
        lost = 0 if work.taken.total() > before else lost + 1
        if lost == _TRIES:
            raise work.failed(why)
        time.sleep(_PAUSE_S)


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
    taken: Counter[str] = field(default_factory=Counter)

    def next(self) -> Archived | None:
        """The next one; first what a lost connection gave back."""
        try:
            return self.returned.popleft() if self.returned else next(self.left, None)
        except Failed as error:  # the archive can't be read any further: no broker's fault
            raise _GivenUpError(str(error)) from None

    def lost(self) -> None:
        """What was in flight is to be sent again."""
        self.returned.extendleft(reversed(self.flights.values()))
        self.flights.clear()

    def failed(self, why: str) -> Failed:
        """Say that it ends here."""
        return _GivenUpError(
            f"broker {self.broker}: {why}; it took {self.taken.total()} messages. Run it again: "
            "what the server has by now it recognises"
        )


def _send(work: _Work, transport: Transport) -> None:
    heard_s = time.monotonic()
    window = min(_WINDOW, transport.limits.receive_maximum)
    try:
        while (one := work.next()) is not None or work.flights:
            if one is not None:
                heard_s = heard_s if work.flights else time.monotonic()
                _publish(work, transport, one)
            # The last ones are waited for; before, only where the window is full.
            while work.flights and (one is None or len(work.flights) >= window):
                if _turn(work, transport):
                    heard_s = time.monotonic()
                elif time.monotonic() - heard_s > _SILENCE_S:
                    raise work.failed(f"no answer for {_SILENCE_S:g} s")
    finally:
        work.lost()


def _publish(work: _Work, transport: Transport, one: Archived) -> None:
    full_name = topic(one.rig, one.kind)
    properties = {"epoch": one.epoch, "seq": str(one.seq)}
    if len(one.payload) > transport.limits.room_bytes(full_name, properties):
        size = f"{one.kind} {one.seq} of {len(one.payload)} bytes"
        raise work.failed(f"{size} is too large for it; raise its largest packet")
    mid = transport.publish(full_name, one.payload, properties=properties)
    if mid is None:
        work.returned.appendleft(one)
        raise _ConnectionLostError("connection lost")
    work.begun += 1
    work.flights[mid] = one


def _turn(work: _Work, transport: Transport) -> bool:
    """Listen; whether the broker took one."""
    before = work.taken.total()
    for event in transport.turn(0.2):
        match event:
            case Lost():
                raise _ConnectionLostError(f"connection lost ({event.text.lower()})")
            case Acknowledged(reason=reason) if reason >= 128:
                raise work.failed(f"it does not take them ({event.text.lower()})")
            case Acknowledged() if (one := work.flights.pop(event.mid, None)) is not None:
                work.taken[one.kind] += 1
                work.advance(1)
    return work.taken.total() > before
