"""``python -m benchmarks.detection``: the product and its peers on the same streams."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.detection.plot import plot
from benchmarks.detection.run import Progress as Teller
from benchmarks.detection.run import StreamResult, run_stream
from benchmarks.detection.streams import FRAMES, PRESETS
from benchmarks.detection.table import show, to_json
from edge.errors import CosmicEdgeError

_WIDTH = 132


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every preset; a table each, or one JSON object, and a plot."""
    options = _parse(arguments)
    try:
        results = measure(options, None if options.json == "-" else _console())
        if options.plot is not None:
            plot(results, options.plot)
        _write_json(results, options.json)
    except CosmicEdgeError as error:
        sys.stderr.write(f"benchmarks.detection: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"benchmarks.detection: {error.filename or ''}: {error.strerror}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("benchmarks.detection: interrupted\n")
        return 130
    return 0


def measure(options: argparse.Namespace, console: Console | None) -> list[StreamResult]:
    """Run the chosen presets, showing each result as it comes; streams are thrown away."""
    results = []
    with _bar() as bar:
        for name in options.presets:
            task = bar.add_task(name, total=options.frames)
            with tempfile.TemporaryDirectory(prefix=".detection-", dir=options.folder) as place:
                result = run_stream(
                    name,
                    Path(place),
                    frames=options.frames,
                    seed=options.seed,
                    progress=_teller(bar, task, name),
                )
            bar.remove_task(task)
            results.append(result)
            if console is not None:
                show(console, result)
    return results


def _teller(bar: Progress, task: TaskID, name: str) -> Teller:
    def tell(what: str, done: int, total: int) -> None:
        bar.update(task, description=f"{name}: {what}", completed=done, total=total)

    return tell


def _console() -> Console:
    """The terminal; wide enough for the table where there is none."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH)


def _write_json(results: Sequence[StreamResult], where: str | None) -> None:
    if where is None:
        return
    text = json.dumps({"streams": [to_json(one) for one in results]}, ensure_ascii=False, indent=1)
    if where == "-":
        sys.stdout.write(text + "\n")
    else:
        Path(where).write_text(text + "\n", encoding="utf-8")


def _bar() -> Progress:
    """Show how far it is; on a terminal alone."""
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
        prog="python -m benchmarks.detection",
        description="What the product and its peers find on the same streams, against truth.",
    )
    parser.add_argument("--frames", type=int, default=FRAMES, metavar="N")
    parser.add_argument(
        "--presets", nargs="+", choices=PRESETS, default=list(PRESETS), metavar="NAME"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="write all results (-: standard output)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the plot (.svg or .png)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=None,
        metavar="DIR",
        help="disk for the streams, 3 GB at a time for 20,000 frames (default: the system's)",
    )
    options = parser.parse_args(arguments)
    if options.frames < 40:
        parser.error("--frames must be 40 or more")
    return options


if __name__ == "__main__":
    sys.exit(main())
