"""Results as tables on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from edge.bench.result import Figures, Found, Result


def show(console: Console, found: Found) -> None:
    """Print one result: its table, then the notes."""
    console.print(found.title, style="bold", highlight=False)
    console.print(_figures(found) if isinstance(found, Figures) else _race(found))
    for note in found.notes:
        console.print(note, highlight=False)
    console.print()


def _figures(found: Figures) -> Table:
    table = Table(*found.columns)
    for row in found.rows:
        table.add_row(*row)
    return table


def _race(result: Result) -> Table:
    """Show a line for each contender."""
    table = Table()
    table.add_column("")
    table.add_column("median ms", justify="right")
    table.add_column("10 to 90 %", justify="right", style="dim")
    table.add_column("largest / it" if result.ladder else "ours / it", justify="right")
    for name in result.times if result.ladder else (result.ours, *result.peers):
        times, own = result.times[name], name == result.ours
        low, high = times.spread_ms
        table.add_row(
            name,
            _number(times.median_ms),
            f"{_number(low)} to {_number(high)}",
            "" if own else f"{result.ratio(name):.2f}",
            style="bold" if own else None,
        )
    return table


def _number(ms: float) -> str:
    """Three digits, never an exponent."""
    if ms >= 100:
        return f"{ms:.0f}"
    if ms >= 10:
        return f"{ms:.1f}"
    return f"{ms:.2f}" if ms >= 1 else f"{ms:.3f}"
