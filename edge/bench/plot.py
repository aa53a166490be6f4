"""The benchmarks as one picture: how near the limit the pass is, and how the cost grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.bench.against_hits import NAMES as HITS
from edge.bench.against_hot import HOT_CASES
from edge.bench.against_pixels import SENSORS
from edge.bench.machine import machine_line
from edge.bench.pixel_pass import CASES, MEMORY, sensor_name
from edge.drawing import new_figure, save_figure
from edge.outfile import FileKind

PICTURE = FileKind("a picture of benchmarks", b"Title\0bench ")
WHAT = "benchmarks"
_INCHES, _DPI = (12.0, 8.6), 100
_OURS, _FAINT, _OPENCV, _LIMIT = "#2563eb", "#93c5fd", "#c2410c", "#10142a"
_COLOURS = ("#2563eb", "#c2410c", "#047857", "#7e22ce")
_HIT_LABELS = {
    HITS[0]: "clusters and crops",
    HITS[1]: "the same, and messages",
    HITS[2]: "within the usual limits",
}

Found = Mapping[str, Any]


def draw(found: Found, path: Path) -> None:
    """Draw the JSON object of a run into a PNG; one that is there already is replaced.

    Raises
    ------
    Failed
        It can't be written.
    """
    figure = new_figure(_INCHES, _DPI, WHAT)
    panels = list(figure.subplots(2, 2).flat)
    for panel, fill in zip(panels, (_ratios, _hot, _pixels, _hits), strict=True):
        if not fill(panel, found):
            panel.text(0.5, 0.5, "not measured", ha="center", transform=panel.transAxes)
    if "machine" in found:
        figure.supxlabel(machine_line(found["machine"]), fontsize=8, color="#555555")
    save_figure(figure, path, "bench of a frame's cost")


def _ratios(panel: Any, found: Found) -> bool:
    """Bars of the pass over np.max, cached and from memory, with OpenCV's marks."""
    labels = {
        case.name: f"{case.name.split('_')[1].replace('mp', ' MP')}\n{sensor_name(case.sensor)}"
        for case in CASES
    }
    rows = [(name, label) for name, label in labels.items() if _either(found, name)]
    for suffix, colour, aside, legend in (
        ("", _OURS, -0.2, "ours, one repeated frame"),
        (MEMORY, _FAINT, 0.2, "ours, frames from memory"),
    ):
        places = [i + aside for i, (name, _) in enumerate(rows) if name + suffix in found]
        some = [found[name + suffix] for name, _ in rows if name + suffix in found]
        ratios = [one["ratio_np_max"] for one in some]
        opencv = [one["ratio_np_max"] * one["speedup_opencv"] for one in some]
        panel.barh(places, ratios, 0.36, color=colour, label=legend)
        panel.plot(
            opencv, places, "D", color=_OPENCV, markersize=5, label=None if suffix else "OpenCV"
        )
        for place, ratio in zip(places, ratios, strict=True):
            panel.text(ratio * 1.06, place, f"{ratio:.1f}", va="center", fontsize=8)
    panel.set_xscale("log")
    panel.axvline(1, color=_LIMIT, linewidth=1, linestyle="--", label="np.max: one read")
    panel.set_yticks(range(len(rows)), [label for _, label in rows], fontsize=9)
    panel.set_ylim(len(rows) + 0.4, -0.6)  # the legend lies below the last one
    panel.set_xlabel("time over np.max of the unpacked frame")
    panel.set_title("The pass, 500 hot pixels, 3 particles")
    panel.grid(axis="x", alpha=0.25)
    panel.xaxis.set_major_formatter(_plain)
    if rows:
        panel.legend(fontsize=8, loc="lower right", ncols=2)
    return bool(rows)


def _either(found: Found, name: str) -> bool:
    return name in found or name + MEMORY in found


def _hot(panel: Any, found: Found) -> bool:
    """Cost over that of no hot pixel."""
    some = [name for name in HOT_CASES if name in found]
    for name, colour in zip(some, _COLOURS, strict=False):
        case = HOT_CASES[name]
        x, y = _curve(found[name]["ratio_to_none_by_hot_pixels"])
        size = "12 MP" if case.large else "1080p"
        panel.plot(x, y, "o-", color=colour, label=f"{size} {sensor_name(case.sensor)}")
    panel.axhline(4, color=_LIMIT, linewidth=1, linestyle="--", label="aim: at most 4")
    panel.set_xscale("symlog", linthresh=100)
    panel.set_xlim(-20, None)
    panel.set_ylim(0, None)
    panel.set_xlabel("hot pixels in the frame")
    panel.set_ylabel("time over that without any")
    return _finish(panel, "The pass against hot pixels", some)


def _pixels(panel: Any, found: Found) -> bool:
    """Time against pixels, with np.max beside."""
    some = [name for name in SENSORS if name in found]
    for name, colour in zip(some, _COLOURS, strict=False):
        x, y = _curve(found[name]["ms_by_pixels"])
        label = f"{sensor_name(SENSORS[name])}, slope {found[name]['slope']:.2f}"
        panel.plot([one / 1e6 for one in x], y, "o-", color=colour, label=label)
        x, y = _curve(found[name]["np_max_ms_by_pixels"])
        if SENSORS[name].packing == "none":
            beside = f"np.max {sensor_name(SENSORS[name])}"
            panel.plot([one / 1e6 for one in x], y, "--", color=colour, linewidth=1, label=beside)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.xaxis.set_major_formatter(_plain)
    panel.yaxis.set_major_formatter(_plain)
    panel.set_xlabel("megapixels")
    panel.set_ylabel("ms")
    return _finish(panel, "The pass against pixels", some)


def _hits(panel: Any, found: Found) -> bool:
    """Time against particles."""
    some = [name for name in HITS if name in found]
    for name, colour in zip(some, _COLOURS, strict=False):
        x, y = _curve(found[name]["ms_by_particles"])
        panel.plot(x, y, "o-", color=colour, label=_HIT_LABELS[name])
    panel.set_xscale("symlog", linthresh=1)
    panel.set_xlim(-0.2, None)
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter(_plain)
    panel.set_xlabel("particles in a frame of 1920 × 1080 uint16")
    panel.set_ylabel("ms")
    return _finish(panel, "A frame against what is in it", some)


def _finish(panel: Any, title: str, some: Sequence[str]) -> bool:
    panel.set_title(title)
    panel.grid(alpha=0.25)
    if some:
        panel.legend(fontsize=8)
    return bool(some)


def _curve(points: Mapping[Any, float]) -> tuple[list[float], list[float]]:
    """Points by their keys, which are text in a JSON file."""
    return [float(key) for key in points], list(points.values())


def _plain(value: float, _: int) -> str:
    return f"{value:g}"
