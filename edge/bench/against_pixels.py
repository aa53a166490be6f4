"""How the pixel pass grows with the number of pixels, for each depth and packing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from edge.bench.dark import DEEP, RAW10, RAW12, SHALLOW, DarkFrames, Sensor, dark_frames
from edge.bench.ours import our_pass
from edge.bench.pixel_pass import sensor_name
from edge.bench.result import Result, short
from edge.bench.scale import Scale, Size
from edge.bench.timing import race

SENSORS: Mapping[str, Sensor] = {
    "cost_against_pixels": DEEP,
    "cost_against_pixels_u8": SHALLOW,
    "cost_against_pixels_raw10": RAW10,
    "cost_against_pixels_raw12": RAW12,
}


def run(name: str, scale: Scale) -> Iterator[Result]:
    """Frames of all sizes in turn, then the slope: 1 is a cost in proportion."""
    sensor = SENSORS[name]
    dark = {size: dark_frames(size, sensor) for size in scale.sizes}
    calls = {_name(size): _scan(one) for size, one in dark.items()}
    limits = {f"np.max {_name(size)}": _max(one) for size, one in dark.items()}
    raced = race(calls | limits, scale.rounds)
    times = {key: raced[key] for key in calls}
    pixels = [width * height for width, height in scale.sizes]
    medians = [one.median_ms for one in times.values()]
    limit = [raced[key].median_ms for key in limits]
    slope = log_slope(pixels, medians)
    yield Result(
        name,
        f"pixel pass against pixels, {sensor_name(sensor)}",
        _name(scale.sizes[-1]),
        times,
        figures={
            "slope": round(slope, 3),
            "ms_by_pixels": dict(zip(pixels, map(short, medians), strict=True)),
            "np_max_ms_by_pixels": dict(zip(pixels, map(short, limit), strict=True)),
        },
        notes=(f"log-log slope {slope:.2f} (1: cost in proportion to pixels)",),
        ladder=True,
    )


def log_slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Exponent of the power law through the points, by least squares of the logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def _scan(dark: DarkFrames) -> Callable[[], object]:
    return dark.in_turn(our_pass(dark))


def _max(dark: DarkFrames) -> Callable[[], object]:
    return dark.in_turn(np.max, plain=True)


def _name(size: Size) -> str:
    return f"{size[0]} × {size[1]}"
