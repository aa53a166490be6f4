"""``cosmic-edge bench``: what a frame costs on this computer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.cli.options import Json

if TYPE_CHECKING:
    from rich.progress import Progress

    from edge.bench.result import Found
    from edge.bench.scale import Scale


def command(
    json: Json = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer rounds and smaller recordings.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw it as well.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="NAME",
            help="Run this benchmark alone (a key of the JSON object); may be given again, or "
            "several with commas.",
        ),
    ] = None,
    folder: Annotated[
        Path,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="Disk to measure on; needs up to 1.3 GB, which go again. Default: this folder.",
        ),
    ] = Path(),
    live_seconds: Annotated[
        float | None,
        typer.Option(
            "--live-seconds", min=1, max=1e6, metavar="S", help="How long a live run is watched."
        ),
    ] = None,
) -> None:
    """Time the hot paths beside memory's own limit, OpenCV, NumPy and the field's rules."""
    import signal
    from dataclasses import replace

    from edge.bench.machine import describe_machine, machine_line
    from edge.bench.scale import FULL, QUICK

    scale = QUICK if quick else FULL
    if live_seconds is not None:
        scale = replace(scale, live_s=live_seconds)
    if plot is not None:
        from edge.bench.plot import PICTURE, WHAT
        from edge.drawing import check_picture

        check_picture(plot, PICTURE, WHAT)
    from edge.errors import BadUse

    if not folder.is_dir():
        raise BadUse(f"--folder {folder}: there is no such folder; name one on the disk to measure")
    # What was made on the disk goes again, however this ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    machine = describe_machine()
    names = [name for part in only or [] for name in part.split(",") if name]
    results = _measure(scale, folder, names, quiet=json)
    found: dict[str, Any] = {one.name: one.to_json() for one in results}
    found["machine"] = machine
    if plot is not None:
        from edge.bench.plot import draw

        draw(found, plot)
    if json:
        from edge.cli.shared import print_json

        print_json(found)
    else:
        typer.echo(machine_line(machine))


def _measure(scale: Scale, folder: Path, only: list[str], *, quiet: bool) -> list[Found]:
    """Run and show them: tables on standard output, what runs on standard error."""
    from rich.console import Console

    from edge.bench.suite import measure
    from edge.bench.table import show

    screen = Console()
    with _bar() as bar:
        task = bar.add_task("", total=None)
        return measure(
            scale,
            folder,
            only=only,
            begin=lambda name, number, total: bar.update(
                task, description=name, completed=number, total=total
            ),
            show=lambda one: None if quiet else show(screen, one),
        )


def _bar() -> Progress:
    """Show which benchmark runs; on a terminal alone."""
    import sys

    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from edge.cli.shared import console

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total}"),
        TimeElapsedColumn(),
        console=console(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
