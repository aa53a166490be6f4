"""One MQTT connection of the collector, from CONNECT to its end; a new one is a new object.

A message identifier means something on the connection it came on and nowhere else. With one client
object for each connection, an acknowledgement that comes too late goes nowhere, instead of
acknowledging another message that is not yet on disk.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.delivery.address import BrokerAddress, ProtocolVersion
from edge.delivery.sturdy_client import SturdyClient
from edge.errors import Failed
from edge.server.subscription import Subscription

SESSION_TAKEN_OVER = 142
# Bad client identifier, user name or password, not authorized, banned, bad authentication method,
# bad topic filter, no shared subscriptions, no wildcards: waiting does not mend them.
_SETUP_FAULTS = frozenset({133, 134, 135, 138, 140, 143, 158, 162})

_HANDSHAKE_TIMEOUT_S = 10.0
# To a broker that may not know MQTT 5: its silence is soon asked about, plainly.
_FIRST_HANDSHAKE_TIMEOUT_S = 2.0
_KEEPALIVE_S = 30
_PUBACK_TIMEOUT_S = 60.0
_SESSION_EXPIRY_S = 86_400
_RECEIVE_MAXIMUM = 1000
# Larger ones the broker drops: no message of a rig comes near, and a batch must fit in memory.
_MAXIMUM_PACKET_BYTES = 16 << 20


class BrokerAwayError(Exception):
    """No connection now; worth another try."""


class BrokerSilentError(BrokerAwayError):
    """It took the connection, but gave no answer to CONNECT."""


class BrokerRefusedError(Exception):
    """The broker said no; `code` is the MQTT 5 reason, `setup` true where waiting won't help."""

    def __init__(self, reason: ReasonCode) -> None:
        super().__init__(str(reason).lower())
        self.code = int(reason.value)
        self.setup = self.code in _SETUP_FAULTS


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """A message as it came, and the connection that waits for its acknowledgement."""

    connection: Connection
    mid: int
    qos: int
    topic: str
    payload: bytes
    properties: dict[str, str] = field(default_factory=dict)

    def acknowledge(self) -> None:
        """Tell the broker that it is stored."""
        self.connection.acknowledge(self.mid, self.qos)


class Connection:
    """A connection with its network thread.

    Parameters
    ----------
    address : BrokerAddress
        Where to.
    protocol : {"5", "3.1.1"}
        MQTT version.
    subscription : Subscription
        What to listen to.
    deliver : callable
        Called in the network thread with each `Delivery`; may block, and then the broker waits.
    """

    def __init__(
        self,
        address: BrokerAddress,
        protocol: ProtocolVersion,
        subscription: Subscription,
        deliver: Callable[[Delivery], None],
    ) -> None:
        self._address = address
        self._subscription = subscription
        self._deliver = deliver
        self._version5 = protocol == "5"
        self._answer = threading.Event()
        self._refusal: BrokerRefusedError | None = None
        self._ended = threading.Event()
        self._unsettled: dict[str, mqtt.MQTTMessageInfo] = {}
        self._owed: set[int] = set()
        self._owed_since_s = 0.0
        self._client = self._make_client()

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
            self._client.loop_start()
            self._wait("CONNECT", BrokerSilentError, _FIRST_HANDSHAKE_TIMEOUT_S if first else None)
            self._answer.clear()
            self._subscribe()
            self._wait("SUBSCRIBE", BrokerAwayError)
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether messages can still come: connected, and the network thread runs."""
        # paho keeps saying "connected" after its thread has died, and offers no other look at it.
        thread: threading.Thread | None = getattr(self._client, "_thread", None)
        runs = thread is not None and thread.is_alive() and not self._ended.is_set()
        return runs and not self._stalled

    @property
    def _stalled(self) -> bool:
        """Whether the broker owes a PUBACK for too long: behind twenty of them paho sends nothing.

        No rig would hear a watermark any more, and nobody would say why.
        """
        return bool(self._owed) and time.monotonic() - self._owed_since_s > _PUBACK_TIMEOUT_S

    @property
    def taken_over(self) -> bool:
        """Whether another client came with the same session (MQTT 5 brokers say so)."""
        return self._refusal is not None and self._refusal.code == SESSION_TAKEN_OVER

    @property
    def why(self) -> str:
        """Why it ended, for a person."""
        if self._refusal is None and self._stalled:
            return "it owes a PUBACK for too long"
        return str(self._refusal) if self._refusal is not None else "connection lost"

    def acknowledge(self, mid: int, qos: int) -> None:
        """Acknowledge a message; without effect once the connection has ended."""
        if self.alive:
            self._client.ack(mid, qos)

    def publish_retained(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1; what a lost connection swallows is not repeated here."""
        if self.alive:
            if not self._owed:
                self._owed_since_s = time.monotonic()
            info = self._unsettled[topic] = self._client.publish(topic, payload, qos=1, retain=True)
            if not info.is_published():
                self._owed.add(info.mid)

    def stop_intake(self, timeout_s: float) -> None:
        """Leave a shared subscription, so that the broker gives the rest to the others.

        A durable subscription stays: its queue is what the next start begins with.
        """
        if self._subscription.durable or not self.alive:
            return
        self._answer.clear()
        self._client.unsubscribe(list(self._subscription.filters))
        self._answer.wait(timeout_s)

    def close(self, timeout_s: float = 0.0) -> None:
        """Wait until what was published has arrived, say goodbye, end the thread; idempotent."""
        deadline = time.monotonic() + timeout_s
        for info in self._unsettled.values():
            if not self.alive:
                break
            try:
                info.wait_for_publish(max(0.0, deadline - time.monotonic()))
            except (RuntimeError, ValueError):  # the connection went away meanwhile
                break
        self._unsettled.clear()
        self._client.disconnect()
        self._ended.wait(1.0 if self.alive else 0.0)
        self._end_thread()

    def _end_thread(self) -> None:
        # A broker that hangs would hold loop_stop until the keepalive runs out.
        self._client.on_message = None
        connected: Any = self._client.socket()
        if connected is not None:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()
        self._ended.set()

    def _make_client(self) -> mqtt.Client:
        durable = self._subscription.durable
        client = SturdyClient(
            CallbackAPIVersion.VERSION2,
            client_id=self._subscription.client_id,
            clean_session=None if self._version5 else not durable,
            protocol=mqtt.MQTTv5 if self._version5 else mqtt.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        # An exception in a callback would end the network thread without a word.
        client.suppress_exceptions = True
        client.connect_timeout = _HANDSHAKE_TIMEOUT_S
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        if self._address.username is not None:
            client.username_pw_set(self._address.username, self._address.password)
        tls = self._address.tls_context()
        if tls is not None:
            client.tls_set_context(tls)
        return client

    def _connect(self) -> None:
        options: dict[str, Any] = {}
        if self._version5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = _RECEIVE_MAXIMUM
            properties.MaximumPacketSize = _MAXIMUM_PACKET_BYTES
            properties.SessionExpiryInterval = (
                _SESSION_EXPIRY_S if self._subscription.durable else 0
            )
            options = {"clean_start": not self._subscription.durable, "properties": properties}
        address = self._address
        try:
            self._client.connect(address.host, address.port, _KEEPALIVE_S, **options)
        except ssl.SSLCertVerificationError as error:
            raise Failed(
                f"broker {address}: its certificate is not trusted ({error.verify_message}); "
                "name its authority with ?ca_file="
            ) from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise BrokerAwayError(f"no broker at {address}: {why}") from None

    def _subscribe(self) -> None:
        filters = self._subscription.filters
        if self._version5:
            self._client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in filters])
        else:
            self._client.subscribe([(topic, 1) for topic in filters])

    def _wait(
        self, request: str, silence: type[BrokerAwayError], timeout_s: float | None = None
    ) -> None:
        deadline = time.monotonic() + (timeout_s or _HANDSHAKE_TIMEOUT_S)
        while not self._answer.wait(0.02):
            if self._ended.is_set() or not self.alive:
                break
            if time.monotonic() > deadline:
                raise silence(f"broker {self._address}: no answer to {request}")
        if self._refusal is not None:
            raise self._refusal
        if not self.alive:
            raise silence(f"broker {self._address}: it hung up after {request}")

    def _on_connect(
        self, _client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._refusal = BrokerRefusedError(reason)
        self._answer.set()

    def _on_subscribe(
        self, _client: mqtt.Client, _data: Any, _mid: int, reasons: list[ReasonCode], _more: Any
    ) -> None:
        refused = [reason for reason in reasons if reason.is_failure]
        if refused:
            self._refusal = BrokerRefusedError(refused[0])
        self._answer.set()

    def _on_unsubscribe(self, *_: Any) -> None:
        self._answer.set()

    def _on_disconnect(
        self, _client: mqtt.Client, _data: Any, flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if flags.is_disconnect_packet_from_server and self._refusal is None:
            self._refusal = BrokerRefusedError(reason)
        self._ended.set()
        self._answer.set()

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, *_: Any) -> None:
        self._owed.discard(mid)
        self._owed_since_s = time.monotonic()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        pairs = getattr(message.properties, "UserProperty", [])
        payload = bytes(message.payload)
        self._deliver(Delivery(self, message.mid, message.qos, message.topic, payload, dict(pairs)))
