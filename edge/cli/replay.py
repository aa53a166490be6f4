"""``cosmic-edge replay``: a recording through the whole way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import ConfigFile, Json, Preset, configured, read_calibration, show_summary


def command(
    path: Annotated[Path, typer.Argument(help="Recording: a folder or a file.")],
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration",
            metavar="FILE",
            help="Use it; without: the first frames of each series calibrate it.",
        ),
    ] = None,
    preset: Preset = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="HITS", help="Hits, one a line; exposures beside it."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="Threads that read pixels.")
    ] = 1,
    inject: Annotated[
        float | None,
        typer.Option(
            "--inject",
            metavar="SHARE",
            help="Measure the efficiency: synthetic particles in copies of this share of frames.",
        ),
    ] = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Find the hits of a recording, as fast as it goes, the same bytes every time."""
    from edge.cli.shared import progress, stopping
    from edge.errors import BadUse
    from edge.hitfile import check_hits_place
    from edge.replay import Replay
    from edge.sources import open_recording

    settings = configured(config, trigger__preset=preset, injection__share=inject)
    if calibration is not None and settings.trigger.preset == "credo":
        raise BadUse("the credo preset calibrates itself: leave --calibration out")
    if calibration is not None and settings.trigger.seed_sigma is not None:
        raise BadUse(
            "[trigger] seed_sigma is for making a calibration: leave it out, or --calibration"
        )
    if out is not None:
        check_hits_place(out)
    known = read_calibration(calibration)
    recording = open_recording(path)
    total = sum(series.count for series in recording.series()) * (1 if known else 2)
    with stopping() as stop, progress(total, "replay") as advance:
        replay = Replay(
            recording,
            settings,
            calibration=known,
            out=out,
            workers=workers,
            progress=lambda done, of: advance(1),
            stop=stop,
        )
        result = replay.run()
    for note in result.notes:
        typer.echo(f"cosmic-edge: {note}", err=True)
    show_summary(result.summary, json)
    if result.interrupted:
        raise typer.Exit(1)
