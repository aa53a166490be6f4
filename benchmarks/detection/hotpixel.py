"""``python -m benchmarks.detection.hotpixel``: what a hot pixel gets published, here and elsewhere.

A real one: 5,000 detections that one phone sent of one stuck pixel, put back at one place of dark
frames. And made-up ones that light every so often, from twice a second to once an hour.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.detection import ours
from benchmarks.detection.contenders import CURVES, OURS, contenders
from benchmarks.detection.lit import BLINK_BITS, LitRecording, blinking, export_frames
from benchmarks.detection.rule import Setting
from edge.errors import CosmicEdgeError, Failed
from edge.frame import Frame

PERIODS_S: Sequence[tuple[float, int]] = (
    (0.56, 1000),
    (10.0, 200),
    (60.0, 120),
    (600.0, 60),
    (3600.0, 30),
)
"""Seconds from one lighting to the next, and how many of them."""


def published(recording: LitRecording) -> int:
    """Hits that the product publishes of a recording in which nothing but one pixel lights."""
    with tempfile.TemporaryDirectory(prefix=".hotpixel-") as place:
        return ours.replay(recording, Path(place)).hits


def published_by_peers(
    recording: LitRecording, names: Sequence[str] | None = None
) -> dict[str, int]:
    """The same for each program of the field (or those named), at the depth the export has."""
    programs = [one for one in contenders() if one.family not in CURVES]
    if names is not None:
        programs = [one for one in programs if one.name in names]
    series = recording.series()[0]
    setting = Setting(1 / recording.frame_s, series.count, 60 / recording.frame_s, 0.0, 255)
    rules = {one.name: one.make(setting) for one in programs}
    counts = dict.fromkeys(rules, 0)
    for frame in series.frames():
        if isinstance(frame, Frame):
            for name, rule in rules.items():
                counts[name] += len(rule.look(frame.pixels).boxes)
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection.hotpixel")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with hotpixel_export")
    options = parser.parse_args(arguments)
    console = Console()
    try:
        if options.data is not None:
            _show_export(console, options.data)
        _show_periods(console)
    except CosmicEdgeError as error:
        sys.stderr.write(f"benchmarks.detection.hotpixel: {error}\n")
        return error.exit_code
    return 0


def _show_export(console: Console, folder: Path) -> None:
    try:
        alone, every, timed = (
            export_frames(folder, others=False),
            export_frames(folder),
            export_frames(folder, own_times=True, others=False),
        )
    except (OSError, KeyError, ValueError) as error:
        raise Failed(f"{folder}: no export of a hot pixel: {error}") from None
    table = Table(title="published of real detections of one hot pixel", title_justify="left")
    table.add_column("rule")
    columns = (
        (alone, f"{alone.lightings} that show it alone, one in 0.56 s"),
        (timed, f"{timed.lightings} of these at their own times, with pauses of hours"),
        (every, f"all {every.lightings}, other hits of the phone among them"),
    )
    for _, heading in columns:
        table.add_column(heading, justify="right")
    table.add_row(OURS, *(str(published(one)) for one, _ in columns), style="bold")
    peers = [published_by_peers(one) for one, _ in columns]
    for name in peers[0]:
        table.add_row(name, *(str(counts[name]) for counts in peers))
    console.print(table)


def _show_periods(console: Console) -> None:
    table = Table(title=f"a pixel that lights, {BLINK_BITS} bits, 40 σ, after the calibration")
    for name in ("lights every", "times", "published"):
        table.add_column(name, justify="right")
    for period_s, times in PERIODS_S:
        count = published(blinking(period_s, times))
        table.add_row(f"{period_s:g} s", str(times), str(count))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
