"""``cosmic-edge doctor``: is everything there, and what to do where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import ConfigFile, Json, configured


def command(
    *,
    config: ConfigFile = None,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", metavar="DIR", help="State folder of the rig.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="URL", help="Look at this source.")
    ] = None,
    broker: Annotated[
        str | None, typer.Option("--broker", metavar="URL", help="Look at this broker.")
    ] = None,
    rig: Annotated[
        str | None, typer.Option("--rig", metavar="NAME", help="Name of the rig.")
    ] = None,
    json: Json = False,
) -> None:
    """Check camera, clock, broker, disk, model and outbox; say what to do about each."""
    from edge.cli.shared import print_json, progress
    from edge.config.values import default_state_dir
    from edge.doctor import Report, ReportTable, examine, looks
    from edge.errors import BadUse

    settings, problem = None, ""
    try:
        settings = configured(
            config,
            rig__name=rig,
            rig__state_dir=state_dir,
            source__url=source,
            broker__url=broker,
        )
    except BadUse as error:
        problem = str(error)
    folder = settings.rig.state_dir if settings else state_dir or default_state_dir()
    chosen = looks(settings, problem, folder)
    with progress(len(chosen), "look") as advance:
        report = Report(examine(chosen, lambda: advance(1)))
    if json:
        print_json(report.to_json())
    else:
        from rich.console import Console

        Console(highlight=False).print(ReportTable(report))
    if not report.ok:
        raise typer.Exit(1)
