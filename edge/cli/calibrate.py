"""``cosmic-edge calibrate``: make a calibration from dark frames, or look at one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edge.cli._options import ConfigFile, Json, configured, read_calibration, show_summary
from edge.cli._shared import with_default

app = typer.Typer(cls=with_default("make"), no_args_is_help=False)


@app.command()
def make(
    source: Annotated[str, typer.Argument(help="A recording, or a source such as picamera:.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it.")],
    frames: Annotated[
        int | None, typer.Option("--frames", min=3, help="Covered frames to use.")
    ] = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Make a calibration from the covered frames of a recording or a camera."""
    from edge.calibrating import calibrate
    from edge.cli._shared import progress
    from edge.outfile import CALIBRATION, check_place

    check_place(out, CALIBRATION)
    settings = configured(config, calibration__frames=frames)
    with progress(settings.calibration.frames, "calibrate") as advance:
        made, refused = calibrate(source, settings, lambda used: advance(1))
    _save(made, out)
    show_summary({**made.summary(), "refused_frames": refused, "path": str(out)}, json)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="Calibration file.")],
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="PNG", help="Draw maps and histograms.")
    ] = None,
    json: Json = False,
) -> None:
    """Print what a calibration holds; draw its maps and histograms as PNG."""
    from calibration.draw import draw
    from edge.errors import Failed
    from edge.outfile import PICTURE, check_place

    made = read_calibration(file)
    if made is None:
        raise RuntimeError("a calibration file is required")
    summary: dict[str, Any] = {**made.summary(), "path": str(file)}
    if picture is None:
        picture = file.with_suffix(".png")
    check_place(picture, PICTURE)
    try:
        draw(made, picture)
    except OSError as error:
        raise Failed(f"{picture}: can't be written ({error.strerror})") from None
    summary["picture"] = str(picture)
    show_summary(summary, json)


def _save(made: Any, out: Path) -> None:
    from calibration.store import save
    from edge.errors import Failed

    try:
        save(made, out)
    except OSError as error:
        raise Failed(f"{out}: can't be written ({error.strerror})") from None
