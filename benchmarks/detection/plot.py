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
    from matplotlib.figure import Figure

    columns = min(len(results), 3)
    rows = -(-(len(results) + 1) // columns) if len(results) > 1 else 1
    figure = Figure(figsize=(4.0 * columns, 3.4 * rows), facecolor="white", layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    panels = list(grid.flat)
    for panel, result in zip(panels, results, strict=False):
        _panel(panel, result)
    for panel in panels[len(results) :]:
        panel.set_axis_off()
    where = panels[len(results)] if len(panels) > len(results) else panels[-1]
    handles, labels = panels[0].get_legend_handles_labels()
    where.legend(handles, labels, loc="center", fontsize=9, frameon=False)
    figure.supxlabel("false hits an hour (open marker: none seen, at the 95 % limit)", fontsize=10)
    figure.supylabel("particles of 10 σ or more found", fontsize=10)
    figure.savefig(out, dpi=110, metadata=_metadata(out))


def _metadata(out: Path) -> dict[str, Any]:
    # No date: the same results give the same file.
    return {"Date": None} if out.suffix == ".svg" else {"Software": None}


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
    panel.grid(alpha=0.25)


def _family(panel: Any, family: str, some: Sequence[Entry]) -> None:
    marker, colour = _MARKERS[family]
    size = 14 if family == OURS else 6
    points = [_point(entry) for entry in some]
    if family in CURVES:
        panel.plot([x for x, _, _ in points], [y for _, y, _ in points], "-", color=colour, lw=0.8)
    for i, (x, y, none_seen) in enumerate(points):
        panel.plot(
            [x],
            [y],
            marker,
            color=colour,
            markersize=size,
            markerfacecolor="none" if none_seen else colour,
            linestyle="none",
            label=family if i == 0 else None,
            zorder=5 if family == OURS else 3,
        )


def _point(entry: Entry) -> tuple[float, float, bool]:
    one = entry.score
    none_seen = one.false_hits == 0
    rate = one.false_per_h_limit if none_seen else one.false_per_h
    return min(max(rate, _LEAST_PER_H * 1.2), _MOST_PER_H / 1.2), one.efficiency.value, none_seen
