"""MQTT packets the collector receives: whole packets out of whatever pieces the network brings."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from edge.delivery.address import ProtocolVersion
from edge.server import mqtt_packets as packets

DEFAULT_RECEIVE_MAXIMUM = 65_535
_RECEIVE_MAXIMUM, _SERVER_KEEPALIVE, _USER_PROPERTY = 0x21, 0x13, 0x26
_BYTE, _TWO, _FOUR, _VARIABLE, _TEXT, _PAIR = range(6)
_FORM = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), _BYTE),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), _TWO),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), _FOUR),
    0x0B: _VARIABLE,
    **dict.fromkeys((0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F), _TEXT),
    _USER_PROPERTY: _PAIR,
}
"""How the value of each property is written (MQTT 5.0, table 2-4); binary data like a text."""
_FIXED = {_BYTE: 1, _TWO: 2, _FOUR: 4}
_AS_IN_5 = {0: 0, 1: 132, 2: 133, 3: 136, 4: 134, 5: 135}
"""MQTT 3.1.1's answers to CONNECT as reasons of MQTT 5."""


class ProtocolError(Exception):
    """What came is no MQTT, or none that was asked for."""


class Published(NamedTuple):
    """A message: `properties` are its user properties, the last of a name."""

    mid: int
    qos: int
    topic: str
    payload: bytes
    properties: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    """Answer to CONNECT, SUBSCRIBE or UNSUBSCRIBE; a reason of 128 or more refuses.

    `receive_maximum` and `keepalive_s` are the broker's wishes in its answer to CONNECT.
    """

    first: int
    reasons: tuple[int, ...] = ()
    receive_maximum: int = DEFAULT_RECEIVE_MAXIMUM
    keepalive_s: int | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has taken (a reason below 128) or refused what was published."""

    mid: int
    reason: int


@dataclass(frozen=True, slots=True)
class HungUp:
    """The broker says goodbye, and why."""

    reason: int


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to a PINGREQ."""


Packet: TypeAlias = Published | Answered | Acknowledged | HungUp | Pong


class Reader:
    """Puts pieces together.

    Parameters
    ----------
    version : {"5", "3.1.1"}
        MQTT version of the connection.
    most_bytes : int
        Longest packet that is waited for.
    """

    def __init__(self, version: ProtocolVersion, most_bytes: int) -> None:
        self._version5 = version == "5"
        self._most_bytes = most_bytes
        self._rest = bytearray()
        self._needed = 0

    def feed(self, data: bytes) -> list[Packet]:
        """Take a piece; return the packets that are whole by now.

        Raises
        ------
        ProtocolError
            It is no MQTT; nothing that follows can be read.
        """
        if self._rest:
            self._rest += data
            # A long packet in many pieces is put together once, not again with each piece.
            if len(self._rest) < self._needed:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        found: list[Packet] = []
        at = 0
        try:
            while (frame := self._frame(data, at)) is not None:
                start, end = frame
                found.append(self._packet(data, at, start, end))
                at = end
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise ProtocolError(f"a packet that can't be read ({error})") from None
        if at < len(data):
            self._rest += data[at:] if at else data
        return found

    def _frame(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Where the body of the packet at `at` starts and ends; None: it is not whole yet."""
        self._needed = 0
        size = shift = 0
        for place in range(at + 1, min(at + 5, len(data))):
            size |= (data[place] & 0x7F) << shift
            shift += 7
            if data[place] < 0x80:
                end = place + 1 + size
                if end - at > self._most_bytes:
                    raise ProtocolError(f"a packet of {end - at} bytes")
                self._needed = end - at
                return (place + 1, end) if end <= len(data) else None
        if shift == 28:
            raise ProtocolError("a packet with no length")
        return None

    def _packet(self, data: bytes, at: int, start: int, end: int) -> Packet:
        first = data[at]
        if first & 0xF0 == packets.PUBLISH:
            return self._published(data, first, start, end)
        return self._answer(first, data[start:end])

    def _answer(self, first: int, body: bytes) -> Packet:
        match first:
            case packets.PUBACK:
                return Acknowledged(_two(body, 0), body[2] if len(body) > 2 else 0)
            case packets.CONNACK:
                return self._connack(body)
            case packets.SUBACK:
                return Answered(first, tuple(body[self._after_properties(body, 2) :]))
            case packets.UNSUBACK:
                return Answered(first)
            case packets.PINGRESP:
                return Pong()
            case packets.DISCONNECT if self._version5:
                return HungUp(body[0] if body else 0)
            case _:
                raise ProtocolError(f"a packet of type {first:#04x}")

    def _published(self, data: bytes, first: int, start: int, end: int) -> Published:
        qos = (first >> 1) & 3
        if qos > 1:
            raise ProtocolError(f"a message with QoS {qos}, 1 was asked for")
        at = start + 2 + _two(data, start)
        # Nothing a rig may write has another name; if it has, it is put aside as it came.
        topic = data[start + 2 : at].decode("utf-8", "replace")
        mid = 0
        if qos:
            mid = _two(data, at)
            at += 2
        pairs: dict[str, str] = {}
        if self._version5:
            size, at = _variable(data, at)
            # A rig's own oddity must not end the connection of all, to which it would come again.
            with contextlib.suppress(ProtocolError, IndexError):
                pairs = user_properties(data, at, at + size)
            at += size
        if at > end:
            raise ProtocolError("a message that is longer than its packet")
        return Published(mid, qos, topic, data[at:end], pairs)

    def _connack(self, body: bytes) -> Answered:
        reason = body[1]
        # An answer of MQTT 5 has properties, if only their length: a broker that knows no 5
        # answers in its own way.
        if not self._version5 or len(body) == 2:
            return Answered(packets.CONNACK, (_AS_IN_5.get(reason, max(reason, 128)),))
        size, at = _variable(body, 2)
        wishes = dict(_numbers(body, at, at + size))
        return Answered(
            packets.CONNACK,
            (reason,),
            wishes.get(_RECEIVE_MAXIMUM, DEFAULT_RECEIVE_MAXIMUM),
            wishes.get(_SERVER_KEEPALIVE),
        )

    def _after_properties(self, body: bytes, at: int) -> int:
        if not self._version5:
            return at
        size, at = _variable(body, at)
        return at + size


def user_properties(data: bytes, at: int, end: int) -> dict[str, str]:
    """Read the pairs of texts among the properties of a message."""
    pairs: dict[str, str] = {}
    while at < end:
        if data[at] == _USER_PROPERTY:
            middle = at + 3 + _two(data, at + 1)
            after = middle + 2 + _two(data, middle)
            name = data[at + 3 : middle].decode("utf-8", "replace")
            pairs[name] = data[middle + 2 : after].decode("utf-8", "replace")
            at = after
        else:
            at = _skip(data, at)
    if at > end:
        raise ProtocolError("properties that are longer than they say")
    return pairs


def _numbers(data: bytes, at: int, end: int) -> list[tuple[int, int]]:
    """Properties of two bytes."""
    found = []
    while at < end:
        if _FORM.get(data[at]) == _TWO:
            found.append((data[at], _two(data, at + 1)))
        at = _skip(data, at)
    return found


def _skip(data: bytes, at: int) -> int:
    """Where the property after this one begins."""
    form = _FORM.get(data[at])
    if form is None:
        raise ProtocolError(f"an unknown property {data[at]:#04x}")
    if form in _FIXED:
        return at + 1 + _FIXED[form]
    if form == _VARIABLE:
        return _variable(data, at + 1)[1]
    at += 3 + _two(data, at + 1)
    return at if form == _TEXT else at + 2 + _two(data, at)


def _two(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def _variable(data: bytes, at: int) -> tuple[int, int]:
    """Read a number in seven bits a byte; with the place after it."""
    value = shift = 0
    for place in range(at, at + 4):
        value |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return value, place + 1
        shift += 7
    raise ProtocolError("a length of more than four bytes")
