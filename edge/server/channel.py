"""A socket to a broker, with TLS or without, that is read and written only as far as it goes."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl

from edge.delivery.address import BrokerAddress

# TLS gives one record at a time, 16 KiB at most; what is left stays for the next call.
_READ_BYTES = 1 << 16
_READ_AT_ONCE_BYTES = 1 << 19
_WRITE_BYTES = 1 << 16


class Channel:
    """An open way to a broker; used by one thread.

    Parameters
    ----------
    address : BrokerAddress
        Where to.
    timeout_s : float
        For the way there, and again for TLS.

    Raises
    ------
    OSError
        Nobody is there, or TLS failed.
    """

    def __init__(self, address: BrokerAddress, timeout_s: float) -> None:
        context = address.tls_context()
        raw = socket.create_connection((address.host, address.port), timeout_s)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            host = address.host
            self._socket = (
                raw if context is None else context.wrap_socket(raw, server_hostname=host)
            )
            self._socket.setblocking(False)
        except BaseException:
            raw.close()
            raise
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._out = bytearray()

    def send(self, data: bytes) -> None:
        """Write as much as the network takes now; the rest goes with later calls.

        Raises
        ------
        OSError
            The connection is gone.
        """
        self._out += data
        while self._out:
            try:
                sent = self._socket.send(bytes(self._out[:_WRITE_BYTES]))
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            del self._out[:sent]

    def receive(self, wait_s: float) -> bytes:
        """Wait for something to come, or for room to write; return what there is, maybe nothing.

        Raises
        ------
        OSError, EOFError
            The connection is gone, or its other end has closed it.
        """
        if not self._decrypted_bytes():
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
            self._selector.modify(self._socket, wanted)
            if not self._selector.select(wait_s):
                return b""
        if self._out:
            self.send(b"")
        return self._read()

    def close(self) -> None:
        """Give it back; idempotent."""
        self._selector.close()
        with contextlib.suppress(OSError):
            self._socket.close()

    def _read(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while size < _READ_AT_ONCE_BYTES:
            try:
                piece = self._socket.recv(_READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            if not piece:
                if pieces:  # first what came before the end
                    break
                raise EOFError("the other end closed the connection")
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def _decrypted_bytes(self) -> int:
        return self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0
