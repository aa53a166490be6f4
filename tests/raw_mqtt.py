"""A client that writes MQTT 5 byte by byte: what a proper one would not send."""

from __future__ import annotations

import itertools
import socket
import struct

PAYLOAD_FORMAT, CONTENT_TYPE, RESPONSE_TOPIC, USER_PROPERTY = 1, 3, 8, 38


def text(words: str | bytes) -> bytes:
    """A string as MQTT writes it."""
    data = words.encode("utf-8", "surrogatepass") if isinstance(words, str) else words
    return struct.pack(">H", len(data)) + data


def user_property(name: str | bytes, value: str | bytes) -> bytes:
    """One user property."""
    return bytes([USER_PROPERTY]) + text(name) + text(value)


def packet(head: int, body: bytes) -> bytes:
    """A whole packet."""
    return bytes([head]) + _varint(len(body)) + body


def publish(topic: str | bytes, payload: bytes, properties: bytes, mid: int | None = 1) -> bytes:
    """A PUBLISH with QoS 1; `mid` None: with QoS 0."""
    named = b"" if mid is None else struct.pack(">H", mid)
    body = text(topic) + named + _varint(len(properties)) + properties + payload
    return packet(0x30 if mid is None else 0x32, body)


class RawPublisher:
    """Publishes what it is given; comes back where the broker hung up on it.

    Parameters
    ----------
    port : int
        The broker's, on this computer.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._mids = itertools.cycle(range(1, 65_536))
        self._socket: socket.socket | None = None
        self._name = f"raw-{id(self)}"

    def send(self, topic: str | bytes, payload: bytes, properties: bytes = b"") -> bool:
        """Publish with QoS 1; whether the broker took it."""
        if self._socket is None:
            self._socket = self._connect()
        self._socket.sendall(publish(topic, payload, properties, next(self._mids)))
        try:
            answer = self._packet(self._socket)
        except ConnectionError:
            answer = (0, b"")
        if answer[0] == 0x40:
            return len(answer[1]) < 3 or answer[1][2] < 0x80
        self.close()
        return False

    def close(self) -> None:
        """Hang up; idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.sendall(packet(0x10, text("MQTT") + b"\x05\x02\x00\x3c\x00" + text(self._name)))
        head, body = self._packet(made)
        assert (head, body[1]) == (0x20, 0)
        return made

    @staticmethod
    def _packet(source: socket.socket) -> tuple[int, bytes]:
        """One packet of the broker, all of which are short."""
        head = _exactly(source, 2)
        return head[0], _exactly(source, head[1])


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = source.recv(count - len(data))
        if not more:
            raise ConnectionResetError("the broker hung up")
        data += more
    return data


def _varint(value: int) -> bytes:
    out = b""
    while True:
        value, digit = divmod(value, 128)
        out += bytes([digit | (0x80 if value else 0)])
        if not value:
            return out
