"""A score as one picture: efficiency by peak and by class, and where the false hits lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calibration.tail import normal_tail
from edge.drawing import new_figure, save_figure
from edge.outfile import FileKind
from edge.scoring.efficiency import FIRST_BIN_SIGMA, LAST_BIN_SIGMA, Efficiency, PeakBin
from edge.scoring.score import SIZES, Score

PICTURE = FileKind("a picture of a score", b"Title\0score ")
WHAT = "a score"
_INCHES, _DPI = (15.0, 5.0), 110
_ASIDE = {"all": -0.12, "one_px": 0.0, "more_px": 0.12}
_COLOURS = {"all": "#10142a", "one_px": "#c2410c", "more_px": "#2563eb"}
_IDEAL_COLOUR, _EXPECTED_COLOUR = "#047857", "#7e22ce"
_ERROR_BAR = {"capsize": 2, "linewidth": 1.0, "markersize": 4}


def draw(score: Score, path: Path) -> None:
    """Draw a score into a PNG; one that is there already is replaced.

    Raises
    ------
    Failed
        It can't be written.
    """
    figure = new_figure(_INCHES, _DPI, WHAT)
    peaks, classes, false = figure.subplots(1, 3, width_ratios=(2.2, 1, 1.2))
    _draw_peaks(peaks, score)
    _draw_classes(classes, score)
    _draw_false(false, score)
    save_figure(figure, path, f"score {score.overall.found} of {score.overall.detectable}")


def _draw_peaks(axes: Any, score: Score) -> None:
    for name, bins in score.by_peak.items():
        some = [one for one in bins if one.efficiency.detectable]
        if not some:
            continue
        x = [_place(one) + _ASIDE[name] for one in some]
        values, bars = _values([one.efficiency for one in some])
        style = {**_ERROR_BAR, "color": _COLOURS[name], "label": SIZES[name]}
        axes.errorbar(x, values, bars, fmt="o", **style)
    _draw_ideals(axes, score)
    axes.axvline(score.min_sigma, color="0.6", linestyle=":", linewidth=1)
    axes.set_title("efficiency by peak (Wilson 95 %)")
    axes.set_xlabel(f"noise-free peak (σ of its pixel; all above {LAST_BIN_SIGMA} in one)")
    axes.set_xlim(FIRST_BIN_SIGMA - 0.5, LAST_BIN_SIGMA + 1)
    axes.set_ylim(-0.03, 1.03)
    axes.grid(visible=True, alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", fontsize=8)


def _draw_ideals(axes: Any, score: Score) -> None:
    rate = score.false_rate
    measured = "measured rate" if rate.false_hits else "95 % limit of the rate"
    steps = 20 * (LAST_BIN_SIGMA - FIRST_BIN_SIGMA)
    x = [FIRST_BIN_SIGMA + i / 20 for i in range(steps + 1)]
    for ideal, colour, name in (
        (rate.ideal, _IDEAL_COLOUR, measured),
        (rate.ideal_expected, _EXPECTED_COLOUR, "expected rate"),
    ):
        if ideal is not None:
            chances = [normal_tail(ideal.threshold_sigma - sigma) for sigma in x]
            label = f"ideal threshold, {name}: {ideal.threshold_sigma:.2f} σ"
            axes.plot(x, chances, color=colour, label=label)


def _draw_classes(axes: Any, score: Score) -> None:
    names = list(score.by_class)
    values, bars = _values(list(score.by_class.values()))
    if names:
        axes.errorbar(range(len(names)), values, bars, fmt="o", color=_COLOURS["all"], **_ERROR_BAR)
        lowest = min(value - bar for value, bar in zip(values, bars[0], strict=True))
        axes.set_ylim(max(min(0.95, lowest - 0.02), -0.03), 1.005)
    labels = [f"{name}\n{score.by_class[name].detectable:,}" for name in names]
    axes.set_xticks(range(len(names)), labels)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_title(f"by class, from {score.min_sigma:g} σ")
    axes.grid(visible=True, alpha=0.3)


def _draw_false(axes: Any, score: Score) -> None:
    places, rate = score.false_places, score.false_rate
    axes.plot(places[:, 0], places[:, 1], "x", color=_COLOURS["one_px"], markersize=5)
    if score.size is not None:
        axes.set_xlim(0, score.size[0])
        axes.set_ylim(score.size[1], 0)
        axes.set_aspect("equal")
    hour = rate.per_hour()["false_hits_per_hour"]
    limit = rate.per_hour()["false_hits_per_hour_limit_95"]
    told = "" if hour is None else f"\n{hour:.3g} per hour, at most {limit:.3g} (95 %)"
    purity = "-" if score.purity is None else f"{score.purity:.2%}"
    axes.set_title(
        f"{rate.false_hits:,} false of {score.hits:,} hits, purity {purity}{told}", fontsize=10
    )


def _place(one: PeakBin) -> float:
    """The mean peak of its particles; those above all bins stand at their lower bound."""
    if one.to_sigma is None or one.mean_sigma is None:
        return one.from_sigma
    return one.mean_sigma


def _values(some: list[Efficiency]) -> tuple[list[float], list[list[float]]]:
    """Shares, and how far their intervals reach below and above."""
    values = [one.value or 0.0 for one in some]
    below = [max(v - one.interval[0], 0.0) for v, one in zip(values, some, strict=True)]
    above = [max(one.interval[1] - v, 0.0) for v, one in zip(values, some, strict=True)]
    return values, [below, above]
