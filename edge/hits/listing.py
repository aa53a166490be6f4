"""Hits as a person reads them: a table of many, and one with its picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from edge.display import units
from edge.display.blocks import Picture
from edge.display.view import class_style
from edge.hits.record import StoredHit

_ID_CHARS = 8
_MOST_COLUMNS = 78
_WIDE_COLUMNS = 90
_SECONDS, _MILLISECONDS = len("2026-11-21T10:00:00"), len("2026-11-21T10:00:00.000")
_NUMBERS = frozenset({"within", "peak", "area", "x", "y"})
_SCORES = ("spot", "track", "worm", "artefact")


def summary_json(hit: StoredHit) -> dict[str, Any]:
    """One line of a list, ready for JSON."""
    message = hit.message
    return {
        "id": message.id,
        "rig": message.rig,
        "origin": message.origin,
        "time_utc": message.time_utc,
        "time_uncertainty_s": message.time_uncertainty_s,
        "clock": message.clock,
        "class": message.class_,
        "peak_adu": message.peak_adu,
        "area_px": message.area_px,
        "x_px": message.x_px,
        "y_px": message.y_px,
        "delivered": hit.delivered,
        **({"rejected": message.rejected} if message.rejected is not None else {}),
    }


class HitTable:
    """A list of hits, oldest first, in at most 80 columns.

    The origin gets a column where it is not the same for all; otherwise it stands below. On a
    narrow terminal that column takes the place of the milliseconds and the area.
    """

    def __init__(self, hits: Sequence[StoredHit]) -> None:
        self._hits = hits

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        origins = sorted({hit.message.origin for hit in self._hits})
        names = ["time (UTC)", "within", "class", "peak", "area", "x", "y", "id"]
        if any(hit.delivered is not None for hit in self._hits):
            names.append("sent")
        if len(origins) > 1:
            names.append("origin")
        narrow = len(origins) > 1 and options.max_width < _WIDE_COLUMNS
        if narrow:
            names.remove("area")
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
        for name in names:
            table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
        for hit in self._hits:
            cells = _cells(hit, _SECONDS if narrow else _MILLISECONDS)
            table.add_row(*(_plain(cells[name], options.ascii_only) for name in names))
        yield table
        if len(origins) == 1 and origins[0] != "camera":
            yield Text(f"origin of all: {origins[0]}", style="yellow")


class HitDetail:
    """One hit with all its fields and its crop."""

    def __init__(self, hit: StoredHit) -> None:
        self._hit = hit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in _details(self._hit):
            table.add_row(name, _plain(value, options.ascii_only))
        yield table
        yield Text()
        try:
            pixels = self._hit.pixels()
        except ValueError as error:
            yield Text(f"the crop can't be drawn: {error}", style="yellow")
        else:
            yield Picture(pixels, _MOST_COLUMNS, 2 * _MOST_COLUMNS, peak=self._hit.peak)


def _cells(hit: StoredHit, time_chars: int) -> dict[str, Text]:
    message = hit.message
    return {
        "time (UTC)": Text(message.time_utc[:time_chars].replace("T", " ")),
        "within": Text(units.uncertainty(message.time_uncertainty_s) or "?"),
        "class": Text(message.class_, style=class_style(message.class_)),
        "peak": Text(str(message.peak_adu)),
        "area": Text(str(message.area_px)),
        "x": Text(str(message.x_px)),
        "y": Text(str(message.y_px)),
        "id": Text(message.id[:_ID_CHARS], style="cyan"),
        "sent": _yes_no(hit.delivered),
        "origin": Text(message.origin, style="" if hit.real else "yellow"),
    }


def _details(hit: StoredHit) -> Iterator[tuple[str, Text]]:
    message, crop = hit.message, hit.message.crop
    yield "id", Text(message.id, style="cyan")
    yield "rig", Text(f"{message.rig} · epoch {message.epoch} · seq {message.seq}")
    yield "origin", Text(message.origin, style="" if hit.real else "yellow")
    if hit.delivered is not None:
        yield "delivered", _yes_no(hit.delivered)
    bound = units.uncertainty(message.time_uncertainty_s) or "uncertainty unknown"
    yield "time", Text(f"{message.time_utc} {bound} · clock {message.clock}")
    yield "window", Text(f"{message.window_start_utc} to {message.window_end_utc}")
    series = f"{message.series} · " if message.series else ""
    lit = f" · lit in {message.frames_lit} frames" if message.frames_lit > 1 else ""
    yield "frame", Text(f"{series}{message.frame}{lit}")
    yield "class", _class(hit)
    yield "place", Text(f"x {message.x_px}, y {message.y_px} px · {message.area_px} px large")
    yield "light", Text(f"peak {message.peak_adu} ADU · sum {message.sum_adu:.6g} ADU")
    if message.temperature_c is not None:
        yield "temperature", Text(f"{message.temperature_c:.1f} °C")
    if message.position is not None:
        place = message.position
        yield "position", Text(f"{place.latitude_deg:.5f}°, {place.longitude_deg:.5f}°")
    named = [f"{name} {value:.4g}" for name, value in message.features.items()]
    yield "features", Text(" · ".join(named) or "none")
    made = message.provenance
    by = [f"calibration {made.calibration_id or 'none'}", f"model {made.model_id or 'rules'}"]
    yield "made by", Text(" · ".join([*by, f"configuration {made.config_hash}", made.software]))
    black = "" if crop.black_level_adu is None else f" · black level {crop.black_level_adu:g} ADU"
    yield (
        "crop",
        Text(
            f"{crop.width_px}×{crop.height_px} px from x {crop.x0_px}, y {crop.y0_px} · "
            f"{crop.bit_depth} bit{black}"
        ),
    )


def _class(hit: StoredHit) -> Text:
    message = hit.message
    text = Text()
    text.append(message.class_, class_style(message.class_))
    for name in _SCORES:
        score = getattr(message.scores, name)
        if score is not None:
            text.append(f" · {name} {score:.2f}", "dim")
    if message.votes is not None:
        votes = (f"{name} {getattr(message.votes, name):.2f}" for name in _SCORES)
        text.append(f" · votes expected: {', '.join(votes)}", "dim")
    if message.anomaly is not None:
        text.append(f" · anomaly {message.anomaly:.3g}")
    return text


def _yes_no(delivered: bool | None) -> Text:
    if delivered is None:
        return Text("")
    return Text("yes", style="green") if delivered else Text("no", style="yellow")


def _plain(text: Text, ascii_only: bool) -> Text:
    if ascii_only:
        text.plain = units.readable(text.plain, ascii_only=True)
    return text
