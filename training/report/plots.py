"""Plots of a cross-validation, 1000 px wide, in colours that colour-blind people tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge.classification.classes import CLASSES
from edge.drawing import figure_png, new_figure
from training.report.calibration import Reliability
from training.report.kept import KeptCurve
from training.report.labelled_answers import Answers
from training.scores import BINS, SURE

WHAT = "a report"
WIDTH_IN, DPI = 10.0, 100
# M. Okabe and K. Ito, Color Universal Design (2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
LINES = ("-", "--", "-.", ":")
FAINT = "#777777"
_LIGHT_TEXT_FROM = 0.55


def confusion_plot(answers: Sequence[Answers]) -> bytes:
    """Draw counts of all repeats and shares of each row, a matrix for each method."""
    across, down = _grid(len(answers))
    figure = new_figure((WIDTH_IN, 4.6 * down), DPI, WHAT)
    panels = figure.subplots(down, across, squeeze=False).flat
    for one, panel in zip(answers, panels, strict=False):
        _matrix(panel, one)
    _blank_rest(panels)
    return figure_png(figure, "training report, confusion")


def reliability_plot(curves: Sequence[tuple[str, Reliability]]) -> bytes:
    """Draw the share that is right against the score, and below it the rows in each bin."""
    across, down = _grid(len(curves))
    figure = new_figure((WIDTH_IN, 5.4 * down), DPI, WHAT)
    heights = [3.0, 1.2] * down
    panels = figure.subplots(2 * down, across, squeeze=False, height_ratios=heights)
    for number, (name, one) in enumerate(curves):
        row, column = 2 * (number // across), number % across
        _reliability(panels[row, column], panels[row + 1, column], name, one)
    for number in range(len(curves), across * down):
        for row in (0, 1):
            panels[2 * (number // across) + row, number % across].axis("off")
    return figure_png(figure, "training report, reliability")


def kept_plot(curves: Sequence[tuple[str, KeptCurve]]) -> bytes:
    """Draw accuracy against the share kept, all methods in one."""
    figure = new_figure((WIDTH_IN, 5.6), DPI, WHAT)
    panel = figure.subplots()
    for number, (name, one) in enumerate(curves):
        colour, line = COLOURS[number % len(COLOURS)], LINES[number % len(LINES)]
        panel.plot(one.share, one.accuracy, line, color=colour, linewidth=2, label=_plain(name))
        if np.isfinite(one.sure_accuracy):
            panel.plot(
                one.sure_share, one.sure_accuracy, "o",
                color=colour, markersize=10, markeredgecolor="black",
            )  # fmt: skip
    panel.plot([], [], "o", color="white", markeredgecolor="black", label=f"score above {SURE:g}")
    panel.set_xlabel("share of rows kept, the surest answers first")
    panel.set_ylabel("share of these that is right")
    panel.set_xlim(0, 1.01)
    floor = min((float(one.accuracy.min()) for _, one in curves if len(one.accuracy)), default=0)
    panel.set_ylim(max(floor - 0.05, -0.02), 1.01)
    panel.set_title("Accuracy against what is kept")
    panel.grid(alpha=0.25)
    panel.legend(loc="lower left")
    return figure_png(figure, "training report, accuracy against kept share")


def _matrix(panel: Any, answers: Answers) -> None:
    counts = answers.compared.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > _LIGHT_TEXT_FROM else "black"
        text = f"{share:.1%}\n{counts[row, column]}" if counts[row].sum() else "–"
        panel.text(column, row, text, ha="center", va="center", color=colour, fontsize=11)
    panel.set_xticks(range(len(CLASSES)), CLASSES)
    panel.set_yticks(
        range(len(CLASSES)),
        [f"{name}\n{total}" for name, total in zip(CLASSES, counts.sum(axis=1), strict=True)],
    )
    panel.set_xlabel("called")
    panel.set_ylabel("true")
    repeats = f", {answers.repeats} repeats" if answers.repeats > 1 else ""
    panel.set_title(f"{_plain(answers.name)}: {_share(answers.compared.mean.all)} right{repeats}")


def _reliability(panel: Any, below: Any, name: str, one: Reliability) -> None:
    filled = one.counts > 0
    middles = (np.arange(BINS) + 0.5) / BINS
    panel.plot([0, 1], [0, 1], "--", color=FAINT, linewidth=1)
    panel.plot(one.told[filled], one.right[filled], "o-", color=COLOURS[0], linewidth=2)
    panel.vlines(one.told[filled], one.told[filled], one.right[filled], color=COLOURS[1], lw=1.5)
    low, high = one.interval
    error = f"ECE {one.error:.3f}"
    if np.isfinite(low):
        error += f" ({low:.3f} to {high:.3f})"
    panel.set_title(f"{_plain(name)}: {error}", fontsize=11)
    panel.set_ylabel("share that is right")
    panel.set_xlim(0, 1)
    panel.set_ylim(-0.02, 1.02)
    panel.grid(alpha=0.25)
    below.bar(middles, one.counts, 0.9 / BINS, color=COLOURS[4])
    for place, count in zip(middles[filled], one.counts[filled], strict=True):
        below.text(place, count, f" {count:.0f}", ha="center", va="bottom", rotation=90, fontsize=8)
    below.set_xlim(0, 1)
    below.set_ylim(0, 1.6 * max(float(one.counts.max()), 1))
    below.set_xlabel("largest score")
    below.set_ylabel("rows")


def _grid(count: int) -> tuple[int, int]:
    """Panels across and down."""
    across = min(max(count, 1), 2)
    return across, max(-(-count // across), 1)


def _blank_rest(panels: Any) -> None:
    for panel in panels:
        panel.axis("off")


def _share(value: float) -> str:
    return f"{value:.1%}" if np.isfinite(value) else "–"


def _plain(name: str) -> str:
    """A name as it is: matplotlib takes what stands between two dollars for a formula."""
    return name.replace("$", r"\$")
