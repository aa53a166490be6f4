"""``cosmic-edge record``: a source's frames to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import Json, show_summary


def command(
    url: Annotated[str, typer.Argument(help="Source: picamera:, webcam:0, sim:?seed=1, a path.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder.")],
    frames: Annotated[
        int | None, typer.Option("--frames", min=1, help="Stop after so many.")
    ] = None,
    duration: Annotated[
        float | None, typer.Option("--duration", min=0.001, metavar="S", help="Stop after so long.")
    ] = None,
    json: Json = False,
) -> None:
    """Write what a source gives to a new recording, until it ends, or Ctrl-C."""
    from edge.cli.shared import progress
    from edge.recording.record import record
    from edge.sources import open_source

    source = open_source(url)
    with progress(frames, "record") as advance:
        summary = record(source, out, frames, duration, lambda done: advance(1))
    show_summary(summary, json)
