"""``cosmic-edge fleet``: many simulated rigs, for load and for rehearsing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from edge.cli.shared import print_json, progress, stop_on_signals
from edge.errors import Failed


def command(
    broker: Annotated[str, typer.Option(metavar="URL", help="Where to, as for run.")],
    rigs: Annotated[int, typer.Option(min=1, max=20_000, metavar="N", help="How many.")] = 100,
    hits: Annotated[int, typer.Option(min=1, metavar="N", help="Hits of each rig.")] = 100,
    over: Annotated[
        float,
        typer.Option(
            min=0, max=1e7, metavar="S", help="Time over which they are made; 0: all at once."
        ),
    ] = 10.0,
    outages: Annotated[
        float,
        typer.Option(min=0, max=1000, metavar="N", help="Mean number of outages of each rig."),
    ] = 1.0,
    crop: Annotated[
        int, typer.Option(min=4, max=200, metavar="PX", help="Edge of the hits' crops.")
    ] = 60,
    patience: Annotated[
        float, typer.Option(min=1, max=1e7, metavar="S", help="Wait so long for the server's word.")
    ] = 120.0,
    state_dir: Annotated[
        Path | None,
        typer.Option("--state-dir", metavar="DIR", help="Keep the outboxes; else for this run."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of hits and outages.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Simulate a fleet: real messages of rigs called fleet-00001 and so on, origin simulation."""
    from edge.delivery import BrokerAddress
    from edge.fleet.fleet import Fleet, Rehearsal

    plan = Rehearsal(rigs, hits, over, outages, crop_px=crop, patience_s=patience, seed=seed)
    address = BrokerAddress.parse(broker)
    stop = stop_on_signals()
    with _folder(state_dir) as folder:
        fleet = Fleet(plan, address, folder)
        try:
            with progress(rigs * hits, "confirmed") as advance:
                shown = 0

                def tell(fleet: Fleet) -> None:
                    nonlocal shown
                    advance(fleet.acknowledged - shown)
                    shown = fleet.acknowledged

                summary = fleet.run(stop.is_set, tell)
        finally:
            fleet.close()
    _show(summary, json=json)
    if summary["owed"]:
        why = f": {summary['errors'][0]}" if summary["errors"] else ""
        raise Failed(f"{summary['owed']} of {summary['hits']} hits were not confirmed{why}")


@contextlib.contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept
        return
    with TemporaryDirectory(prefix="cosmic-edge-fleet-") as name:
        yield Path(name)


def _show(summary: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(summary)
        return
    from rich.console import Console

    console = Console()
    for name, value in summary.items():
        told = ", ".join(value) if isinstance(value, list) else f"{value:,}"
        console.print(f"{name:<14}{told}", markup=False, highlight=False)
