"""The live table: one moment of a run laid out for the terminal's width."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edge.display import units
from edge.display.blocks import Picture
from edge.display.efficiency import efficiency_note
from edge.display.snapshot import CropView, Snapshot, chance_of_none, expected_muons

_FRAME_BINS = ("processed", "calibrating", "uncovered", "dropped", "bad", "missing")
_TROUBLE = frozenset({"uncovered", "dropped", "bad", "missing"})
_STATE_STYLE = {
    "watching": "green",
    "calibrating": "cyan",
    "draining": "cyan",
    "uncovered": "bold red",
}
_CLOCK_STYLE = {"synced": "green", "holdover": "yellow", "unsynced": "yellow"}
_CLASS_STYLE = {"spot": "cyan", "track": "green", "worm": "magenta", "artefact": "yellow"}
_CROP_COLUMNS = 17
_CROP_ROWS = 16
_BAR_COLUMNS = 24
# Border above and below, an empty line, the picture, its caption, the cursor's line.
_LINES_BESIDE_TABLE = 2 + 1 + _CROP_ROWS // 2 + 1 + 1


def class_style(label: str) -> str:
    """Colour of a class, the same everywhere."""
    return _CLASS_STYLE.get(label, "")


def render(snapshot: Snapshot, *, max_rows: int | None = None) -> RenderableType:
    """Lay out one moment of a run.

    Parameters
    ----------
    snapshot : Snapshot
        What is known.
    max_rows : int, optional
        Lines of the terminal; where the crops don't fit below the table they are left out.

    Returns
    -------
    rich renderable
        Adapts to width, colours and character set of the console that prints it.
    """
    return _View(snapshot, max_rows)


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    snapshot: Snapshot
    max_rows: int | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now, ascii_only = self.snapshot, options.ascii_only
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        for name, value in _rows(now):
            table.add_row(name, _plain(value, ascii_only))
        parts: list[RenderableType] = [table]
        inside = options.update(width=options.max_width - 4, height=None)
        lines = len(console.render_lines(table, inside, pad=False))
        if now.crops and (self.max_rows is None or lines + _LINES_BESIDE_TABLE <= self.max_rows):
            parts.append(
                Padding(_crops(now.crops, options.max_width - 4, ascii_only), (1, 0, 0, 0))
            )
        yield Panel(
            Group(*parts),
            title=_plain(_title(now), ascii_only),
            title_align="left",
            subtitle=_plain(_subtitle(now), ascii_only),
            subtitle_align="right",
            border_style="dim",
            padding=(0, 1),
        )


def _title(now: Snapshot) -> Text:
    text = Text()
    text.append(f"cosmic-edge {now.command}".rstrip(), "not dim bold")
    for part in (now.rig, now.source):
        _append(text, part, "not dim")
    return text


def _subtitle(now: Snapshot) -> Text:
    text = Text()
    _append(text, now.state, f"not dim {_STATE_STYLE.get(now.state, 'cyan')}")
    if now.elapsed_s is not None:
        _append(text, units.duration(now.elapsed_s), "not dim")
    return text


def _rows(now: Snapshot) -> Iterator[tuple[str, Text]]:
    if now.frames_total:
        yield "progress", _bar(_handled(now), now.frames_total)
    if now.frames or now.frames_per_s is not None:
        yield "frames", _frames(now)
    if now.calibration_wanted and now.state == "calibrating":
        yield "calibration", _bar(now.calibration_done or 0, now.calibration_wanted)
    elif now.calibration_id:
        yield "calibration", Text(now.calibration_id)
    if now.live_time_s is not None or now.dead_time_s is not None:
        yield "live time", _live_time(now)
    if now.hits is not None:
        yield "hits", _hits(now)
        expected = _expected(now)
        if expected != 0:  # while calibrating it says nothing
            yield "", _expectation(now, expected)
    if now.candidates is not None or now.rejected:
        yield "rejected", _rejected(now)
    if now.efficiency is not None:
        yield "efficiency", Text(efficiency_note(now.efficiency))
    if now.clock or now.temperature_c is not None:
        yield "clock", _clock(now)
    if now.connection or now.published is not None or now.outbox is not None:
        yield "delivery", _delivery(now)
    if now.note:
        yield "note", Text(now.note, style="yellow")


def _handled(now: Snapshot) -> int:
    return sum(now.frames.get(name, 0) for name in _FRAME_BINS)


def _bar(done: int, wanted: int) -> Text:
    full = min(_BAR_COLUMNS * max(done, 0) // wanted, _BAR_COLUMNS)
    text = Text()
    text.append("━" * full, "cyan")
    text.append("╌" * (_BAR_COLUMNS - full), "dim")
    text.append(f" {units.count(done)} of {units.count(wanted)} frames")
    return text


def _frames(now: Snapshot) -> Text:
    text = Text()
    if now.frames_per_s is not None:
        _append(text, f"{now.frames_per_s:.1f}/s", "bold")
    received = now.frames.get("received")
    if received is not None:
        _append(text, f"{units.count(received)} received")
    for name in _FRAME_BINS:
        number = now.frames.get(name, 0)
        if number:
            _append(text, f"{units.count(number)} {name}", "yellow" if name in _TROUBLE else "")
    return text


def _live_time(now: Snapshot) -> Text:
    live, dead = now.live_time_s or 0.0, now.dead_time_s
    causes = dead if isinstance(dead, Mapping) else {}
    total = sum(dead.values()) if isinstance(dead, Mapping) else dead
    text = Text()
    _append(text, units.duration(live), "bold")
    if total is None:
        return text
    if live + total > 0:
        text.append(f" ({units.share(live, live + total)})")
    _append(text, f"dead {units.duration(total)}")
    named = [f"{name} {units.duration(s)}" for name, s in _largest(causes) if s > 0]
    if named:
        text.append(f" ({', '.join(named)})", "dim")
    return text


def _hits(now: Snapshot) -> Text:
    text = Text()
    _append(text, f"{units.count(now.hits or 0)} found", "bold")
    if now.origin != "camera":
        text.append(f" (origin: {now.origin})", "yellow")
    for label, number in _largest(now.by_class):
        if number:
            _append(text, f"{units.count(number)} {label}", class_style(label))
    return text


def _expected(now: Snapshot) -> float | None:
    if now.expected_hits is not None:
        return now.expected_hits
    return expected_muons(now.area_cm2, now.live_time_s, now.muons_per_cm2_min)


def _expectation(now: Snapshot, expected: float | None) -> Text:
    text = Text()
    if expected is None:
        text.append("expected rate unknown: muons are about 1 per cm² and minute", "dim")
        return text
    text.append(f"{expected:.1f} expected")
    if now.expected_hits is None and now.area_cm2 is not None:
        rate = now.muons_per_cm2_min
        text.append(f" (about {rate:g} per cm² and minute on {now.area_cm2:.3g} cm²)", "dim")
    if not now.hits:
        text.append(f"; a chance of {_percent(chance_of_none(expected))} for none yet", "dim")
    return text


def _percent(chance: float) -> str:
    return f"{100 * chance:.0f} %" if chance >= 0.01 else "less than 1 %"


def _rejected(now: Snapshot) -> Text:
    text = Text()
    text.append(units.count(sum(now.rejected.values())))
    if now.candidates is not None:
        text.append(f" of {units.count(now.candidates)} candidates")
    for reason, number in _largest(now.rejected):
        if number:
            _append(text, f"{reason} {units.count(number)}", "dim")
    return text


def _clock(now: Snapshot) -> Text:
    text = Text()
    _append(text, now.clock, _CLOCK_STYLE.get(now.clock, ""))
    bound = units.uncertainty(now.clock_uncertainty_s)
    if bound:
        text.append(f" {bound}")
    if now.temperature_c is not None:
        _append(text, f"sensor {now.temperature_c:.1f} °C")
    return text


def _delivery(now: Snapshot) -> Text:
    text = Text()
    _append(text, now.connection, "green" if now.connection == "connected" else "yellow")
    for name, value in (
        ("published", now.published),
        ("acknowledged", now.acknowledged),
        ("stored", now.stored),
    ):
        if value is not None:
            _append(text, f"{units.count(value)} {name}")
    if now.outbox is not None:
        _append(text, f"{units.count(now.outbox)} owed", "yellow" if now.outbox else "")
    return text


def _crops(crops: tuple[CropView, ...], width: int, ascii_only: bool) -> Columns:
    shown = crops[: max(1, (width + 2) // (_CROP_COLUMNS + 2))]
    return Columns([_crop(crop, ascii_only) for crop in shown], padding=(0, 2, 0, 0))


def _crop(crop: CropView, ascii_only: bool) -> Group:
    caption = Text(no_wrap=True)
    caption.append(crop.label, class_style(crop.label))
    caption.append(f" {crop.caption}" if crop.caption else "", "dim")
    caption.truncate(_CROP_COLUMNS, pad=True)
    picture = Picture(crop.pixels, _CROP_COLUMNS, _CROP_ROWS, close_up=True, peak=crop.peak)
    return Group(picture, _plain(caption, ascii_only))


def _append(text: Text, part: str, style: str = "") -> None:
    if not part:
        return
    if text.plain:
        text.append(" · ", "dim")
    text.append(part, style)


def _largest(numbers: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(numbers.items(), key=lambda item: (-item[1], item[0]))


def _plain(text: Text, ascii_only: bool) -> Text:
    if ascii_only:
        text.plain = units.readable(text.plain, ascii_only=True)
    return text
