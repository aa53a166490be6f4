"""MQTT packets the collector sends: bytes, and no socket.

The collector reads a fleet's messages, and paho, in Python for each byte of each property, takes
as long for one as all the rest of the way into the database: see `edge.server.mqtt_reader`.
Written after the OASIS standards MQTT 3.1.1 and 5.0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.delivery.address import ProtocolVersion
from edge.delivery.mqtt_forms import length, text

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90
UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 0xA2, 0xB0, 0xC0, 0xD0, 0xE0
PING = bytes((PINGREQ, 0))
GOODBYE = bytes((DISCONNECT, 0))

_LEVEL = {"3.1.1": 4, "5": 5}
_CLEAN, _PASSWORD, _USERNAME = 0x02, 0x40, 0x80
_SESSION_EXPIRY, _RECEIVE_MAXIMUM, _MAXIMUM_PACKET = 0x11, 0x21, 0x27
_QOS_1, _RETAIN = 0x02, 0x01


@dataclass(frozen=True, slots=True)
class Limits:
    """What the collector says of itself to an MQTT 5 broker.

    Attributes
    ----------
    session_expiry_s : int
        How long the broker keeps the session while the collector is away.
    receive_maximum : int
        Messages without an acknowledgement.
    maximum_packet_bytes : int
        Larger ones are dropped.
    """

    session_expiry_s: int
    receive_maximum: int
    maximum_packet_bytes: int


def connect(
    version: ProtocolVersion,
    client_id: str,
    *,
    clean: bool,
    keepalive_s: int,
    limits: Limits,
    username: str | None = None,
    password: str | None = None,
) -> bytes:
    """Ask to be let in.

    Raises
    ------
    ValueError
        A name or password of more than 65,535 bytes.
    """
    flags = _CLEAN if clean else 0
    login = b""
    if username is not None:
        flags |= _USERNAME
        login += text(username)
    # MQTT 3.1.1 has no password without a name.
    if password is not None and (username is not None or version == "5"):
        flags |= _PASSWORD
        login += text(password)
    head = text("MQTT") + struct.pack(">BBH", _LEVEL[version], flags, keepalive_s)
    if version == "5":
        properties = struct.pack(
            ">BIBHBI",
            *(_SESSION_EXPIRY, limits.session_expiry_s),
            *(_RECEIVE_MAXIMUM, limits.receive_maximum),
            *(_MAXIMUM_PACKET, limits.maximum_packet_bytes),
        )
        head += length(len(properties)) + properties
    return _packet(CONNECT, head + text(client_id) + login)


def subscribe(version: ProtocolVersion, mid: int, filters: Iterable[str]) -> bytes:
    """Ask for topics, with QoS 1."""
    asked = b"".join(text(one) + b"\x01" for one in filters)
    return _packet(SUBSCRIBE, struct.pack(">H", mid) + _no_properties(version) + asked)


def unsubscribe(version: ProtocolVersion, mid: int, filters: Iterable[str]) -> bytes:
    """Ask for them no longer."""
    named = b"".join(text(one) for one in filters)
    return _packet(UNSUBSCRIBE, struct.pack(">H", mid) + _no_properties(version) + named)


def publish(
    version: ProtocolVersion, mid: int, topic: str, payload: bytes, *, retain: bool
) -> bytes:
    """Publish with QoS 1."""
    head = text(topic) + struct.pack(">H", mid) + _no_properties(version)
    return _packet(PUBLISH | _QOS_1 | (_RETAIN if retain else 0), head + payload)


def pubacks(mids: Sequence[int]) -> bytes:
    """Acknowledge messages, all in one piece: over TLS each write of its own costs a record."""
    return b"".join(struct.pack(">BBH", PUBACK, 2, mid) for mid in mids)


def _no_properties(version: ProtocolVersion) -> bytes:
    return b"\x00" if version == "5" else b""


def _packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + length(len(body)) + body
