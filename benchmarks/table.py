"""Results as tables on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from benchmarks.result import Result


def show(console: Console, result: Result) -> None:
    """Print one result: a line for each contender, then the notes."""
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
    console.print(result.title, style="bold", highlight=False)
    console.print(table)
    for note in result.notes:
        console.print(note, highlight=False)
    console.print()


def _number(ms: float) -> str:
    """Three digits, never an exponent."""
    if ms >= 100:
        return f"{ms:.0f}"
    if ms >= 10:
        return f"{ms:.1f}"
    return f"{ms:.2f}" if ms >= 1 else f"{ms:.3f}"
