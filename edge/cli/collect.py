"""``cosmic-edge collect``: store what rigs send, exactly once each."""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.cli import collect_metrics
from edge.cli.shared import check_database_url, console, print_json, stop_on_signals
from edge.errors import Failed

if TYPE_CHECKING:
    from edge.server.collector import Collector
    from edge.server.janitor import Janitor
    from edge.server.store import Store
    from edge.server.tally import Tally

_REFRESH_S = 0.2
_JANITOR_S = 10.0
# A little more than the collector takes to settle what has come: only a database that hangs.
_END_S = 12.0


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
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Answer Prometheus there; on this computer alone, where no host is said.",
        ),
    ] = None,
    metrics_rigs: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=10_000, help="Tell the last message of N rigs by their names."
        ),
    ] = 100,
    keep_days: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            min=1.0,
            max=100_000.0,
            help="Once a day, remove what is older, as `cosmic-edge server prune` does.",
        ),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(metavar="S", min=0.0, help="End after so many seconds.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Store what rigs send, and tell each how far its messages are safe."""
    tally = collect_metrics.tally_for(metrics, metrics_rigs)
    stop = stop_on_signals()
    began = time.monotonic()
    collector, store = _open(broker, db, share, tally, stop, duration)
    if not json:
        typer.echo(f"cosmic-edge: storing in {store.engine}, schema {store.schema}", err=True)
    worker = _Worker(collector, stop)
    janitor = _janitor(db, keep_days, stop)
    with (
        collect_metrics.told(metrics, collector, tally),
        _live_line(collector, began) as refresh,
        _ending_after(stop, duration),
    ):
        # What is there by now stays: there is no need to look through it for garbage, ever again.
        gc.freeze()
        worker.start()
        _await_end(worker, stop, store, refresh)
    stop.set()  # it may have ended by itself
    if janitor is not None:
        janitor.join(_JANITOR_S)
    store.close()
    _report(collector, store, janitor, time.monotonic() - began, json)
    if worker.error is not None:
        raise worker.error
    if collector.stats.unsettled:
        raise Failed(
            f"{collector.state}: {collector.stats.unsettled} messages could not be stored; "
            "the rigs keep them and will send them again"
        )


def _await_end(
    worker: _Worker, stop: threading.Event, store: Store, refresh: Callable[[], None]
) -> None:
    """Wait for the collector's end; one that its database holds up is cut off from it."""
    latest_s = math.inf
    while worker.is_alive():
        worker.join(_REFRESH_S)
        refresh()
        if stop.is_set():
            latest_s = min(latest_s, time.monotonic() + _END_S)
        if time.monotonic() > latest_s:
            store.give_up()


@contextlib.contextmanager
def _ending_after(stop: threading.Event, duration_s: float | None) -> Iterator[None]:
    """Set the event if what is inside lasts as long as that; None: it may last."""
    timer = threading.Timer(duration_s or 0.0, stop.set)
    timer.daemon = True
    if duration_s is not None:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _janitor(db: str, keep_days: float | None, stop: threading.Event) -> Janitor | None:
    if keep_days is None:
        return None
    from edge.server.janitor import Janitor

    janitor = Janitor(db, keep_days, stop)
    janitor.start()
    return janitor


def _open(
    broker: str,
    db: str,
    share: str | None,
    tally: Tally | None,
    stop: threading.Event,
    patience_s: float | None,
) -> tuple[Collector, Store]:
    from edge.delivery.address import BrokerAddress
    from edge.server.collector import Collector
    from edge.server.subscription import subscription
    from edge.server.waiting import wait_for_store

    # First: a slip of the pen should leave no new database behind.
    subscription("", share, BrokerAddress.parse(broker))
    said = ""
    with contextlib.ExitStack() as waiting:

        def say(line: str) -> None:
            nonlocal said
            if not said:
                waiting.enter_context(_ending_after(stop, patience_s))
            said = line
            typer.echo(f"cosmic-edge: {line}; trying again", err=True)

        store = wait_for_store(check_database_url(db), stop, say)
    if store is None:
        raise Failed(f"{said}: nothing was collected")
    try:
        if tally is None:
            return Collector(broker, store, share), store
        return Collector(broker, store, share, noted=tally.note), store
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


def _report(
    collector: Collector, store: Store, janitor: Janitor | None, seconds: float, json: bool
) -> None:
    stats = collector.stats
    if not json:
        pruned = f" · {janitor.removed} old rows removed" if janitor is not None else ""
        typer.echo(f"{_counts(collector)}{pruned} · {seconds:.0f} s")
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
        "pruned": 0 if janitor is None else janitor.removed,
        "engine": store.engine,
        "schema": store.schema,
        "duration_s": round(seconds, 3),
    }
    print_json(summary)
