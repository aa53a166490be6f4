"""``python -m benchmarks.likeness``: simulated hits beside real ones, in pictures and numbers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.likeness_camera import cameras
from benchmarks.likeness_features import FEATURES, Floats, chance, distance, measure
from benchmarks.likeness_real import KINDS, Crop, read_real
from benchmarks.likeness_sheet import plot, write_sheet

_DATA = Path(__file__).parents[2] / "shared" / "data"
_OUT = Path(__file__).parents[1] / "build" / "likeness"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the sheets and the plot, print a table."""
    options = _parse(arguments)
    try:
        real = read_real(options.data)
    except FileNotFoundError as error:
        sys.stderr.write(f"likeness: {error.filename or error}: no labelled hits there; --data\n")
        return 1
    random = np.random.default_rng(options.seed)
    measured: dict[tuple[str, str, str], dict[str, Floats]] = {}
    for name, camera in cameras().items():
        for kind in KINDS:
            made = camera.draw(kind, options.count, random)
            crops = _mixed(real[name, kind], random)
            write_sheet(options.out / f"{name}_{kind}.png", f"{name} {kind}", crops, made)
            measured[name, kind, "real"] = measure(crops)
            measured[name, kind, "simulated"] = measure(made)
    plot(options.out / "likeness.png", measured)
    Console(width=110).print(_table(measured))
    sys.stdout.write(f"pictures: {options.out}\n")
    return 0


def _mixed(crops: list[Crop], random: np.random.Generator) -> list[Crop]:
    """Shuffle: neighbours in the index are often of one device."""
    return [crops[i] for i in random.permutation(len(crops))]


def _table(measured: dict[tuple[str, str, str], dict[str, Floats]]) -> Table:
    table = Table(title="lower quartile, median, upper quartile; KS: the largest gap (by chance)")
    for heading in ("camera", "class", "feature", "real", "simulated", "KS"):
        table.add_column(heading)
    for camera, kind in sorted({(camera, kind) for camera, kind, _ in measured}):
        for feature in FEATURES:
            real, made = (measured[camera, kind, of][feature] for of in ("real", "simulated"))
            gap = f"{distance(real, made):.2f} ({chance(real, made):.2f})"
            table.add_row(camera, kind, feature, _quartiles(real), _quartiles(made), gap)
    return table


def _quartiles(values: Floats) -> str:
    return "  ".join(f"{value:.3g}" for value in np.quantile(values, [0.25, 0.5, 0.75]))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.likeness", description="Simulated hits beside real ones."
    )
    parser.add_argument("--data", type=Path, default=_DATA, help="folder of the labelled sets")
    parser.add_argument("--out", type=Path, default=_OUT, help="folder for the pictures")
    parser.add_argument("--count", type=int, default=250, help="simulated hits of each class")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
