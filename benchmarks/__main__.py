"""``python -m benchmarks``: what ``make bench`` runs."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.machine import describe_machine, machine_line
from benchmarks.result import Result
from benchmarks.scale import FULL, QUICK, Scale
from benchmarks.suite import parts
from benchmarks.table import show


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; tables, or one JSON object, on standard output."""
    options = _parse(arguments)
    machine = describe_machine()
    scale = QUICK if options.quick else FULL
    try:
        results = measure(scale, options.folder, None if options.json else Console())
    except OSError as error:
        sys.stderr.write(f"benchmarks: {error.filename or options.folder}: {error.strerror}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("benchmarks: interrupted\n")
        return 130
    if options.json:
        found = {result.name: result.to_json() for result in results}
        sys.stdout.write(json.dumps({**found, "machine": machine}, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(machine_line(machine) + "\n")
    return 0


def measure(scale: Scale, folder: Path, console: Console | None) -> list[Result]:
    """Run every part, showing each result as it comes; what is made in `folder` goes again."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix=".benchmarks-", dir=folder) as place, _bar() as bar:
        todo = parts(scale, Path(place))
        task = bar.add_task("", total=len(todo))
        for name, run in todo:
            bar.update(task, description=name)
            for result in run():
                results.append(result)
                if console is not None:
                    show(console, result)
            bar.advance(task)
    return results


def _bar() -> Progress:
    """Show which part runs; on a terminal alone."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Time the hot paths beside their peers."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller recordings")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="disk to measure the outbox and replays on; needs 0.5 GB (default: this folder)",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
