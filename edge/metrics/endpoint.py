"""Answers Prometheus over HTTP, in threads of its own: ``/metrics`` and ``/healthz``."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import InfoMetricFamily
from prometheus_client.registry import Collector

from edge import __version__
from edge.errors import Failed
from edge.metrics.address import Listen

_PATIENCE_S = 10.0
_log = logging.getLogger(__name__)


class Endpoint:
    """Listens from the start of a ``with`` block to its end.

    Parameters
    ----------
    listen : Listen
        Where.
    families : prometheus_client.registry.Collector
        What is told; asked anew by each scrape, in the scrape's own thread.
    ailment : callable
        What is wrong now, in one line; "" while all is well. ``/healthz`` answers with it.

    Attributes
    ----------
    listen : Listen
        Where it listens, its port found.

    Raises
    ------
    edge.errors.Failed
        Nothing can listen there.
    """

    def __init__(
        self, listen: Listen, families: Collector, ailment: Callable[[], str] = lambda: ""
    ) -> None:
        registry = registry_of(families)
        try:
            self._server = _Server(listen, registry, ailment)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise Failed(f"metrics on {listen.host} port {listen.port}: {why}") from None
        self.listen = Listen(listen.host, int(self._server.server_address[1]))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join(_PATIENCE_S)
        self._server.server_close()


def registry_of(families: Collector) -> CollectorRegistry:
    """A registry of its own with what every program of ours tells, and these families."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(families)
    registry.register(_Build())
    ProcessCollector(registry=registry)
    return registry


class _Build(Collector):
    """Which version runs."""

    def collect(self) -> list[InfoMetricFamily]:
        return [
            InfoMetricFamily(
                "cosmic_edge_build", "Version of cosmic-edge.", value={"version": __version__}
            )
        ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A scrape that hangs must not hold up the end.
    block_on_close = False

    def __init__(
        self, listen: Listen, registry: CollectorRegistry, ailment: Callable[[], str]
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        self.registry = registry
        self.ailment = ailment
        super().__init__((listen.host, listen.port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks the name service, which may take its time, for a name nobody needs.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("a scrape from %s ended early", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "cosmic-edge"
    sys_version = ""
    # Who connects and says nothing does not keep a thread.
    timeout = _PATIENCE_S

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._tell_metrics()
        elif path == "/healthz":
            ailment = self.server.ailment()
            self._tell(503 if ailment else 200, ailment or "well")
        else:
            self._tell(404, "here are /metrics and /healthz")

    def _tell_metrics(self) -> None:
        encode, content_type = choose_encoder(self.headers.get("Accept") or "")
        try:
            content = encode(self.server.registry)
        except Exception as error:
            # Half a scrape would read as "all is well".
            _log.warning("metrics could not be told: %s: %s", type(error).__name__, error)
            self._tell(500, "metrics could not be told; the log says why")
            return
        self._send(200, content_type, content)

    def _tell(self, status: int, line: str) -> None:
        self._send(status, "text/plain; charset=utf-8", f"{line}\n".encode())

    def _send(self, status: int, content_type: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)
