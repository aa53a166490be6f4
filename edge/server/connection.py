"""One MQTT connection of the collector, from CONNECT to its end; a new one is a new object.

A message identifier means something on the connection it came on and nowhere else: an
acknowledgement that comes too late goes nowhere, instead of acknowledging another message that is
not yet on disk.

All of it happens on the collector's own thread, between two batches. A network thread beside it
would have to fight for the interpreter with the thread that reads and stores, record by record,
and both would lose. While a commit takes long, what comes waits in the network, and the broker
may end the connection: it then gives the messages to another collector, or keeps them.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge.delivery.address import BrokerAddress, ProtocolVersion
from edge.delivery.link import is_too_early, unreachable
from edge.errors import Failed
from edge.server import mqtt_packets as packets
from edge.server.channel import Channel
from edge.server.mqtt_reader import (
    Acknowledged,
    Answered,
    HungUp,
    Packet,
    Pong,
    ProtocolError,
    Published,
    Reader,
)
from edge.server.retained import RetainedQueue
from edge.server.subscription import Subscription

SESSION_TAKEN_OVER = 142
# Bad client identifier, user name or password, not authorized, banned, bad authentication method,
# bad topic filter, no shared subscriptions, no wildcards: waiting does not mend them.
_SETUP_FAULTS = frozenset({133, 134, 135, 138, 140, 143, 158, 162})

_HANDSHAKE_TIMEOUT_S = 10.0
# To a broker that may not know MQTT 5: its silence is soon asked about, plainly.
_FIRST_HANDSHAKE_TIMEOUT_S = 2.0
_KEEPALIVE_S = 60
_PUBACK_TIMEOUT_S = 60.0
_SESSION_EXPIRY_S = 86_400
RECEIVE_MAXIMUM = 1000
# Larger ones the broker drops: no message of a rig comes near, and a batch must fit in memory.
_MAXIMUM_PACKET_BYTES = 16 << 20
_LONGEST_TURN_S = 0.1
_SUBSCRIBE_MID, _UNSUBSCRIBE_MID, _FIRST_MID = 1, 2, 3


_log = logging.getLogger(__name__)


class BrokerAwayError(Exception):
    """No connection now; worth another try."""


class BrokerSilentError(BrokerAwayError):
    """It took the connection, but gave no answer to CONNECT."""


class BrokerRefusedError(Exception):
    """The broker said no; `code` is the MQTT 5 reason, `setup` true where waiting won't help."""

    def __init__(self, code: int, packet_type: int) -> None:
        super().__init__(_reason_text(code, packet_type))
        self.code = code
        self.setup = code in _SETUP_FAULTS


class Connection:
    """A connection; used by one thread.

    Parameters
    ----------
    address : BrokerAddress
        Where to.
    protocol : {"5", "3.1.1"}
        MQTT version.
    subscription : Subscription
        What to listen to.
    """

    def __init__(
        self, address: BrokerAddress, protocol: ProtocolVersion, subscription: Subscription
    ) -> None:
        self._address = address
        self._subscription = subscription
        self._version: ProtocolVersion = protocol
        self._reader = Reader(protocol, _MAXIMUM_PACKET_BYTES)
        self._channel: Channel | None = None
        self._came: deque[Published] = deque()
        self._answers: dict[int, Answered] = {}
        self._retained = RetainedQueue(protocol, _FIRST_MID)
        self._keepalive_s = _KEEPALIVE_S
        self._sent_s = self._heard_s = 0.0
        self._pinged = False
        self._said: BrokerRefusedError | None = None
        self._why = "connection lost"

    def open(self, *, first: bool = False) -> None:
        """Connect and subscribe; the `first` time with little patience for the answer to CONNECT.

        Raises
        ------
        BrokerAwayError, BrokerSilentError, BrokerRefusedError
            No connection; the object is of no further use.
        edge.errors.Failed
            The certificates are at fault.
        """
        try:
            self._connect()
            patience_s = _FIRST_HANDSHAKE_TIMEOUT_S if first else _HANDSHAKE_TIMEOUT_S
            answer = self._answered(packets.CONNACK, BrokerSilentError, patience_s)
            self._refused(answer, PacketTypes.CONNACK)
            self._retained.limit = answer.receive_maximum
            if answer.keepalive_s is not None:
                self._keepalive_s = answer.keepalive_s
            filters = self._subscription.filters
            self._send(packets.subscribe(self._version, _SUBSCRIBE_MID, filters))
            answer = self._answered(packets.SUBACK, BrokerAwayError, _HANDSHAKE_TIMEOUT_S)
            self._refused(answer, PacketTypes.SUBACK)
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether messages can still come."""
        return self._channel is not None

    @property
    def taken_over(self) -> bool:
        """Whether another client came with the same session (MQTT 5 brokers say so)."""
        return self._said is not None and self._said.code == SESSION_TAKEN_OVER

    @property
    def why(self) -> str:
        """Why it ended, for a person."""
        return str(self._said) if self._said is not None else self._why

    def receive(self, wait_s: float, most: int) -> list[Published]:
        """Return the first of what has come, after a wait if there is none; see to the rest."""
        if not self._came:
            self._turn(wait_s)
        return [self._came.popleft() for _ in range(min(most, len(self._came)))]

    def acknowledge(self, messages: Sequence[Published]) -> None:
        """Tell the broker that these are stored; without effect once the connection has ended."""
        if self.alive:
            self._send(packets.pubacks([one.mid for one in messages if one.qos]))

    def publish_retained(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1, the newest of a topic; what a lost connection swallows is lost."""
        self._retained.put(topic, payload)

    def stop_intake(self, timeout_s: float) -> None:
        """Leave a shared subscription, so that the broker gives the rest to the others.

        A durable subscription stays: its queue is what the next start begins with.
        """
        if self._subscription.durable or not self.alive:
            return
        filters = self._subscription.filters
        self._send(packets.unsubscribe(self._version, _UNSUBSCRIBE_MID, filters))
        self._turn_until(lambda: packets.UNSUBACK in self._answers, timeout_s)

    def close(self, timeout_s: float = 0.0) -> None:
        """Wait until what was published has arrived, say goodbye, end; idempotent."""
        if self.alive and timeout_s > 0.0:
            self._turn_until(lambda: self._retained.is_empty, timeout_s)
        if self.alive:
            self._send(packets.GOODBYE)
        self._end(self._why)

    # -- one turn -----------------------------------------------------------------------------

    def _turn(self, wait_s: float) -> None:
        """Write what is due, wait for something to come, sort it."""
        if self._channel is None:
            return
        self._send(self._retained.due())
        if self._channel is None:
            return
        try:
            data = self._channel.receive(min(wait_s, _LONGEST_TURN_S))
            if data:
                self._heard_s = time.monotonic()
                self._pinged = False
                for packet in self._reader.feed(data):
                    self._take(packet)
        except (OSError, EOFError):
            self._end("connection lost")
        except ProtocolError as error:
            self._end(f"the broker sent {error}")
        except Exception as error:  # a defect: what came is sent again on a new connection
            _log.exception("connection to %s", self._address)
            self._end(f"{type(error).__name__}: {error}")
        # Last: a long commit may have kept us from hearing the broker, not the broker from talking.
        self._stay_alive()

    def _turn_until(self, done: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while self.alive and not done() and (left_s := deadline - time.monotonic()) > 0:
            self._turn(left_s)

    def _take(self, packet: Packet) -> None:
        match packet:
            case Published():
                self._came.append(packet)
            case Acknowledged():
                self._retained.acknowledged(packet.mid, packet.reason)
            case Answered():
                self._answers[packet.first] = packet
            case HungUp():
                self._said = BrokerRefusedError(packet.reason, PacketTypes.DISCONNECT)
                self._end(self._why)
            case Pong():
                pass

    def _stay_alive(self) -> None:
        """Say something where nothing has been said for long; end where nothing comes back."""
        now_s = time.monotonic()
        if self._pinged and now_s - self._heard_s > 1.5 * self._keepalive_s:
            self._end("it does not answer")
            return
        if self._retained.silent_s > _PUBACK_TIMEOUT_S:
            # Behind as many as it takes at once, no rig would hear of its watermark any more.
            self._end("it owes a PUBACK for too long")
            return
        silent_s = now_s - min(self._sent_s, self._heard_s)
        if self._keepalive_s and not self._pinged and silent_s > self._keepalive_s / 2:
            self._pinged = True
            self._send(packets.PING)

    def _send(self, data: bytes) -> None:
        if self._channel is None or not data:
            return
        self._sent_s = time.monotonic()
        try:
            self._channel.send(data)
        except OSError:
            self._end("connection lost")

    def _end(self, why: str) -> None:
        if self._channel is not None:
            self._why = why
            self._channel.close()
            self._channel = None

    # -- the beginning ------------------------------------------------------------------------

    def _connect(self) -> None:
        address = self._address
        try:
            self._channel = Channel(address, _HANDSHAKE_TIMEOUT_S)
        except (OSError, ValueError) as error:
            line = unreachable(address, error)
            if isinstance(error, ssl.SSLCertVerificationError) and not is_too_early(error):
                raise Failed(line) from None
            raise BrokerAwayError(line) from None
        self._heard_s = time.monotonic()
        durable = self._subscription.durable
        limits = packets.Limits(
            _SESSION_EXPIRY_S if durable else 0, RECEIVE_MAXIMUM, _MAXIMUM_PACKET_BYTES
        )
        self._send(
            packets.connect(
                self._version,
                self._subscription.client_id,
                clean=not durable,
                keepalive_s=_KEEPALIVE_S,
                limits=limits,
                username=address.username,
                password=address.password,
            )
        )

    def _answered(self, first: int, silence: type[BrokerAwayError], patience_s: float) -> Answered:
        self._turn_until(lambda: first in self._answers, patience_s)
        if first in self._answers:
            return self._answers[first]
        if self._said is not None:
            raise self._said
        request = "CONNECT" if first == packets.CONNACK else "SUBSCRIBE"
        what = "no answer to" if self.alive else "it hung up after"
        raise silence(f"broker {self._address}: {what} {request}")

    @staticmethod
    def _refused(answer: Answered, packet_type: int) -> None:
        for reason in answer.reasons:
            if reason >= 128:
                raise BrokerRefusedError(reason, packet_type)


def _reason_text(code: int, packet_type: int) -> str:
    """Name a reason of MQTT 5."""
    try:
        return str(ReasonCode(packet_type, identifier=code)).lower()
    except KeyError:
        return f"reason {code}"
