"""``cosmic-edge run``: watch a camera and deliver what it sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import ConfigFile, Json, configured, show_summary


def command(
    config: ConfigFile = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="URL", help="picamera:, webcam:0, sim:?seed=1, a path."),
    ] = None,
    broker: Annotated[
        str | None, typer.Option("--broker", metavar="URL", help="mqtt://host:1883 or mqtts://….")
    ] = None,
    rig: Annotated[
        str | None, typer.Option("--rig", metavar="NAME", help="Name of this rig.")
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", metavar="DIR", help="Outbox and calibrations.")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="[HOST:]PORT", help="Answer Prometheus there."),
    ] = None,
    duration: Annotated[
        float | None, typer.Option("--duration", min=0.001, metavar="S", help="Stop after so long.")
    ] = None,
    json: Json = False,
) -> None:
    """Watch a camera until Ctrl-C; then drain what is owed for up to 10 s and sum up."""
    from edge.live.memory import give_back_large_arrays
    from edge.live.start import load_compiler, uncollected

    give_back_large_arrays()
    with uncollected():
        from edge.cli.shared import stop_on_signals
        from edge.cli.watching import watching
        from edge.errors import Failed
        from edge.live.broker import broker_address
        from edge.live.session import Session
        from edge.sources import open_source

        load_compiler()

    settings = configured(
        config,
        source__url=source,
        broker__url=broker,
        rig__name=rig,
        rig__state_dir=str(state_dir) if state_dir is not None else None,
        metrics__listen=metrics,
    )
    address = broker_address(settings)
    opened = open_source(settings.source.url)
    stop = stop_on_signals()
    with watching(settings, opened) as watch:
        summary = Session(settings, opened, address, watch=watch).run(stop, duration)
    show_summary(summary, json)
    if summary["unstored"]:
        raise Failed(
            f"{settings.rig.state_dir}: the disk took no more: {summary['unstored']} messages "
            "could not be stored; free the disk, or choose another with --state-dir"
        )
    if summary["outbox"] and not summary["connected"]:
        raise Failed(
            f"{address} never let this rig in: {summary['outbox']} messages wait in "
            f"{settings.rig.state_dir}"
        )
