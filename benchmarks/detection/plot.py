"""Efficiency against false hits an hour: a panel for each camera, a marker for each rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.detection.contenders import CURVES, OURS, PIXEL_SIGMA, PLAIN
from benchmarks.detection.run import Entry, StreamResult

_LEAST_PER_H = 0.3
_MOST_PER_H = 3e8
_MARKERS = {
    OURS: ("*", "#d62728"),
    PLAIN: (".", "#888888"),
    PIXEL_SIGMA: (".", "#111111"),
    "CREDO 1.3": ("o", "#1f77b4"),
    "CREDO iOS": ("s", "#2ca02c"),
    "CREDO-Linux": ("^", "#9467bd"),
    "cmosdetector": ("D", "#ff7f0e"),
    "CREDO_webcam": ("v", "#8c564b"),
    "CRAYFIS": ("P", "#17becf"),
}


def plot(results: Sequence[StreamResult], out: Path) -> None:
    """Write the plot; the ending of the name chooses SVG or PNG."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # One cell more than there are panels, for the legend.
    columns = 3 if len(results) in (2, 4, 5) else 2
    rows = -(-(len(results) + 1) // columns)
    figure = Figure(figsize=(4.0 * columns, 3.4 * rows), facecolor="white", layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat)
    for panel, result in zip(panels, results, strict=False):
        _panel(panel, result)
    for panel in panels[len(results) :]:
        panel.set_axis_off()
    _legend(panels[len(results)], results)
    figure.supxlabel(
        "false hits an hour (open marker: none seen, drawn at the 95 % limit)", fontsize=10
    )
    figure.supylabel("particles of 10 σ or more found", fontsize=10)
    # Names of SVG parts are random otherwise: the same results give the same file.
    with rc_context({"svg.hashsalt": "detection"}):
        figure.savefig(out, dpi=110, metadata=_metadata(out))


def _metadata(out: Path) -> dict[str, Any]:
    # No date, for the same reason.
    return {"Date": None} if out.suffix == ".svg" else {"Software": None}


def _legend(panel: Any, results: Sequence[StreamResult]) -> None:
    there = {entry.family for result in results for entry in result.entries}
    for family, (marker, colour) in _MARKERS.items():
        if family in there:
            size = _size(family)
            panel.plot(
                [], [], marker, color=colour, markersize=size, linestyle="none", label=family
            )
    panel.legend(loc="center", fontsize=10, frameon=False)


def _size(family: str) -> int:
    return 14 if family == OURS else 6


def _panel(panel: Any, result: StreamResult) -> None:
    for family in (*CURVES, *(f for f in _MARKERS if f not in (*CURVES, OURS)), OURS):
        some = [entry for entry in result.best if entry.family == family]
        if some:
            _family(panel, family, some)
    panel.set_title(result.preset, fontsize=11)
    panel.set_xscale("log")
    panel.set_xlim(_LEAST_PER_H, _MOST_PER_H)
    panel.set_ylim(-0.04, 1.06)
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    panel.tick_params(labelbottom=True, labelleft=True)
    panel.grid(alpha=0.25)


def _family(panel: Any, family: str, some: Sequence[Entry]) -> None:
    marker, colour = _MARKERS[family]
    points = [_point(entry) for entry in some if entry.score.efficiency.tried]
    if family in CURVES:
        panel.plot([x for x, _, _ in points], [y for _, y, _ in points], "-", color=colour, lw=0.8)
    for x, y, none_seen in points:
        panel.plot(
            [x],
            [y],
            marker,
            color=colour,
            markersize=_size(family),
            markerfacecolor="none" if none_seen else colour,
            linestyle="none",
            zorder=5 if family == OURS else 3,
        )


def _point(entry: Entry) -> tuple[float, float, bool]:
    one = entry.score
    none_seen = one.false_hits == 0
    rate = one.false_per_h_limit if none_seen else one.false_per_h
    return min(max(rate, _LEAST_PER_H * 1.2), _MOST_PER_H / 1.2), one.efficiency.value, none_seen
