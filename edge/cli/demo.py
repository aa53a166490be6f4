"""``cosmic-edge demo``: camera, broker and server on this computer, in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import ConfigFile, Json, configured, show_summary

_SOURCE = "sim:?hits_per_min=60&seed=1"
_HITS_PER_MIN = 60.0
_CALIBRATION_FRAMES = 100


def command(
    config: ConfigFile = None,
    source: Annotated[
        str, typer.Option("--source", metavar="URL", help="Another camera than the simulated one.")
    ] = _SOURCE,
    rig: Annotated[str, typer.Option("--rig", metavar="NAME", help="Name of this rig.")] = "demo",
    state_dir: Annotated[
        Path | None,
        typer.Option(
            "--state-dir", metavar="DIR", help="Keep what it makes; without: thrown away."
        ),
    ] = None,
    duration: Annotated[
        float | None, typer.Option("--duration", min=0.001, metavar="S", help="Stop after so long.")
    ] = None,
    json: Json = False,
) -> None:
    """Simulate a covered camera, find its hits, deliver them to a server, until Ctrl-C.

    Nothing is needed but this program: the broker (mosquitto if it is installed) and the server
    run inside.
    """
    from edge.cli.shared import console, stop_on_signals
    from edge.demo import Demo
    from edge.display.live import LiveDisplay

    settings = configured(
        config,
        source__url=source,
        rig__name=rig,
        calibration__frames=_CALIBRATION_FRAMES,
    )
    stop = stop_on_signals()
    expected = _HITS_PER_MIN if source == _SOURCE else None
    with LiveDisplay(console()) as display:
        demo = Demo(settings, display, state_dir=state_dir, expected_per_min=expected)
        summary = demo.run(stop, duration)
    show_summary(summary, json)
