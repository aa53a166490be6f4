"""``cosmic-edge screen``: which calibration frames are not like the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.cli.options import Json

if TYPE_CHECKING:
    from edge.screening import ScreenedFrame

_STYLE = {"good": "green", "bad": "bold red", "unjudged": "yellow"}


def command(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Frames, folders of them, recordings.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the report as JSON.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Draw a sheet of the frames.")
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", metavar="FILE", help="JSON or CSV of file and good or bad."),
    ] = None,
    json: Json = False,
) -> None:
    """Name the dark frames that are not like the others of their series, and why."""
    from calibration.screen_robust import RobustScreener
    from edge.cli.shared import print_json, progress
    from edge.outfile import check_place
    from edge.screening import counts, screen_paths
    from edge.screening_sheet import SHEET, Sheet
    from edge.screening_truth import read_truth, score

    for place, kind in ((out, _report_kind()), (plot, SHEET)):
        if place is not None:
            check_place(place, kind)
    known = None if truth is None else read_truth(truth)
    sheet = None if plot is None else Sheet()
    with progress(None, "screen") as advance:
        lines = screen_paths(paths, RobustScreener(), advance, sheet.add if sheet else None)
    report: dict[str, Any] = {"report": "screen", **counts(lines)}
    if known is not None:
        report["metrics"] = score(lines, known)
    report["frames"] = lines
    if out is not None:
        _write(report, out)
    if sheet is not None and plot is not None:
        sheet.write(plot, lines)
    if json:
        print_json(report)
    else:
        _show(lines, report)


def _report_kind() -> Any:
    from edge.outfile import FileKind

    return FileKind("a screening report", b'{"report": "screen"')


def _write(report: dict[str, Any], out: Path) -> None:
    from dataclasses import asdict
    from json import dumps

    from edge.outfile import write_whole

    plain = {**report, "frames": [asdict(line) for line in report["frames"]]}
    write_whole(out, (dumps(plain, ensure_ascii=True) + "\n").encode())


def _show(lines: list[ScreenedFrame], report: dict[str, Any]) -> None:
    from itertools import groupby
    from pathlib import PurePath

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    for (folder, series), group in groupby(lines, lambda line: (_folder(line), line.series)):
        table = Table(
            "file",
            "verdict",
            "score",
            "reason",
            title=escape(" · ".join(filter(None, (folder, series)))),
            title_justify="left",
        )
        for line in group:
            style = _STYLE[line.verdict]
            score = "" if line.score is None else f"{line.score:.2f}"
            name = escape(PurePath(line.file).name)
            table.add_row(name, f"[{style}]{line.verdict}[/]", score, escape(line.reason))
        console.print(table)
    why = {line.reason: line.detail for line in lines if line.reason}
    for reason, detail in sorted(why.items()):
        console.print(escape(f"{reason}: {detail}"))
    console.print(
        f"{report['good']} good, {report['bad']} bad "
        f"({report['unreadable']} unreadable), {report['unjudged']} unjudged"
    )
    metrics = report.get("metrics")
    if metrics is not None:
        parts = (f"{name} {_figure(metrics[name])}" for name in ("precision", "recall", "f1"))
        console.print(", ".join(parts))


def _folder(line: ScreenedFrame) -> str:
    from pathlib import PurePath

    return str(PurePath(line.file).parent)


def _figure(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
