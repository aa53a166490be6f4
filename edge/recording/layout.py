"""What lies where in a native recording, and what its `recording.toml` says."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_args

from edge.errors import BadUse, Failed
from edge.frame import Origin, Packing, SensorMode

SCHEMA_NAME = "cosmic-edge/recording/"
SCHEMA_VERSION = 1
HEAD_NAME = "recording.toml"
INDEX_NAME = "frames.jsonl"
TRUTH_NAME = "truth.jsonl"
ARTEFACTS_NAME = "artefacts.jsonl"

_REQUIRED = ("width_px", "height_px", "bit_depth")
# Range of each number, both ends included; beyond, a recording is damaged.
_INTEGERS = {
    "width_px": (1, 65_536),
    "height_px": (1, 65_536),
    "bit_depth": (8, 16),
    "exposure_ns": (0, 10**18),
    "frame_duration_ns": (0, 10**18),
    "row_time_ns": (0, 10**9),
}
_LONGEST_TEXT = 256
_FINITE = (-sys.float_info.max, sys.float_info.max)
_NUMBERS = {
    "gain": _FINITE,
    "black_level_adu": _FINITE,
    "set_temperature_c": _FINITE,
    "pixel_pitch_um": (0.01, 10_000.0),
}


def segment_name(number: int) -> str:
    """File name of a segment; `.part` is added while it grows."""
    return f"frames-{number:05d}.npy"


@dataclass(frozen=True, slots=True)
class Head:
    """What `recording.toml` states.

    Attributes
    ----------
    origin : str
        recording, simulation or injection.
    mode : SensorMode
        Of all its frames.
    series : str
        Name of its one series.
    start_utc_ns : int or None
        Unix time of the first frame, for frames without a time of their own.
    source : str
        What it was recorded from, for a reader.
    segment_frames : int
        Frames in a full segment.
    frames, bad : int
        Lines of `frames.jsonl`, and those of them without pixels; only right once `complete`.
    complete : bool
        False while it is recorded, or where recording was interrupted.
    """

    origin: Origin
    mode: SensorMode
    series: str = ""
    start_utc_ns: int | None = None
    source: str = ""
    segment_frames: int = 1
    frames: int = 0
    bad: int = 0
    complete: bool = False


def dump_head(head: Head) -> str:
    """Text of `recording.toml`."""
    lines = [f"schema = {_quote(f'{SCHEMA_NAME}{SCHEMA_VERSION}')}"]
    duration_ns = head.mode.frame_duration_ns
    values: dict[str, Any] = {
        "origin": head.origin,
        "series": head.series,
        "source": head.source,
        "fps": round(1e9 / duration_ns, 6) if duration_ns else None,
        "start_utc": _utc_text(head.start_utc_ns),
        "segment_frames": head.segment_frames,
        "frames": head.frames,
        "bad": head.bad,
        "complete": head.complete,
    }
    lines += _assignments(values)
    lines += ["", "[mode]", *_assignments(dataclasses.asdict(head.mode))]
    return "\n".join(lines) + "\n"


def read_head(folder: Path) -> Head:
    """Read `recording.toml`.

    Raises
    ------
    BadUse
        No such folder, or no recording in it.
    Failed
        Unreadable, garbled, of a newer schema, or a value is missing or wrong.
    """
    path = folder / HEAD_NAME
    if not folder.is_dir():
        raise BadUse(f"{folder}: no such recording folder")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadUse(f"{folder}: no {HEAD_NAME} in it, so it is no native recording") from None
    except OSError as error:
        raise Failed(f"{path}: can't be read: {error.strerror}") from None
    except ValueError as error:
        raise Failed(f"{path}: garbled, not TOML: {error}") from None
    _check_schema(path, table.get("schema"))
    return _to_head(path, table)


def _check_schema(path: Path, schema: object) -> None:
    match = re.fullmatch(re.escape(SCHEMA_NAME) + r"(\d+)", str(schema))
    if match is None:
        raise Failed(f'{path}: schema is {schema!r}, expected "{SCHEMA_NAME}{SCHEMA_VERSION}"')
    if int(match[1]) > SCHEMA_VERSION:
        raise Failed(
            f"{path}: schema {schema} is newer than this cosmic-edge reads "
            f"({SCHEMA_NAME}{SCHEMA_VERSION}); update cosmic-edge"
        )


def _to_head(path: Path, table: dict[str, Any]) -> Head:
    origin = table.get("origin")
    if origin not in ("recording", "simulation", "injection"):
        raise Failed(
            f'{path}: origin is {origin!r}, expected "recording", "simulation" or "injection"'
        )
    mode = table.get("mode")
    if not isinstance(mode, dict):
        raise Failed(f"{path}: table [mode] is missing")
    start = table.get("start_utc")
    try:
        start_ns = None if start is None else _utc_ns(start)
    except ValueError as error:
        raise Failed(f"{path}: start_utc: {error}") from None
    return Head(
        origin=cast(Origin, origin),
        mode=_to_mode(path, mode, table.get("fps")),
        series=_text(path, table, "series", _LONGEST_TEXT),
        start_utc_ns=start_ns,
        source=_text(path, table, "source"),
        segment_frames=_count(path, table, "segment_frames", 1),
        frames=_count(path, table, "frames", 0),
        bad=_count(path, table, "bad", 0),
        complete=_complete(path, table),
    )


def _to_mode(path: Path, table: dict[str, Any], fps: object) -> SensorMode:
    known = {field.name for field in dataclasses.fields(SensorMode)}
    values = {key: value for key, value in table.items() if key in known}
    for key in _REQUIRED:
        if key not in values:
            raise Failed(f"{path}: [mode] {key} is missing")
    for key, value in values.items():
        _check_mode_value(path, key, value)
    if "frame_duration_ns" not in values and fps is not None:
        if isinstance(fps, bool) or not isinstance(fps, int | float) or not 1e-9 <= fps <= 1e9:
            raise Failed(f"{path}: fps is {fps!r}, expected a number from 1e-9 to 1e9")
        values["frame_duration_ns"] = round(1e9 / fps)
    return SensorMode(**({"sensor": ""} | values))


def _check_mode_value(path: Path, key: str, value: object) -> None:
    right = isinstance(value, str) and len(value) <= _LONGEST_TEXT
    expected = f"text of at most {_LONGEST_TEXT} characters"
    if key in _INTEGERS:
        first, last = _INTEGERS[key]
        right = type(value) is int and first <= value <= last
        expected = f"a whole number, {first} to {last}"
    elif key in _NUMBERS:
        low, high = _NUMBERS[key]
        right = isinstance(value, int | float) and type(value) is not bool and low <= value <= high
        expected = "a number" if _NUMBERS[key] == _FINITE else f"{low:g} to {high:g}"
    elif key == "sensor_clock":
        right, expected = isinstance(value, bool), "true or false"
    elif key == "packing":
        right, expected = value in get_args(Packing), f"one of {', '.join(get_args(Packing))}"
    if not right:
        raise Failed(f"{path}: [mode] {key} is {value!r}, expected {expected}")


def _utc_text(utc_ns: int | None) -> str | None:
    if utc_ns is None:
        return None
    from edge.messages.utc import format_utc_ns  # late: its package brings the message models

    return format_utc_ns(utc_ns)


def _utc_ns(value: object) -> int:
    """Unix time of a TOML date and time with an offset, or of text with nanoseconds."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    from edge.messages.utc import parse_utc_ns

    return parse_utc_ns(str(value))


def _text(path: Path, table: dict[str, Any], key: str, longest: int | None = None) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise Failed(f"{path}: {key} is {value!r}, expected text")
    if longest is not None and len(value) > longest:
        raise Failed(f"{path}: {key} is longer than {longest} characters")
    return value


def _count(path: Path, table: dict[str, Any], key: str, default: int) -> int:
    value = table.get(key, default)
    if type(value) is not int or value < 0:
        raise Failed(f"{path}: {key} is {value!r}, expected a whole number of 0 or more")
    return value


def _complete(path: Path, table: dict[str, Any]) -> bool:
    value = table.get("complete", True)
    if not isinstance(value, bool):
        raise Failed(f"{path}: complete is {value!r}, expected true or false")
    if value and "frames" not in table:
        raise Failed(f"{path}: frames is missing")
    return value


def _assignments(values: dict[str, Any]) -> list[str]:
    # TOML has no null: what is unknown is left out.
    return [f"{key} = {_literal(value)}" for key, value in values.items() if value is not None]


def _literal(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quote(value) if isinstance(value, str) else repr(value)


def _quote(text: str) -> str:
    # A JSON string is a TOML basic string, but for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
