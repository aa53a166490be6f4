"""``cosmic-edge server watch``: raise an alarm when a rig goes silent, and take it back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.cli.server_shared import Db
from edge.cli.shared import print_json, stop_on_signals
from edge.errors import BadUse, Failed

if TYPE_CHECKING:
    from edge.server.alarms import Change
    from edge.server.presence import Limits, Presence
    from edge.server.statuses import StatusListener
    from edge.server.watch import Look, Watch

_SETTLE_S = 10.0
_MOST_LINES = 20
_DAY_S = 86_400.0


def command(
    *,
    db: Db,
    broker: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Ask the broker as well, which rigs it has lost."),
    ] = None,
    silent_after_s: Annotated[
        float,
        typer.Option(min=1.0, max=1e7, metavar="S", help="Silent: nothing came for so long."),
    ] = 180.0,
    silent_after_reports: Annotated[
        float,
        typer.Option(
            min=1.0, max=1000.0, metavar="N", help="... and for N of its own report intervals."
        ),
    ] = 3.0,
    offline_after_s: Annotated[
        float,
        typer.Option(
            min=0.0, max=1e7, metavar="S", help="As long, where the broker has lost the rig."
        ),
    ] = 60.0,
    forget_after_days: Annotated[
        float, typer.Option(min=0.001, max=1e5, metavar="N", help="Then wait for it no more.")
    ] = 30.0,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="RIG", help="Do not wait for it; may be repeated.")
    ] = None,
    told: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Remember there what was told, over restarts."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Look once; exit code 1 where a rig is silent.")
    ] = False,
    every_s: Annotated[
        float, typer.Option(min=0.1, max=3600.0, metavar="S", help="Time between two looks.")
    ] = 15.0,
    disk: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="Tell the room on its disk; may be repeated."),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(metavar="[HOST:]PORT", help="Answer Prometheus there.")
    ] = None,
    duration: Annotated[
        float | None, typer.Option(metavar="S", min=0.0, help="End after so many seconds.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Raise an alarm when a rig goes silent: told once, and once that it is back.

    With --once, for cron and monitoring: exit code 1 while a rig is silent.
    """
    from edge.server.presence import Limits

    if once and (metrics is not None or duration is not None):
        raise BadUse("--once looks once: leave --metrics and --duration away")
    limits = Limits(
        silent_after_s,
        silent_after_reports,
        offline_after_s,
        forget_after_days * _DAY_S,
        frozenset(ignore or ()),
    )
    with _watching(db, broker, limits, told, disk or [], quiet=json) as (watch, listener):
        if once:
            return _once(watch, listener, json, all_rigs=told is None)
        _on(watch, listener, metrics, every_s, duration)
        if json:
            print_json(_summary(watch))
    return 0


@contextlib.contextmanager
def _watching(
    db: str,
    broker: str | None,
    limits: Limits,
    told: Path | None,
    disks: list[Path],
    *,
    quiet: bool,
) -> Iterator[tuple[Watch, StatusListener | None]]:
    from edge.delivery.address import BrokerAddress
    from edge.server.alarms import Alarms
    from edge.server.statuses import StatusListener
    from edge.server.store import open_store
    from edge.server.watch import Watch

    address = None if broker is None else BrokerAddress.parse(broker)
    alarms = Alarms(told)

    def tell(change: Change, look: Look) -> None:
        for line in _lines(change, look):
            typer.echo(line, err=quiet)

    with contextlib.closing(open_store(db, make=False)) as store, contextlib.ExitStack() as ends:
        listener = None if address is None else StatusListener(address)
        if listener is not None:
            listener.start()
            ends.callback(listener.stop)
        yield (
            Watch(
                store,
                limits,
                alarms,
                tell,
                statuses=dict if listener is None else lambda: listener.statuses,
                disks=disks,
            ),
            listener,
        )


def _on(
    watch: Watch,
    listener: StatusListener | None,
    metrics: str | None,
    every_s: float,
    duration: float | None,
) -> None:
    """Look again and again, until the end is wanted."""
    stop = stop_on_signals()
    ends = time.monotonic() + duration if duration is not None else float("inf")
    with _told(metrics, watch, listener):
        # Else the first look would call every rig that is offline merely silent.
        settled = time.monotonic() + _SETTLE_S
        while listener is not None and time.monotonic() < settled and not stop.is_set():
            if listener.settle(1.0):
                break
        while not stop.is_set() and time.monotonic() < ends:
            watch.look()
            stop.wait(min(every_s, max(0.0, ends - time.monotonic())))


@contextlib.contextmanager
def _told(metrics: str | None, watch: Watch, listener: StatusListener | None) -> Iterator[None]:
    if metrics is None:
        yield
        return
    from edge.metrics.address import Listen
    from edge.metrics.endpoint import Endpoint
    from edge.server.watch_metrics import WatchFamilies

    def ailment() -> str:
        return watch.ailment or (listener.ailment if listener is not None else "")

    families = WatchFamilies(watch, listener)
    with Endpoint(Listen.parse(metrics), families, ailment) as endpoint:
        typer.echo(f"cosmic-edge: metrics at {endpoint.listen.url}", err=True)
        yield


def _once(watch: Watch, listener: StatusListener | None, json: bool, *, all_rigs: bool) -> int:
    if listener is not None and not listener.settle(_SETTLE_S):
        raise Failed(listener.ailment)
    look = watch.look(aloud=False)
    if look is None:
        raise Failed(watch.ailment)
    if json:
        print_json(_summary(watch))
    elif all_rigs and not look.silent:
        typer.echo(f"{len(look.rigs)} rigs, none silent")
    return 1 if look.silent else 0


def _summary(watch: Watch) -> dict[str, Any]:
    look = watch.last
    return {
        "silent": len(look.silent),
        "rigs": [
            {
                "rig": one.rig,
                "state": one.state,
                "alarm": one.alarming,
                "quiet_s": None if one.quiet_s is None else round(one.quiet_s, 1),
                "seen_utc": one.seen_utc,
            }
            for one in look.rigs
        ],
        "raised": watch.raised,
        "cleared": watch.cleared,
        "database_bytes": look.database_bytes,
    }


def _lines(change: Change, look: Look) -> Iterator[str]:
    waited_for = [one for one in look.rigs if one.state != "gone"]
    if len(change.raised) > 1 and len(look.silent) == len(waited_for):
        yield (
            f"ALARM none of {len(waited_for)} rigs is heard: look at broker, network and collector"
        )
    told = [*(_raised(one) for one in change.raised), *(_cleared(one) for one in change.cleared)]
    yield from told[:_MOST_LINES]
    if len(told) > _MOST_LINES:
        yield f"... and {len(told) - _MOST_LINES} rigs more"


def _raised(one: Presence) -> str:
    why = {
        "silent": "is silent",
        "offline": "is offline: the broker lost it",
        "stopped": "was stopped and did not come back",
    }[one.state]
    last = f", last seen {one.seen_utc[:19]}Z" if one.seen_utc else ", nothing was ever stored"
    return f"ALARM {one.rig} {why}: nothing for {_span(one.quiet_s or 0.0)}{last}"


def _cleared(one: Presence) -> str:
    if one.state == "gone":
        return f"over: {one.rig} is no longer waited for"
    return f"over: {one.rig} is back"


def _span(seconds: float) -> str:
    for unit, size in (("days", _DAY_S), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
