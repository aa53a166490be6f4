"""One MQTT connection, from CONNECT to its end, on the caller's own thread.

paho is used by its external-loop calls: nothing happens between two calls of `turn`, no callback
runs elsewhere, and a new connection is a new client, so that nothing is queued or sent again
behind the uplink's back.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.delivery.address import BrokerAddress, ProtocolVersion
from edge.delivery.mqtt_forms import length, text

if TYPE_CHECKING:
    import ssl

    import paho.mqtt.client as mqtt
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

KEEPALIVE_S = 30
CONNECT_TIMEOUT_S = 10.0
_DEFAULT_RECEIVE_MAXIMUM = 65_535
_NO_SIZE_LIMIT = 268_435_455
# Busy, shutting down, keepalive, another client, an administrator, go elsewhere, time is over.
_OTHER_CAUSES = frozenset({137, 139, 141, 142, 152, 156, 157, 160})
_HEADER_BYTES = 64
"""Of a PUBLISH: its head, identifier and the properties that each has."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker let us in; `receive_maximum` and `maximum_packet_bytes` are its limits."""

    receive_maximum: int
    maximum_packet_bytes: int

    def room_bytes(self, topic: str, properties: Mapping[str, str] | None = None) -> int:
        """Longest payload that the broker takes on a topic with such user properties."""
        beside = sum(len(part) + 4 for pair in (properties or {}).items() for part in pair)
        return self.maximum_packet_bytes - _HEADER_BYTES - len(topic) - beside


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker did not let us in; `reason` is the MQTT 5 code."""

    reason: int
    text: str


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Answer to a SUBSCRIBE of a topic; a `reason` of 128 or more refuses."""

    topic: str
    reason: int
    text: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """PUBACK; a `reason` of 128 or more refuses the message."""

    mid: int
    reason: int
    text: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message for the rig; `retained` where the broker had kept it."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended; `reason` is the broker's code, 0 where it said none."""

    reason: int
    text: str


Event = Connected | Refused | Subscribed | Acknowledged | Received | Lost


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when it loses the rig."""

    topic: str
    payload: bytes


class Waker:
    """Ends another thread's wait in `Transport.turn` at once."""

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)

    def wake(self) -> None:
        """Wake; callable from any thread, never blocks."""
        with contextlib.suppress(OSError):  # full: it is awake; closed: there is nobody to wake
            self._sender.send(b"\0")

    def fileno(self) -> int:
        """For `selectors`."""
        return self._receiver.fileno()

    def clear(self) -> None:
        """Forget the calls until now."""
        with contextlib.suppress(OSError):
            while self._receiver.recv(4096):
                pass

    def close(self) -> None:
        """Give the sockets back."""
        self._receiver.close()
        self._sender.close()


class _Packed:
    """Properties of a PUBLISH as bytes, which is all that paho asks of them.

    paho's own take longer to write than everything else on a message's way out of the rig.
    """

    def __init__(self, pairs: Mapping[str, str]) -> None:
        texts = b"".join(b"\x26" + text(name) + text(value) for name, value in pairs.items())
        self._body = _JSON_TEXT + texts

    def pack(self) -> bytes:
        """Length and properties."""
        return length(len(self._body)) + self._body


_JSON_TEXT = b"\x01\x01\x03" + text("application/json")
"""Payload format indicator 1, text; and the content type."""


class Transport:
    """A connection to a broker; used by one thread.

    Parameters
    ----------
    address : BrokerAddress
        Where to.
    protocol : {"5", "3.1.1"}
        MQTT version.
    client_id : str
        Name at the broker; another client of that name pushes this one out.
    tls : SSLContext or None
        From `BrokerAddress.tls_context`.
    waker : Waker
        Ends `turn` early.
    will : Will, optional
        Last will.
    login : bool
        False: without the address's user and password, to ask no more than for an answer.
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        protocol: ProtocolVersion,
        client_id: str,
        tls: ssl.SSLContext | None,
        waker: Waker,
        will: Will | None = None,
        login: bool = True,
    ) -> None:
        self._address = address
        self._version5 = protocol == "5"
        self._waker = waker
        self._bare = not login
        self._events: list[Event] = []
        self._subscribing: dict[int, str] = {}
        self._lost = False
        self.hung_up = False
        """Whether the connection ended by itself, and the broker named no cause but a message."""
        self.limits = Connected(_DEFAULT_RECEIVE_MAXIMUM, _NO_SIZE_LIMIT)
        """What the broker takes, once it has let us in."""
        self._selector: selectors.BaseSelector | None = None
        self._client = self._make_client(client_id, will, tls, login=login)

    def open(self) -> None:
        """Connect the socket and send CONNECT; the broker's answer comes as an event.

        Raises
        ------
        OSError
            Nobody is there, or TLS failed.
        """
        options: dict[str, Any] = {}
        if self._version5:
            # No session is wanted at the broker: the outbox knows better what is owed.
            options = {"clean_start": True, "properties": self._own_limits()}
        self._client.connect(self._address.host, self._address.port, KEEPALIVE_S, **options)
        self._selector = selectors.DefaultSelector()
        connected = self._client.socket()
        if connected is not None:
            self._selector.register(connected, selectors.EVENT_READ)
        self._selector.register(self._waker, selectors.EVENT_READ)

    def turn(self, timeout_s: float) -> list[Event]:
        """Read and write what is there, waiting `timeout_s` at most; returns what happened."""
        connected = self._client.socket()
        if connected is not None and self._selector is not None:
            self._wait(connected, timeout_s)
            # Reads return at once where nothing is there. TLS may hold more than the socket shows.
            self._client.loop_read()
            while self._decrypted_bytes():
                self._client.loop_read()
            if self._client.want_write():
                self._client.loop_write()
            self._client.loop_misc()
        if self._client.socket() is None:
            self._end(0, "the connection was lost")
        events, self._events = self._events, []
        return events

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        properties: Mapping[str, str] | None = None,
    ) -> int | None:
        """Publish with QoS 1; returns what `Acknowledged` will name, None on a lost connection."""
        import paho.mqtt.client as mqtt

        info = self._client.publish(
            topic, payload, qos=1, retain=retain, properties=self._publish_properties(properties)
        )
        return int(info.mid) if info.rc == mqtt.MQTT_ERR_SUCCESS else None

    def subscribe(self, topic: str) -> None:
        """Subscribe with QoS 1."""
        if self._version5:
            from paho.mqtt.subscribeoptions import SubscribeOptions

            _, mid = self._client.subscribe(topic, options=SubscribeOptions(qos=1))
        else:
            _, mid = self._client.subscribe(topic, qos=1)
        if mid is not None:
            self._subscribing[mid] = topic

    def close(self, *, orderly: bool) -> None:
        """End the connection; not `orderly`: without DISCONNECT, so that the will is published."""
        connected = self._client.socket()
        if orderly and connected is not None:
            self._client.disconnect()
            if self._client.want_write():
                self._client.loop_write()
        if connected is not None:
            with contextlib.suppress(OSError):
                connected.close()
        if self._selector is not None:
            self._selector.close()
            self._selector = None

    def _wait(self, connected: Any, timeout_s: float) -> None:
        assert self._selector is not None  # noqa: S101
        wanted = selectors.EVENT_READ
        if self._client.want_write():
            wanted |= selectors.EVENT_WRITE
        self._selector.modify(connected, wanted)
        if self._decrypted_bytes():
            return
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj is self._waker:
                self._waker.clear()

    def _decrypted_bytes(self) -> int:
        pending = getattr(self._client.socket(), "pending", None)
        return int(pending()) if pending is not None else 0

    def _own_limits(self) -> Properties | None:
        """What the broker is told with CONNECT; nothing where it is only asked for an answer."""
        if self._bare:
            return None
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        from edge.delivery.sturdy_client import MOST_PACKET_BYTES

        limits = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        limits.MaximumPacketSize = MOST_PACKET_BYTES
        return limits

    def _publish_properties(self, pairs: Mapping[str, str] | None) -> Properties | None:
        return _Packed(pairs or {}) if self._version5 else None  # type: ignore[return-value]

    def _make_client(
        self, client_id: str, will: Will | None, tls: ssl.SSLContext | None, *, login: bool
    ) -> mqtt.Client:
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        from edge.delivery.sturdy_client import SturdyClient

        client = SturdyClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if self._version5 else True,
            protocol=mqtt.MQTTv5 if self._version5 else mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        client.suppress_exceptions = True
        # Who calls knows the broker's limits, and how many are under way.
        client.max_inflight_messages_set(0)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        if login and self._address.username is not None:
            client.username_pw_set(self._address.username, self._address.password)
        if tls is not None:
            client.tls_set_context(tls)
        return client

    def _end(self, reason: int, text: str) -> None:
        if not self._lost:
            self._lost = True
            self.hung_up = reason not in _OTHER_CAUSES
            self._events.append(Lost(reason, text))

    def _on_connect(
        self, _client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, more: Any
    ) -> None:
        if reason.is_failure:
            self._events.append(Refused(int(reason.value), str(reason)))
            return
        self.limits = Connected(
            int(getattr(more, "ReceiveMaximum", _DEFAULT_RECEIVE_MAXIMUM)),
            int(getattr(more, "MaximumPacketSize", _NO_SIZE_LIMIT)),
        )
        self._events.append(self.limits)

    def _on_disconnect(
        self, _client: mqtt.Client, _data: Any, flags: Any, reason: ReasonCode, _more: Any
    ) -> None:
        said = flags.is_disconnect_packet_from_server
        self._end(int(reason.value) if said else 0, str(reason) if said else "connection lost")

    def _on_subscribe(
        self, _client: mqtt.Client, _data: Any, mid: int, reasons: list[ReasonCode], _more: Any
    ) -> None:
        named = self._subscribing.pop(mid, "")
        self._events.append(Subscribed(named, int(reasons[0].value), str(reasons[0])))

    def _on_publish(
        self, _client: mqtt.Client, _data: Any, mid: int, reason: ReasonCode, _more: Any
    ) -> None:
        self._events.append(Acknowledged(mid, int(reason.value), str(reason)))

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._events.append(Received(message.topic, bytes(message.payload), bool(message.retain)))
