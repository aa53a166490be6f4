"""The summary at the end of a command, for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from edge.display import units
from edge.display.classifier import classifier_line
from edge.display.efficiency import efficiency_line

_FRAME_COUNTS = (
    "expected",
    "received",
    "missing",
    "processed",
    "calibrating",
    "uncovered",
    "dropped",
    "bad",
)
_IN_WORDS = {"injection": efficiency_line, "classifier": classifier_line}
_NAMES = {"live_time_s": "live time", "dead_time_s": "dead time", "injection": "efficiency"}
_SMALL = 3


def summary_table(summary: Mapping[str, Any]) -> RenderableType:
    """Lay out a command's summary: what `--json` prints, in words.

    Parameters
    ----------
    summary : mapping
        Any keys; frame counts stand on one line, mappings are listed largest first, durations
        (keys that end in ``_s``) get their units.

    Returns
    -------
    rich renderable
    """
    return _Summary(summary)


class _Summary:
    def __init__(self, summary: Mapping[str, Any]) -> None:
        self._summary = summary

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        for name, value in _rows(self._summary):
            table.add_row(name, Text(units.readable(value, ascii_only=options.ascii_only)))
        yield table


def _rows(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    frames = [
        f"{units.count(summary[name])} {name}"
        for name in _FRAME_COUNTS
        if isinstance(summary.get(name), int)
        and (summary[name] or name in ("received", "processed"))
    ]
    if frames:
        yield "frames", " · ".join(frames)
    for key, value in summary.items():
        if _said_elsewhere(key, value, summary):
            continue
        text = _IN_WORDS[key](value) if key in _IN_WORDS else _value(key, value)
        causes = summary.get(f"{key.removesuffix('_s')}_by_cause_s")
        if isinstance(causes, Mapping) and causes:
            text += f" ({_mapping(key, causes)})"
        if text:
            yield _name(key), text


def _said_elsewhere(key: str, value: Any, summary: Mapping[str, Any]) -> bool:
    """Counts stand on one line; causes stand with their sum; one id stands alone."""
    if key in _FRAME_COUNTS and isinstance(value, int):
        return True
    if key.endswith("_by_cause_s"):
        return key.replace("_by_cause", "") in summary
    return value is None or value is False or (key == "calibration_ids" and len(value) < 2)


def _name(key: str) -> str:
    if key in _NAMES:
        return _NAMES[key]
    if key.endswith("_per_s"):
        return key.removesuffix("_per_s").replace("_", " ") + " per s"
    return key.removesuffix("_s").replace("_", " ")


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, Mapping):
        return _mapping(key, value) if value else ""
    if isinstance(value, (list, tuple)):
        return f"{len(value)}" if len(value) > _SMALL else ", ".join(str(item) for item in value)
    if isinstance(value, (int, float)):
        return _number(key, value)
    return str(value)


def _mapping(key: str, value: Mapping[str, Any]) -> str:
    if all(isinstance(item, (int, float)) for item in value.values()):
        ordered = sorted(value.items(), key=lambda item: (-item[1], item[0]))
        named = [f"{name} {_number(key, number)}" for name, number in ordered if number]
        return " · ".join(named) or "none"
    return " · ".join(f"{name} {_value(name, item)}" for name, item in value.items())


def _number(key: str, value: float) -> str:
    if key.endswith("_per_s"):
        return f"{value:,.1f}"
    if key.endswith("_s"):
        return units.duration(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
