"""A small CREDO server over HTTPS: the API's rules, field by field, and every way to fail.

Its rules are those of ``credoapiv2/serializers.py`` and ``handlers.py`` of credo-webapp; where the
real one is lenient (keys it does not know), this one notes it.
"""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.edge.credo_uplink.credo_rules import (
    DETECTION,
    DEVICE,
    PING,
    REGISTER,
    Broken,
    Invalid,
    check_device,
    checked,
)

TOKEN = "tok3n-d403a359"
PASSWORD = "pass-64yrJJKS"
USER = "mrrobot"


@dataclass
class Rows:
    """What is stored, and the notes of a test."""

    detections: list[dict[str, Any]] = field(default_factory=list)
    pings: list[dict[str, Any]] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    logins: int = 0

    @property
    def ids(self) -> list[str]:
        """Ids of our messages, by the metadata, in the order they came."""
        return [json.loads(row["metadata"])["id"] for row in self.detections]

    @property
    def visible_ids(self) -> list[str]:
        """Of those that CREDO shows."""
        return [json.loads(row["metadata"])["id"] for row in self.detections if row["visible"]]


Script = Callable[["Handler"], bool]
"""Something to do instead of the ordinary; True where the request is answered by it."""


class CredoServer:
    """Listens on a loopback port until `close`; `script` says what befalls the next requests."""

    def __init__(self, folder: Path) -> None:
        self.rows = Rows()
        self.script: deque[Script] = deque()
        self.token = TOKEN
        self.bad: Callable[[dict[str, Any]], bool] = lambda row: False
        self.breaks: Callable[[dict[str, Any]], bool] = lambda row: False
        self.ca_file = certificate(folder)
        self.lock = threading.Lock()
        handler = type("Bound", (Handler,), {"credo": self})
        self._server = _Quiet(("127.0.0.1", 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, folder / "key.pem")
        # Not on accept: a client that says nothing must not hold up the others.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Base of the API."""
        return f"https://localhost:{self._server.server_address[1]}/api/v2"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def store(self, endpoint: str, value: dict[str, Any]) -> dict[str, Any] | None:
        """What `handle_detection` and `handle_ping` do."""
        check_device(value)
        if endpoint == "ping":
            checked(value, PING, self.rows.unknown, DEVICE)
            self.rows.pings.append(value)
            return None
        self.rows.unknown |= set(value) - {*DEVICE, "detections"}
        rows = value.get("detections")
        if not isinstance(rows, list):
            raise Invalid("{'detections': ['This field is required.']}")
        for row in rows:
            checked(row, DETECTION, self.rows.unknown)
            if self.bad(row):
                raise Invalid("{'detections': [{'x': ['A valid integer is required.']}]}")
            if self.breaks(row):
                raise Broken
        for row in rows:
            device = {name: value[name] for name in DEVICE}
            self.rows.detections.append({**device, **row, "visible": self._visible(row)})
        last = len(self.rows.detections)
        return {"detections": [{"id": last - len(rows) + 1 + at} for at in range(len(rows))]}

    def _visible(self, row: dict[str, Any]) -> bool:
        started = [one["timestamp"] for one in self.rows.pings if one["on_time"] > 0]
        seen = {(one["x"], one["y"]) for one in self.rows.detections}
        return (
            picture_mean(row["frame_content"]) <= 0.15 * 255
            and bool(started)
            and row["timestamp"] > started[0]
            and (row["x"], row["y"]) not in seen
        )


def picture_mean(content: str) -> float:
    """Mean of a picture; bright where there is none."""
    data = np.frombuffer(base64.b64decode(content), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    return 255.0 if picture is None else float(picture.mean())


class Handler(BaseHTTPRequestHandler):
    """One request."""

    credo: CredoServer
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_POST(self) -> None:
        """Answer, as the script or the rules say."""
        self.value = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.endpoint = self.path.removeprefix("/api/v2/")
        credo = self.credo
        with credo.lock:
            credo.rows.requests.append(self.endpoint)
            script = credo.script.popleft() if credo.script else None
        if script is not None and script(self):
            return
        self.answer(*self.outcome())

    def outcome(self) -> tuple[int, Any]:
        """Status and body of the ordinary answer."""
        credo = self.credo
        with credo.lock:
            try:
                if self.endpoint == "user/login":
                    return self._login()
                if self.endpoint == "user/register":
                    check_device(self.value)
                    checked(self.value, REGISTER, credo.rows.unknown, DEVICE)
                    credo.rows.users.append(self.value)
                    return 200, {"message": "Please check your email for activation link."}
                if self.endpoint not in ("detection", "ping"):
                    return 404, "<h1>Not Found</h1>"
                if self.headers.get("Authorization") != f"Token {credo.token}":
                    return 401, {"message": "Invalid token"}
                return 200, credo.store(self.endpoint, self.value)
            except Invalid as error:
                return 400, {"message": f"Submitting {self.endpoint} failed. Reason: {error}"}
            except Broken:
                return 500, "<h1>Server Error (500)</h1>"

    def _login(self) -> tuple[int, Any]:
        check_device(self.value)
        self.credo.rows.logins += 1
        if (self.value.get("username"), self.value.get("password")) != (USER, PASSWORD):
            wrong = f"Login failed. Reason: no {self.value.get('password')}"
            return 400, {"message": wrong}  # a server that gives secrets back
        return 200, {"username": USER, "team": "", "language": "en", "token": self.credo.token}

    def answer(self, status: int, body: Any, **headers: str) -> None:
        """Write an answer; None is an empty body, a text is HTML."""
        data = b"" if body is None else body.encode() if isinstance(body, str) else _json(body)
        with suppress(OSError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        self.close_connection = True

    def cut(self) -> None:
        """Close without an answer."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(2)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or would not trust the certificate."""


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def says(status: int, body: Any = None, **headers: str) -> Script:
    """Answer so, and store nothing."""
    return lambda handler: handler.answer(status, body, **headers) is None


def cut_before(handler: Handler) -> bool:
    """Close the connection before anything is stored."""
    handler.cut()
    return True


def cut_after(handler: Handler) -> bool:
    """Store, and close the connection before the answer."""
    handler.outcome()
    handler.cut()
    return True


def half(handler: Handler) -> bool:
    """Store, and close the connection in the middle of the answer."""
    data = _json(handler.outcome()[1])
    with suppress(OSError):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[: len(data) // 2])
    handler.cut()
    return True


def ordinary(handler: Handler) -> bool:
    """Nothing out of the way."""
    return False


def slow(seconds: float, *, stored: bool = False) -> Script:
    """Say nothing for a time; what comes then is not heard any more."""

    def script(handler: Handler) -> bool:
        if stored:
            handler.outcome()
        time.sleep(seconds)
        handler.cut()
        return True

    return script


def drips(seconds: float) -> Script:
    """Send a header byte by byte, without an end."""

    def script(handler: Handler) -> bool:
        end = time.monotonic() + seconds
        with suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while time.monotonic() < end:
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.05)
        handler.cut()
        return True

    return script


def certificate(folder: Path, name: str = "localhost") -> Path:
    """Make a key and a certificate for a name; returns the certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-keyout", "key.pem", "-out", "cert.pem", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem"


@contextmanager
def running(folder: Path) -> Iterator[CredoServer]:
    """Run a server for a test."""
    server = CredoServer(folder)
    try:
        yield server
    finally:
        server.close()
