"""Results as a table and as JSON."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.detection.contenders import CURVES, OURS
from benchmarks.detection.run import Entry, StreamResult
from benchmarks.detection.tally import Score, Share

LEAST_SHARE = 0.02


def show(console: Console, result: StreamResult) -> None:
    """Print one stream: a line a rule, then where the product is not ahead, then the notes."""
    table = Table(
        title=f"{result.preset}: {result.frames} frames, {result.clear} particles of 10 σ or more",
        title_justify="left",
    )
    table.add_column("rule", no_wrap=True)
    table.add_column("sees", no_wrap=True)
    for name in ("found ≥ 10 σ", "95 %", "of all", "3–10 σ", "false/h", "limit", "purity", "live"):
        table.add_column(name, justify="right", no_wrap=True)
    for entry in result.shown:
        own = entry.name == OURS
        table.add_row(entry.name, entry.view, *_cells(entry.score), style="bold" if own else None)
    console.print(table)
    for line in where_behind(result):
        console.print(line, highlight=False)
    for entry in result.shown:
        for note in entry.score.notes:
            console.print(f"{entry.name}: {note}", highlight=False)
    console.print()


def where_behind(result: StreamResult) -> list[str]:
    """Peers that the product is not ahead of on both axes, and on which.

    A rule that finds next to nothing is no peer: who keeps quiet is never wrong.
    """
    mine = result.ours.score
    lines = []
    told: set[str] = set()
    # Of a curve's thresholds, the cleanest that is ahead somewhere stands for those before it.
    for entry in sorted(result.best, key=lambda one: one.score.false_per_h):
        other = entry.score
        more = other.efficiency.value > mine.efficiency.value
        cleaner = other.false_per_h < mine.false_per_h
        if entry.name == OURS or not (more or cleaner) or other.of_all.value < LEAST_SHARE:
            continue
        if entry.family in CURVES and entry.family in told:
            continue
        told.add(entry.family)
        lines.append(f"not ahead of {entry.name}: it {_ahead(mine, other, more, cleaner)}")
    return lines or ["ahead of every peer on both axes, or level with it"]


def _ahead(mine: Score, other: Score, more: bool, cleaner: bool) -> str:
    parts = []
    if more:
        sure = other.efficiency.limits[0] > mine.efficiency.limits[1]
        parts.append(
            f"finds {other.efficiency.value:.1%} of what comes while it looks, not "
            f"{mine.efficiency.value:.1%} ({'beyond' if sure else 'within'} the limits), "
            f"with {_rate(other.false_per_h)} false hits an hour, not {_rate(mine.false_per_h)}"
        )
    if cleaner:
        parts.append(
            f"has {_rate(other.false_per_h)} false hits an hour, "
            f"not {_rate(mine.false_per_h)}, and finds {other.of_all.value:.1%} of all, "
            f"not {mine.of_all.value:.1%}"
        )
    return "; ".join(parts)


def to_json(result: StreamResult) -> dict[str, Any]:
    """Everything, all views included."""
    return {
        "preset": result.preset,
        "frames": result.frames,
        "particles": result.particles,
        "clear_particles": result.clear,
        "rules": [_entry(entry, entry in result.best) for entry in result.entries],
        "not_ahead": where_behind(result),
    }


def _entry(entry: Entry, best: bool) -> dict[str, Any]:
    one = entry.score
    return {
        "name": entry.name,
        "family": entry.family,
        "sees": entry.view,
        "best_view": best,
        "favour": entry.favour,
        "efficiency": _share(one.efficiency),
        "of_all": _share(one.of_all),
        "bins": [{"low": low, "high": _finite(high), **_share(s)} for low, high, s in one.bins],
        "hits": one.hits,
        "true_hits": one.true_hits,
        "duplicates": one.duplicates,
        "false_hits": one.false_hits,
        "false_hits_per_hour": _finite(one.false_per_h),
        "false_hits_per_hour_limit": _finite(one.false_per_h_limit),
        "purity": _share(one.purity),
        "live_share": round(one.live_share, 6),
        "live_h": round(one.live_h, 6),
        "notes": list(one.notes),
        **({"missed": one.missed, "first_false": one.first_false} if entry.name == OURS else {}),
    }


def _share(share: Share) -> dict[str, Any]:
    low, high = share.limits
    return {
        "found": share.found,
        "of": share.tried,
        "share": _finite(share.value),
        "limits": [round(low, 6), round(high, 6)],
    }


def _finite(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def _cells(one: Score) -> list[str]:
    low, high = one.efficiency.limits
    faint = [share for low_sigma, _, share in one.bins if low_sigma < 10]
    both = Share(sum(s.found for s in faint), sum(s.tried for s in faint))
    return [
        _percent(one.efficiency),
        f"{low:.1%} to {high:.1%}",
        _percent(one.of_all),
        _percent(both),
        _rate(one.false_per_h),
        f"< {_rate(one.false_per_h_limit)}",
        _percent(one.purity),
        f"{one.live_share:.1%}",
    ]


def _percent(share: Share) -> str:
    return f"{share.value:.1%}" if share.tried else "–"


def _rate(value: float) -> str:
    """Three digits, thousands as powers where they are many."""
    if not math.isfinite(value):
        return "–"
    if value >= 1e5:
        return f"{value:.1e}"
    return f"{value:.0f}" if value >= 100 or value == 0 else f"{value:.3g}"
