"""How the pixel pass grows with the number of pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks.dark import DEEP, dark_frames
from benchmarks.result import Result
from benchmarks.scale import Scale, Size
from benchmarks.timing import race
from edge.pixels.scan import scan


def run(scale: Scale) -> Iterator[Result]:
    """Frames of all sizes in turn, then the slope: 1 is a cost in proportion."""
    times = race({_name(size): _scan(size) for size in scale.sizes}, scale.rounds)
    pixels = [width * height for width, height in scale.sizes]
    medians = [one.median_ms for one in times.values()]
    slope = log_slope(pixels, medians)
    yield Result(
        "cost_against_pixels",
        "pixel pass against pixels, uint16",
        _name(scale.sizes[-1]),
        times,
        figures={
            "slope": round(slope, 3),
            "ms_by_pixels": dict(zip(pixels, medians, strict=True)),
        },
        notes=(f"log-log slope {slope:.2f} (1: cost in proportion to pixels)",),
        ladder=True,
    )


def log_slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Exponent of the power law through the points, by least squares of the logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def _scan(size: Size) -> Callable[[], object]:
    dark = dark_frames(size, DEEP)
    return dark.in_turn(lambda pixels: scan(pixels, dark.seed_threshold, dark.black_adu))


def _name(size: Size) -> str:
    return f"{size[0]} × {size[1]}"
