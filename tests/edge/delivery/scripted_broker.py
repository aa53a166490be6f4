"""A broker that does what no real one can be told to: refuse, fall silent, hang up, on cue.

It speaks just enough of MQTT 5 on a loopback port; what it is told to do is decided for each
PUBLISH by the test.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Verdict = int | None | str
"""Reason code of the PUBACK; None: say nothing; "hang up"."""


@dataclass
class ScriptedBroker:
    """Answers as told; `published` holds (topic, JSON) of every PUBLISH.

    `notes` are further properties of each CONNACK, PUBACK and DISCONNECT.
    """

    connack: int | None = 0
    receive_maximum: int = 65_535
    maximum_packet: int = 0
    notes: bytes = b""
    verdict: Callable[[str, Any], Verdict] = lambda topic, message: 0
    connects: list[int] = field(default_factory=list)
    published: list[tuple[str, Any]] = field(default_factory=list)
    most_unacknowledged: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._current: socket.socket | None = None
        self._send_lock = threading.Lock()
        self._waiting: list[tuple[int, int]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        if self._current is not None:
            self._current.close()

    def of(self, kind: str) -> list[Any]:
        """Messages of one kind, in the order they came."""
        return [message for topic, message in self.published if topic.endswith("/" + kind)]

    def say(self, topic: str, message: dict[str, Any], *, retained: bool = False) -> None:
        """Send a message to the rig with QoS 0."""
        name = topic.encode()
        body = struct.pack(">H", len(name)) + name + b"\0" + json.dumps(message).encode()
        self._send(0x30 | retained, body)

    def release(self, count: int) -> None:
        """Send the PUBACKs that were held back, oldest first."""
        for _ in range(min(count, len(self._waiting))):
            self._puback(*self._waiting.pop(0))

    def disconnect(self, reason: int) -> None:
        """Send DISCONNECT and hang up."""
        current = self._current
        assert current is not None
        self._send(0xE0, bytes([reason, len(self.notes)]) + self.notes)
        with contextlib.suppress(OSError):  # the other end may have hung up by then
            current.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._current, _ = self._listener.accept()
                self._waiting.clear()
                with contextlib.suppress(OSError, EOFError), self._current:
                    self._serve(self._current)

    def _serve(self, link: socket.socket) -> None:
        while True:
            kind, body = _read_packet(link)
            if kind >> 4 == 1:
                self.connects.append(body[6])
                if self.connack is None:
                    continue
                properties = b"\x21" + struct.pack(">H", self.receive_maximum)
                if self.maximum_packet:
                    properties += b"\x27" + struct.pack(">I", self.maximum_packet)
                properties += self.notes
                self._send(0x20, bytes([0, self.connack, len(properties)]) + properties)
                if self.connack:
                    return
            elif kind >> 4 == 3 and not self._take(kind, body):
                return
            elif kind >> 4 == 8:
                self._send(0x90, body[:2] + b"\0\1")
            elif kind >> 4 == 12:
                self._send(0xD0, b"")
            elif kind >> 4 == 14:
                return

    def _take(self, kind: int, body: bytes) -> bool:
        length = struct.unpack(">H", body[:2])[0]
        topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
        mid, rest = struct.unpack(">H", rest[:2])[0], rest[2:]
        size, used = _varint(rest)
        message = json.loads(rest[used + size :])
        self.published.append((topic, message))
        assert kind & 0x06 == 0x02, "QoS 1"
        verdict = self.verdict(topic, message)
        if verdict == "hang up":
            return False
        if isinstance(verdict, int):
            self._puback(mid, verdict)
        else:
            self._waiting.append((mid, 0))
            self.most_unacknowledged = max(self.most_unacknowledged, len(self._waiting))
        return True

    def _puback(self, mid: int, reason: int) -> None:
        self._send(0x40, struct.pack(">HBB", mid, reason, len(self.notes)) + self.notes)

    def _send(self, kind: int, body: bytes) -> None:
        assert self._current is not None
        with self._send_lock:
            self._current.sendall(bytes([kind]) + _as_varint(len(body)) + body)


@contextmanager
def scripted_broker(**script: Any) -> Iterator[ScriptedBroker]:
    """Run one for the time of a test."""
    broker = ScriptedBroker(**script)
    try:
        yield broker
    finally:
        broker.close()


def _exactly(link: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = link.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _read_packet(link: socket.socket) -> tuple[int, bytes]:
    kind = _exactly(link, 1)[0]
    length, shift = 0, 0
    while True:
        byte = _exactly(link, 1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return kind, _exactly(link, length)


def _varint(data: bytes) -> tuple[int, int]:
    value, used = 0, 0
    while True:
        value |= (data[used] & 127) << (7 * used)
        used += 1
        if data[used - 1] < 128:
            return value, used


def _as_varint(value: int) -> bytes:
    data = bytearray()
    while True:
        value, low = value >> 7, value & 127
        data.append(low | (128 if value else 0))
        if not value:
            return bytes(data)
