"""``cosmic-edge calibrate``: make a calibration from dark frames, or look at one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edge.cli.options import ConfigFile, Json, configured, read_calibration, show_summary
from edge.cli.shared import with_default

app = typer.Typer(cls=with_default("make"), no_args_is_help=False)


@app.command()
def make(
    source: Annotated[str, typer.Argument(help="A recording, or a source such as picamera:.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it.")],
    frames: Annotated[
        int | None, typer.Option("--frames", min=3, help="Covered frames to use.")
    ] = None,
    defects: Annotated[
        Path | None,
        typer.Option("--defects", metavar="FILE", help="Bad pixels to mask: CSV of x,y,kind."),
    ] = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Make a calibration from the covered frames of a recording or a camera."""
    from edge.calibrating import calibrate
    from edge.cli.shared import progress
    from edge.outfile import CALIBRATION, check_place

    check_place(out, CALIBRATION)
    listed = None if defects is None else str(defects)
    settings = configured(config, calibration__frames=frames, calibration__defects_file=listed)
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


defects_app = typer.Typer(
    no_args_is_help=True, help="Bad pixels of a calibration as a list for other programs."
)
app.add_typer(defects_app, name="defects")


@defects_app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Calibration file.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="CSV to write.")],
    hot: Annotated[
        bool, typer.Option("--hot", help="Hot pixels too, which are used, not masked.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the bad pixels of a calibration as CSV: x,y,kind."""
    from calibration.defects import HEADING, defects_of, write_defects
    from edge.outfile import FileKind, check_place, write_whole

    made = read_calibration(file)
    if made is None:
        raise RuntimeError("a calibration file is required")
    check_place(out, FileKind("a list of defects", HEADING.encode()), stream=True)
    defects = defects_of(made, hot=hot)
    write_whole(out, write_defects(defects).encode())
    kinds = {kind: sum(one.kind == kind for one in defects) for kind in ("dead", "masked", "hot")}
    show_summary({"defects": len(defects), "kinds": kinds, "path": str(out)}, json)


@defects_app.callback()
def _several() -> None:
    """Bad pixels of a calibration as a list for other programs."""


def _save(made: Any, out: Path) -> None:
    from calibration.store import save
    from edge.errors import Failed

    try:
        save(made, out)
    except OSError as error:
        raise Failed(f"{out}: can't be written ({error.strerror})") from None
