"""``cosmic-edge score``: hits against what really was there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.cli.options import ConfigFile, Json, configured, read_calibration

if TYPE_CHECKING:
    from edge.scoring import Score


def command(
    hits: Annotated[
        Path,
        typer.Argument(
            metavar="HITS|RECORDING",
            help="Hits of a replay (--out); or, alone, a simulated recording: it is replayed.",
        ),
    ],
    truth: Annotated[
        Path | None,
        typer.Argument(metavar="[TRUTH]", help="truth.jsonl of the recording, or its folder."),
    ] = None,
    exposure: Annotated[
        Path | None,
        typer.Option(
            "--exposure",
            metavar="FILE",
            help="Exposure records; without: those beside HITS (HITS.exposure.jsonl).",
        ),
    ] = None,
    min_sigma: Annotated[
        float,
        typer.Option(
            "--min-sigma",
            min=0,
            metavar="S",
            help="Least peak, over its pixel's noise, of a particle that should be found.",
        ),
    ] = 10.0,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw it as well.")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", metavar="FILE", help="For a RECORDING: use it."),
    ] = None,
    workers: Annotated[
        int,
        typer.Option("--workers", min=1, max=64, help="For a RECORDING: threads that read pixels."),
    ] = 1,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Score hits against the truth: efficiency, purity, false hits an hour, residuals."""
    from edge.drawing import check_picture
    from edge.errors import BadUse
    from edge.scoring import score_files
    from edge.scoring.plot import PICTURE, WHAT, draw

    if plot is not None:
        check_picture(plot, PICTURE, WHAT)
    report: dict[str, Any] = {}
    if truth is not None:
        if calibration is not None or config is not None or workers != 1:
            raise BadUse("--calibration, --config and --workers are for a RECORDING alone")
        score = score_files(hits, truth, exposure=exposure, min_sigma=min_sigma)
    elif hits.is_dir():
        if exposure is not None:
            raise BadUse(
                "--exposure is for HITS and TRUTH; a RECORDING is replayed and has its own"
            )
        score, report = _replayed(hits, config, calibration, workers, min_sigma)
    else:
        raise BadUse(f"{hits}: name the truth as well: cosmic-edge score HITS TRUTH")
    if plot is not None:
        draw(score, plot)
    _show(score, report, json=json)


def _replayed(
    folder: Path, config: Path | None, calibration: Path | None, workers: int, min_sigma: float
) -> tuple[Score, dict[str, Any]]:
    from edge.cli.shared import progress, stopping
    from edge.scoring import score_recording
    from edge.scoring.replayed import check_truth
    from edge.sources import open_recording

    check_truth(folder)
    settings = configured(config)
    known = read_calibration(calibration)
    total = sum(one.count for one in open_recording(folder).series()) * (1 if known else 2)
    with stopping() as stop, progress(total, "replay") as advance:
        score, summary = score_recording(
            folder,
            settings,
            calibration=known,
            workers=workers,
            min_sigma=min_sigma,
            progress=lambda done, of: advance(1),
            stop=stop,
        )
    return score, {"replay": summary}


def _show(score: Score, report: dict[str, Any], *, json: bool) -> None:
    from edge.cli.shared import print_json
    from edge.scoring.table import score_table

    if json:
        print_json(score.to_json() | report)
        return
    from rich.console import Console

    Console().print(score_table(score))
