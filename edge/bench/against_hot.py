"""How the pixel pass grows with the number of hot pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edge.bench.dark import dark_frames
from edge.bench.ours import our_pass
from edge.bench.pixel_pass import CASES, Case, sensor_name
from edge.bench.result import Result, short
from edge.bench.scale import Scale
from edge.bench.timing import race

_PREFIX = "cost_against_hot_pixels_"
HOT_CASES: Mapping[str, Case] = {
    _PREFIX + case.name.removeprefix("pass_"): case
    for case in CASES
    if case.name in ("pass_12mp_u16", "pass_12mp_raw10", "pass_1080p_u8")
}


def run(name: str, scale: Scale) -> Iterator[Result]:
    """Frames with ever more hot pixels, each below its own threshold, on one repeated frame."""
    case = HOT_CASES[name]
    width, height = case.size(scale)
    made = {
        count: dark_frames((width, height), case.sensor, hot_pixels=count, ring=1)
        for count in scale.hot_pixels
    }
    times = race(
        {_name(count): dark.in_turn(our_pass(dark)) for count, dark in made.items()}, scale.rounds
    )
    none = times[_name(scale.hot_pixels[0])]
    ratios = {count: times[_name(count)].ratio_to(none) for count in scale.hot_pixels}
    most = scale.hot_pixels[-1]
    yield Result(
        name,
        f"pixel pass against hot pixels, {width} × {height} {sensor_name(case.sensor)}",
        _name(most),
        times,
        figures={
            "ms_by_hot_pixels": {
                count: short(times[_name(count)].median_ms) for count in scale.hot_pixels
            },
            "ratio_to_none_by_hot_pixels": {count: short(ratio) for count, ratio in ratios.items()},
        },
        notes=(f"{most} hot pixels cost {ratios[most]:.2f} times what none do",),
        ladder=True,
    )


def _name(count: int) -> str:
    return f"{count} hot pixels"
