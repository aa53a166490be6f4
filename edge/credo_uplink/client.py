"""One HTTPS POST: a new connection, a certificate that is always checked, a bound on the time.

A connection is not kept: whether the server had closed a kept one is known only after a request
went into it, and then nobody knows whether that request was stored.
"""

from __future__ import annotations

import http.client
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edge import __version__
from edge.credo_uplink.address import ServerAddress
from edge.credo_uplink.secret import Secret
from edge.errors import Failed

TIMEOUT_S = 30.0
_MAX_ANSWER_BYTES = 1_000_000


class Unreached(Exception):
    """No request was sent: no name, no route, nobody listens, or no TLS."""


class Untrusted(Unreached):
    """The server's certificate is not trusted: no secret went to it, and none will."""


class Unheard(Exception):
    """A request was sent, wholly or in part, and no whole answer came: it may be stored."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said.

    Attributes
    ----------
    status : int
    body : bytes
    retry_after : str or None
        Header of that name.
    location : str or None
        Header of that name.
    """

    status: int
    body: bytes
    retry_after: str | None = None
    location: str | None = None


class Post(Protocol):
    """How a request reaches the server."""

    def __call__(self, endpoint: str, body: bytes, token: Secret | None) -> Answer:
        """Send a body; raises Unreached, Untrusted or Unheard."""


class HttpsPost:
    """Posts to one server.

    Redirections are not followed: the token would go with them.

    Parameters
    ----------
    server : ServerAddress
    ca_file : Path, optional
        PEM of the authority to trust instead of the system's.
    timeout_s : float
        For connecting, and again for the request with its answer.

    Raises
    ------
    edge.errors.Failed
        The authority's file can't be read.
    """

    def __init__(
        self, server: ServerAddress, *, ca_file: Path | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._server = server
        self._timeout_s = timeout_s
        try:
            self._context = ssl.create_default_context(cafile=ca_file)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise Failed(f"authority {ca_file} can't be read: {error}") from None
        self._context.sslsocket_class = _TimedSocket

    def __call__(self, endpoint: str, body: bytes, token: Secret | None) -> Answer:
        """Send a body and read the answer.

        Raises
        ------
        Unreached
            Nothing was sent; trying again may help.
        Unheard
            It was sent and no whole answer came.
        Untrusted
            Nothing was sent; trying again won't help.
        """
        connection = http.client.HTTPSConnection(
            self._server.host, self._server.port, timeout=self._timeout_s, context=self._context
        )
        try:
            self._connect(connection)
            return self._exchange(connection, endpoint, body, token)
        finally:
            connection.close()

    def _connect(self, connection: http.client.HTTPSConnection) -> None:
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(
                f"its certificate is not trusted ({error.verify_message}); name its authority "
                "with --ca-file"
            ) from None
        except (OSError, UnicodeError) as error:
            raise Unreached(_said(error)) from None
        if isinstance(connection.sock, _TimedSocket):
            connection.sock.end_s = time.monotonic() + self._timeout_s

    def _exchange(
        self,
        connection: http.client.HTTPSConnection,
        endpoint: str,
        body: bytes,
        token: Secret | None,
    ) -> Answer:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"cosmic-edge/{__version__}",
            "Connection": "close",
        }
        if token is not None:
            headers["Authorization"] = f"Token {token.reveal()}"
        try:
            connection.request("POST", f"{self._server.path}/{endpoint}", body, headers)
            reply = connection.getresponse()
            content = reply.read(_MAX_ANSWER_BYTES)
            if reply.length and len(content) < _MAX_ANSWER_BYTES:
                raise http.client.IncompleteRead(content, reply.length)
            return Answer(
                reply.status, content, reply.getheader("Retry-After"), reply.getheader("Location")
            )
        except (OSError, http.client.HTTPException) as error:
            raise Unheard(_said(error)) from None


class _TimedSocket(ssl.SSLSocket):
    """Ends an exchange at a time, however slowly its bytes drip."""

    end_s: float | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._keep_time()
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._keep_time()
        return super().send(*args, **kwargs)

    def _keep_time(self) -> None:
        if self.end_s is None:
            return
        left_s = self.end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left_s)


_CUT = (
    http.client.RemoteDisconnected,
    http.client.IncompleteRead,
    ConnectionResetError,
    BrokenPipeError,
)


def _said(error: Exception) -> str:
    """One short clause; never what was sent."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, _CUT):
        return "the connection was cut"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
