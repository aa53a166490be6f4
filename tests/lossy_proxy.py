"""A network between a client and its broker that keeps something back."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from types import TracebackType

PUBACK, PINGRESP = 0x40, 0xD0


class LossyProxy:
    """Passes MQTT on, whole packet by whole packet, or loses some of what the broker says.

    Parameters
    ----------
    port : int
        The broker's.

    Attributes
    ----------
    lost : set of int
        Types of packets of the broker's, first four bits, that do not arrive.
    held : bool
        Nothing arrives, either way, and nobody hangs up.
    connects_s : list of float
        When each connection came, in seconds that only rise.
    """

    def __init__(self, port: int) -> None:
        self.lost: set[int] = set()
        self.held = False
        self.connects_s: list[float] = []
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> LossyProxy:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.held = False
        self._hang_up(self._server)
        for one in self._open:
            self._hang_up(one)
        for thread in self._threads:
            thread.join(5)

    def cut(self) -> None:
        """Hang up on everybody."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _start(self, target: object, *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))  # type: ignore[arg-type]
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._server.accept()[0]
                self.connects_s.append(time.monotonic())
                try:
                    broker = socket.create_connection(("127.0.0.1", self._port))
                except OSError:
                    client.close()
                    continue
                self._open += [client, broker]
                self._start(self._up, client, broker)
                self._start(self._down, broker, client)

    def _up(self, client: socket.socket, broker: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                self._wait()
                broker.sendall(data)
        self._hang_up(broker)

    def _down(self, broker: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for packet in packets(broker):
                self._wait()
                if packet[0] & 0xF0 not in self.lost:
                    client.sendall(packet)
        self._hang_up(client)

    def _wait(self) -> None:
        while self.held:
            time.sleep(0.01)

    @staticmethod
    def _hang_up(one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def packets(source: socket.socket) -> Iterator[bytes]:
    """Whole MQTT packets, as they come."""
    data = bytearray()
    while True:
        size = _size(data)
        if size is None or len(data) < size:
            more = source.recv(65_536)
            if not more:
                return
            data += more
            continue
        yield bytes(data[:size])
        del data[:size]


def _size(data: bytearray) -> int | None:
    """Length of the packet that begins here; None: not known yet."""
    length = 0
    for place, byte in enumerate(data[1:5]):
        length |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return 2 + place + length
    return None
