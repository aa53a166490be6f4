"""What goes over a connection: the window, the broker's and the server's word, what is due.

Lives as long as the uplink, serves one connection after the other, all on the uplink's thread;
only `keep` and `reply` are called from elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Literal

from edge.delivery.beside import STATUS, Beside, BesideQueue, Commanded
from edge.delivery.flights import WINDOW, Flight, Flights
from edge.delivery.outbox import Outbox, OutboxFull, Outgoing
from edge.delivery.resend import Entry, Ledger
from edge.delivery.transport import Acknowledged, Connected, Event, Received, Subscribed, Transport
from edge.messages import Ack, MessageError, parse_service, topic

_LOG = logging.getLogger(__name__)

AckMode = Literal["server", "broker"]
# A broker with default settings queues 1000 messages for a server that is away or slow, and drops
# the rest after its PUBACK. Ahead of the server by less than that, a rig wastes nothing; by half of
# it, it would stand still each time the server stores.
AHEAD = 900
_READY_S = 2.0
_RETRY_DISK_S = 5.0
_RELEASE_ROWS = 64
_RELEASE_S = 1.0
_HOLD_FIRST_S, _HOLD_LAST_S = 30.0, 600.0
# Not authorized, quota exceeded: said of the rig, not of the message. Nothing is given up for it.
_NOT_ITS_FAULT = frozenset({135, 151})


class Courier:
    """Sends what is owed and lets go of what is settled.

    Parameters
    ----------
    outbox : Outbox
        What is owed.
    ack : {"server", "broker"}
        Whose word lets a message go.
    ledger : Ledger
        What was sent.
    status : callable
        Payload of the status message, made anew at each call.
    progress : callable
        Called when something was settled.
    commanded : callable, optional
        Takes commands; None: the rig does not listen to any.
    """

    def __init__(
        self,
        outbox: Outbox,
        ack: AckMode,
        ledger: Ledger,
        *,
        status: Callable[[], bytes],
        progress: Callable[[], None],
        commanded: Commanded | None = None,
    ) -> None:
        self._outbox = outbox
        self._ack = ack
        self._ledger = ledger
        self._status = status
        self._progress = progress
        self._commanded = commanded
        self._epoch = outbox.epoch
        self._transport: Transport | None = None
        self._limits = Connected(0, 0)
        self._flights = Flights()
        self._beside = BesideQueue()
        self._ready_s = 0.0
        self._heard: Ack | None = None
        self._heard_live = False
        self._released: list[int] = []
        self._release_s = 0.0
        self._disk_s = 0.0
        self._held_until_s = 0.0
        self._hold_s = 0.0
        self.published = 0
        self.refused = 0
        self.errors: dict[str, str] = {}
        """By what they hinder; see `faults`."""

    # -- one connection -----------------------------------------------------------------------

    def begin(self, transport: Transport, limits: Connected, now_s: float) -> None:
        """Start on a connection: listen to the server, say that the rig is there."""
        self._transport = transport
        self._limits = limits
        self.errors.pop("size", None)
        self._flights.clear()
        # The retained watermark comes right after SUBACK, before the status' PUBACK: it is read
        # before anything is sent that the server already has.
        self._ready_s = now_s + _READY_S
        self._beside.connected()
        transport.subscribe(topic(self._outbox.rig, "ack"))
        if self._commanded is not None:
            transport.subscribe(topic(self._outbox.rig, "command"))
        self.say_status(now_s)

    def say_status(self, now_s: float) -> None:
        """Publish the status, retained."""
        self._publish_beside(Beside(STATUS, self._status(), retain=True), now_s)

    def end(self, now_s: float, *, hung_up: bool = False) -> None:
        """Stop on this connection, which the broker may have `hung_up`."""
        self._transport = None
        self._beside.ended(self._flights.beside(), now_s, hung_up=hung_up)
        self._flights.clear()
        for seq in self._ledger.connection_lost(now_s, hung_up=hung_up):
            self._give_up(seq, "the broker hangs up on it")
        self._release(now_s, force=True)

    def handle(self, event: Event, now_s: float) -> None:
        """Take one event of the connection."""
        match event:
            case Acknowledged():
                self._acknowledged(event, now_s)
            case Received():
                self._received(event, now_s)
            case Subscribed():
                self._subscribed(event)
            case _:
                pass

    def pump(self, now_s: float) -> None:
        """Send what is due, as far as the window goes."""
        self._after_events(now_s)
        self._send_beside(now_s)
        waits = now_s < max(self._ready_s, self._held_until_s, self._disk_s)
        if waits or self._beside.wants_quiet:
            return
        try:
            self._send_due(now_s)
        except OutboxFull as error:
            self._disk_refuses(error, now_s)

    def wait_s(self, now_s: float) -> float:
        """How long nothing has to be done, as far as is known."""
        blocked_s = max(self._ready_s, self._held_until_s, self._disk_s) - now_s
        due_s = max(self._ledger.next_due_s() - now_s, blocked_s)
        if self._released:
            due_s = min(due_s, self._release_s - now_s)
        return due_s

    def stalled(self, now_s: float) -> bool:
        """Whether the broker owes a PUBACK for too long."""
        return self._flights.stalled(now_s)

    @property
    def in_flight(self) -> int:
        """Publishes without a PUBACK."""
        return len(self._flights)

    @property
    def unconfirmed(self) -> int:
        """Messages that were sent and not let go."""
        return len(self._ledger)

    def faults(self, without: Collection[str] = ()) -> list[str]:
        """What is wrong now, the worst first; `without` names of `errors`."""
        errors = [said for what, said in self.errors.items() if what not in without]
        return [*errors, *self._beside.left_out.values()]

    @property
    def held(self) -> bool:
        """Whether the broker does not let the rig write now."""
        return self._hold_s > 0

    @property
    def resent(self) -> int:
        """Messages sent again, each time counted."""
        return self._ledger.resent

    def keep(self, name: str, payload: bytes) -> None:
        """Publish this, retained, now and at each new connection; only the newest counts."""
        self._beside.keep(name, payload)

    # -- sending ------------------------------------------------------------------------------

    def _send_due(self, now_s: float) -> None:
        """Send what is due again and what is new; raises OutboxFull where it can't be read."""
        room = self._flights.room(1 if self.held else self._limits.receive_maximum)
        if not room:
            return
        seqs = self._ledger.due(now_s, room, len(self._flights))
        if not self._ledger.wants_quiet(now_s):
            ahead = min(room - len(seqs), AHEAD - len(self._ledger))
            if ahead > 0:
                seqs += [seq for seq, _ in self._outbox.pending(self._ledger.cursor, ahead)]
                self._say_if_it_waits()
        if seqs:
            self._send(seqs, now_s)

    def _send(self, seqs: list[int], now_s: float) -> None:
        frozen = self._outbox.freeze(self._epoch, seqs)
        found = {out.seq for out in frozen}
        for seq in seqs:
            if seq not in found:  # dropped meanwhile, and declared lost
                self._ledger.forget(seq)
        for out in frozen:
            if self._flights.full or not self._send_one(out, now_s):
                return

    def _say_if_it_waits(self) -> None:
        if self._outbox.waits_for_clock:
            self.errors["clock"] = "hits wait until the clock is set; they are safe on the disk"
        else:
            self.errors.pop("clock", None)

    def _send_one(self, out: Outgoing, now_s: float) -> bool:
        assert self._transport is not None  # noqa: S101
        full_name = topic(self._outbox.rig, out.kind)
        if len(out.payload) > self._limits.room_bytes(full_name, out.properties):
            self.errors["size"] = (
                f"the broker takes no {out.kind} as large; raise its largest packet"
            )
            self._ledger.sent(out.seq, out.kind, now_s)
            self._refusal(out.seq, "larger than the broker's maximum packet", now_s)
            return True
        mid = self._transport.publish(full_name, out.payload, properties=out.properties)
        if mid is None:
            return False
        self._flights.begin(mid, Flight(out.kind, now_s, len(out.payload), out.seq))
        self._ledger.sent(out.seq, out.kind, now_s)
        return True

    def reply(self, payload: bytes) -> None:
        """Publish an answer to a command, once."""
        self._beside.reply(payload)

    def _send_beside(self, now_s: float) -> None:
        most = min(WINDOW, self._limits.receive_maximum)
        room = self._limits.room_bytes(topic(self._outbox.rig, "calibration/current"))
        while (flying := len(self._flights)) < most and (one := self._beside.take(room, flying)):
            if not self._publish_beside(one, now_s):
                self._beside.put_back(one)
                return

    def _publish_beside(self, one: Beside, now_s: float) -> bool:
        if self._transport is None:
            return False
        full_name = topic(self._outbox.rig, one.name)
        mid = self._transport.publish(full_name, one.payload, retain=one.retain)
        if mid is None:
            return False
        self._flights.begin(mid, Flight(one.name, now_s, len(one.payload)))
        return True

    # -- the broker's word --------------------------------------------------------------------

    def _acknowledged(self, event: Acknowledged, now_s: float) -> None:
        flight = self._flights.end(event.mid, now_s)
        if flight is None:
            return
        if flight.seq is None:
            self._beside.taken(flight.name)
        if flight.name == STATUS:
            self._ready_s = now_s
        if event.reason in _NOT_ITS_FAULT:
            self._may_not_write(flight, event, now_s)
        elif flight.seq is None:
            pass
        elif event.reason >= 128:
            self._refusal(flight.seq, event.text, now_s)
        else:
            self._taken(flight.seq, now_s)

    def _taken(self, seq: int, now_s: float) -> None:
        self._hold_s = self._held_until_s = 0.0
        self.errors.pop("write", None)
        self._count_published(self._ledger.accepted(seq))
        if self._ack == "broker":
            self._ledger.forget(seq)
            if not self._released:
                self._release_s = now_s + _RELEASE_S
            self._released.append(seq)

    def _count_published(self, entry: Entry | None) -> None:
        if entry is not None and entry.kind == "hit":
            self.published += 1

    def _may_not_write(self, flight: Flight, event: Acknowledged, now_s: float) -> None:
        full_name = topic(self._outbox.rig, flight.name)
        self.errors["write"] = (
            f"the broker does not take {full_name} ({event.text.lower()}, reason {event.reason}); "
            "look at its access list"
        )
        if flight.seq is None:
            return
        if now_s >= self._held_until_s:  # a whole window is refused at once: that is one try
            self._hold_s = min(_HOLD_LAST_S, max(_HOLD_FIRST_S, 2 * self._hold_s))
            self._held_until_s = now_s + self._hold_s
        self._ledger.held_back(flight.seq, self._held_until_s)

    def _refusal(self, seq: int, why: str, now_s: float) -> None:
        _LOG.warning("message %d was refused: %s", seq, why)
        if self._ledger.refused(seq, now_s):
            self._give_up(seq, why)

    def _give_up(self, seq: int, why: str) -> None:
        try:
            if self._outbox.refuse(self._epoch, seq, why):
                self.refused += 1
                _LOG.warning("message %d is set aside and declared lost: %s", seq, why)
        except OutboxFull:  # the next refusal tries again
            return
        self._ledger.forget(seq)
        self._progress()

    def _release(self, now_s: float, *, force: bool = False) -> None:
        """Let go of what the broker took, in groups: each costs a write to the disk."""
        due = now_s >= self._release_s or len(self._released) >= _RELEASE_ROWS
        if not self._released or not (force or due or not self._flights):
            return
        try:
            self._outbox.broker_ack(self._epoch, self._released)
        except OutboxFull as error:
            self._disk_refuses(error, now_s)
            return
        self._released = []
        self._progress()

    # -- the server's word --------------------------------------------------------------------

    def _subscribed(self, event: Subscribed) -> None:
        if event.topic == topic(self._outbox.rig, "command"):
            return  # where the broker lets no commands through, nothing is missing
        if event.reason >= 128 and self._ack == "server":
            self.errors["ack"] = (
                f"the broker does not let the rig read {topic(self._outbox.rig, 'ack')} "
                f"({event.text.lower()}): nothing can be confirmed; look at its access list"
            )
        else:
            self.errors.pop("ack", None)

    def _received(self, event: Received, now_s: float) -> None:
        if event.topic == topic(self._outbox.rig, "command"):
            if self._commanded is not None:
                self._commanded(event.payload, retained=event.retained)
            return
        if event.topic != topic(self._outbox.rig, "ack") or not event.payload:
            return
        try:
            ack = parse_service(Ack, event.payload)
        except MessageError as error:
            self.errors["ack"] = f"the server's ack can't be read: {error}"
            return
        self.errors.pop("ack", None)
        if ack.epoch == self._epoch:
            # They come in bursts, and each costs a write to the disk: what they say is added up.
            self._heard = ack if self._heard is None else ack.after(self._heard)
            self._heard_live |= not event.retained

    def _hear(self, ack: Ack, now_s: float) -> None:
        """Tell the outbox what the server said."""
        try:
            said = ack.upto, ack.conflict, ack.holding
            new_epoch = self._outbox.acknowledge(ack.epoch, *said)
        except OutboxFull as error:
            self._disk_refuses(error, now_s)
            return
        live, self._heard, self._heard_live = self._heard_live, None, False
        if new_epoch:
            why = "a conflict" if ack.conflict is not None else f"the watermark {ack.upto}"
            _LOG.warning("the server knows another history of this rig (%s): new epoch", why)
        elif ack.upto is not None:
            for entry in self._ledger.passed(ack.upto):
                self._count_published(None if entry.accepted else entry)
            ignored = self._ledger.server_spoke(now_s) if live else None
            if ignored is not None:
                self._give_up(ignored, "the server does not confirm it")
        self._progress()

    def _after_events(self, now_s: float) -> None:
        self._release(now_s)
        if self._heard is not None and now_s >= self._disk_s:
            self._hear(self._heard, now_s)
        if self._outbox.epoch != self._epoch:
            self._epoch = self._outbox.epoch
            self._ledger.clear()
            self._released = []
            self._heard = None
            # A PUBACK of the old epoch must not be taken for one of the new.
            self._flights.forget_seqs()
            self.say_status(now_s)
        if now_s >= self._disk_s:
            self.errors.pop("disk", None)

    def _disk_refuses(self, error: OutboxFull, now_s: float) -> None:
        self.errors["disk"] = str(error)
        self._disk_s = now_s + _RETRY_DISK_S
