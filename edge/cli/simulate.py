"""``cosmic-edge simulate``: a recording of which every particle is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import Json, show_summary

_ELSEWHERE = {
    "frames": "the number of frames is --frames",
    "paced": "a recording is made as fast as it goes",
    "preset": "the preset is --preset",
    "seed": "the seed is --seed",
}
"""Options of a sim: URL that this command has another way for."""


def command(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder.")],
    frames: Annotated[int, typer.Option("--frames", min=1, help="Number of frames.")] = 3000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same bytes.")] = 1,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset", metavar="NAME", help="Camera: pi-v1, pi-v2, pi-hq, webcam or phone."
        ),
    ] = None,
    width: Annotated[
        int | None, typer.Option("--width", metavar="PX", help="Of a frame; else the camera's.")
    ] = None,
    height: Annotated[
        int | None, typer.Option("--height", metavar="PX", help="Of a frame; else the camera's.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of the simulation, as in sim: URLs (hits_per_min=60); repeatable.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Make a recording with its truth beside it."""
    from edge.cli.shared import progress
    from edge.errors import BadUse
    from edge.sources.simulated import parse_simulated, write_simulation

    own = {"seed": seed, "preset": preset, "width": width, "height": height}
    options = {key: str(value) for key, value in own.items() if value is not None}
    for text in option or []:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise BadUse(f"--set {text}: write KEY=VALUE, such as hits_per_min=60")
        if key in _ELSEWHERE:
            raise BadUse(f"--set {text}: {_ELSEWHERE[key]}")
        if key in options:
            raise BadUse(f"--set {text}: {key} is given twice")
        options[key] = value
    spec = parse_simulated(options).spec
    with progress(frames, "simulate") as advance:
        summary = write_simulation(spec, out, frames, lambda done: advance(1))
    show_summary(summary, json)
