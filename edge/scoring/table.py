"""A score for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edge.display import units
from edge.scoring.efficiency import Efficiency, PeakBin
from edge.scoring.score import SIZES, Score

_IDEALS = ("ideal", "expected")
"""Single-pixel thresholds: at the rate of false hits as measured, as the calibration expects."""


def score_table(score: Score) -> RenderableType:
    """Lay out a score: what was found, what was false, and where the others went."""
    report = score.to_json()
    parts: list[RenderableType] = [_overall(score, report), _classes(score)]
    parts += [_peaks(score), *_injection(report["injection"])]
    return Group(*parts)


def _overall(score: Score, report: Mapping[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _lines(score, report):
        table.add_row(name, Text(value))
    return table


def _lines(score: Score, report: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    of = f"{score.overall.found:,} of {score.overall.detectable:,} particles"
    yield "efficiency", f"{_share(score.overall)}: {of} at {score.min_sigma:g} sigma and above"
    if report["missed"]:
        yield "missed", _counts(report["missed"])
    if report["not_detectable"]:
        yield "not detectable", _counts(report["not_detectable"])
    purity = "-" if score.purity is None else _percent(score.purity)
    interval = f"{_percent(report['purity_low'])} to {_percent(report['purity_high'])}"
    yield (
        "purity",
        f"{purity} ({interval}): {score.true_hits:,} true of {score.hits:,} hits, "
        f"{score.duplicates:,} duplicates ({report['late_duplicates']:,} of later frames), "
        f"{score.false_rate.false_hits:,} false",
    )
    yield "false hits", _false(report)
    if score.false_rate.ideal is not None:
        yield "ideal threshold", _ideal(score)
    for name in ("position", "time"):
        text = _residual(report[f"{name}_residual"])
        if text:
            yield f"{name} residual", text
    for note in report["notes"]:
        yield "note", note


def _false(report: Mapping[str, Any]) -> str:
    if report["false_hits_per_hour"] is None:
        return "no exposure records: the live time is unknown, so no rate can be given"
    live = units.duration(report["live_time_s"])
    source = {"exposure": "", "frames": " of all good frames"}[report["live_time_from"]]
    return (
        f"{report['false_hits_per_hour']:.4g} per hour of live time, at most "
        f"{report['false_hits_per_hour_limit_95']:.4g} (95 %), in {live}{source}"
    )


def _ideal(score: Score) -> str:
    rate, ideal = score.false_rate, score.false_rate.ideal
    if ideal is None:
        return ""
    at = "as measured" if rate.false_hits else "the 95 % limit, as none was seen"
    text = f"{ideal.threshold_sigma:.2f} sigma for {rate.per_read:.2g} false hits a read ({at})"
    if rate.ideal_expected is not None:
        text += (
            f"; {rate.ideal_expected.threshold_sigma:.2f} for the {rate.expected_per_read:.2g} "
            "that the calibration expects"
        )
    return text


def _residual(residual: Mapping[str, Any] | None) -> str:
    if not residual:
        return ""
    if "mean_s" in residual:
        return (
            f"mean {residual['mean_s'] * 1e3:.3f} ms, rms {residual['rms_s'] * 1e3:.3f} ms, "
            f"largest {residual['max_s'] * 1e3:.3f} ms"
        )
    parts = [
        f"{name}: rms {one['rms_px']:.2f} px, 95 % within {one['p95_px']:.2f} px"
        for name, one in residual.items()
        if one
    ]
    return "; ".join(parts)


def _classes(score: Score) -> Table:
    table = _titled("by class", "class", "detectable", "found", "efficiency")
    for name, one in score.by_class.items():
        table.add_row(name, f"{one.detectable:,}", f"{one.found:,}", _share(one))
    return table


def _peaks(score: Score) -> Table:
    """Percent everywhere: a column more would not fit a terminal of 80."""
    groups = [SIZES[name] for name in score.by_peak]
    table = _titled("by peak, in percent", "sigma", groups[0], "95 %", *groups[1:], *_IDEALS)
    for row in zip(*score.by_peak.values(), strict=True):
        first: PeakBin = row[0]
        if not first.efficiency.detectable:
            continue
        low, high = first.efficiency.interval
        table.add_row(
            _bounds(first.from_sigma, first.to_sigma),
            _part(first.efficiency),
            f"{low * 100:.1f}-{high * 100:.1f}",
            *(_part(one.efficiency) for one in row[1:]),
            *(_one_decimal(v) for v in (first.ideal, first.ideal_expected)),
        )
    return table


def _injection(injection: Mapping[str, Any] | None) -> Iterable[RenderableType]:
    """What the rig says of itself, from particles that it put into copies of its frames."""
    if not injection:
        return
    table = _titled("by injection, as the rig reports it", "sigma", "injected", "found", "share")
    for one in injection["by_peak"]:
        efficiency = Efficiency(one["detectable"], one["found"])
        table.add_row(
            _bounds(one["from_sigma"], one["to_sigma"]),
            f"{efficiency.detectable:,}",
            f"{efficiency.found:,}",
            _share(efficiency),
        )
    yield table


def _titled(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    return table


def _bounds(low: float, high: float | None) -> str:
    return f"{low:g} up" if high is None else f"{low:g}-{high:g}"


def _share(efficiency: Efficiency) -> str:
    if efficiency.value is None:
        return "-"
    low, high = efficiency.interval
    return f"{_percent(efficiency.value)} ({_percent(low)} to {_percent(high)})"


def _part(efficiency: Efficiency) -> str:
    """Percent found, and of how many."""
    if efficiency.value is None:
        return "-"
    return f"{_one_decimal(efficiency.value)} of {efficiency.detectable:,}"


def _one_decimal(share: float | None) -> str:
    """In percent; 100 only for all."""
    return "-" if share is None else f"{100 if share >= 1 else min(share * 100, 99.9):.1f}"


def _percent(share: float) -> str:
    return "100 %" if share >= 1 else units.percent(share, 2)


def _counts(counts: Mapping[str, int]) -> str:
    return " · ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in counts.items())
