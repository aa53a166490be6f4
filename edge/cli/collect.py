"""``cosmic-edge collect``: store what rigs send, exactly once each."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.cli.shared import check_database_url, console, print_json, stop_on_signals
from edge.errors import Failed

if TYPE_CHECKING:
    from edge.server.collector import Collector
    from edge.server.store import Store

_REFRESH_S = 0.2


def command(
    broker: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="mqtt://host:port or mqtts://user@host:port; options after a ?: password_file, "
            "ca_file, cert_file, key_file, protocol (5 or 3.1.1).",
        ),
    ],
    db: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="sqlite:///file.db or a path, made if missing; or postgresql://user@host/name, "
            "its password in ~/.pgpass or PGPASSWORD.",
        ),
    ],
    share: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Share the work with the other collectors of this name on this database.",
        ),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(metavar="S", min=0.0, help="End after so many seconds.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Store what rigs send, and tell each how far its messages are safe."""
    collector, store = _open(broker, db, share)
    if not json:
        typer.echo(f"cosmic-edge: storing in {store.engine}, schema {store.schema}", err=True)
    stop = stop_on_signals()
    began = time.monotonic()
    worker = _Worker(collector, stop)
    worker.start()
    with _live_line(collector, began) as refresh:
        while worker.is_alive():
            if duration is not None and time.monotonic() - began >= duration:
                stop.set()
            worker.join(_REFRESH_S)
            refresh()
    store.close()
    _report(collector, store, time.monotonic() - began, json)
    if worker.error is not None:
        raise worker.error
    if collector.stats.unsettled:
        raise Failed(
            f"{collector.state}: {collector.stats.unsettled} messages could not be stored; "
            "the rigs keep them and will send them again"
        )


def _open(broker: str, db: str, share: str | None) -> tuple[Collector, Store]:
    from edge.delivery.address import BrokerAddress
    from edge.server.collector import Collector
    from edge.server.store import open_store

    BrokerAddress.parse(broker)  # first: a slip of the pen should leave no new database behind
    store = open_store(check_database_url(db))
    try:
        return Collector(broker, store, share), store
    except BaseException:
        store.close()
        raise


class _Worker(threading.Thread):
    """Runs the collector; keeps what ended it."""

    def __init__(self, collector: Collector, stop: threading.Event) -> None:
        # A daemon: a second Ctrl-C ends the command at once.
        super().__init__(name="collector", daemon=True)
        self._collector = collector
        self._stop_wanted = stop
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._collector.run(self._stop_wanted)
        except Exception as error:
            self.error = error


@contextlib.contextmanager
def _live_line(collector: Collector, began: float) -> Iterator[Callable[[], None]]:
    """Keep one line up to date on a terminal; elsewhere the log's warnings say what happens."""
    screen = console()
    if not screen.is_terminal:
        yield lambda: None
        return
    from rich.live import Live
    from rich.text import Text

    def line() -> Text:
        counts = _counts(collector)
        seconds = time.monotonic() - began
        return Text(f"{collector.state} · {counts} · {seconds:.0f} s", overflow="ellipsis")

    # The line shows the state; the same words from the log would tear it.
    log = logging.getLogger("edge.server")
    quiet = logging.NullHandler()
    log.addHandler(quiet)
    log.propagate = False
    try:
        with Live(line(), console=screen, transient=True, auto_refresh=False) as live:
            yield lambda: live.update(line(), refresh=True)
    finally:
        log.removeHandler(quiet)
        log.propagate = True


def _counts(collector: Collector) -> str:
    stats = collector.stats
    return (
        f"{stats.received} received · {stats.stored} stored · {stats.duplicates} duplicates"
        f" · {stats.quarantined} quarantined"
    )


def _report(collector: Collector, store: Store, seconds: float, json: bool) -> None:
    stats = collector.stats
    if not json:
        typer.echo(f"{_counts(collector)} · {seconds:.0f} s")
        return
    summary: dict[str, Any] = {
        "received": stats.received,
        "stored": stats.stored,
        "duplicates": stats.duplicates,
        "quarantined": stats.quarantined,
        "conflicts": stats.conflicts,
        "unsettled": stats.unsettled,
        "reconnects": stats.reconnects,
        "store_waits": stats.store_waits,
        "engine": store.engine,
        "schema": store.schema,
        "duration_s": round(seconds, 3),
    }
    print_json(summary)
