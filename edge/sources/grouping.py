"""Which files of a folder belong together: series by mode, names in natural order."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.sources.files import FileFormat, FileInfo
from edge.sources.members import Member

_DIGITS = re.compile(r"(\d+)")


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key that puts frame_2 before frame_10; case breaks ties only."""
    parts = _DIGITS.split(name.casefold())
    # Text and numbers alternate, so that like is only ever compared with like.
    return tuple(int(part) if n % 2 else part for n, part in enumerate(parts)), name


def group(files: Sequence[tuple[Path, FileFormat, FileInfo]]) -> list[list[Member]]:
    """Group files into series.

    Series are told apart by size, exposure and set temperature, then by what else a calibration
    depends on (bit depth, dtype, mosaic, gain, sensor, rate), and sorted in that order; what a
    header doesn't state comes first. Inside one, files lie in natural order of their names.
    """
    series: dict[tuple[object, ...], list[Member]] = defaultdict(list)
    for path, file_format, info in sorted(files, key=lambda file: natural_key(file[0].name)):
        series[_key(info)].append(Member(path, file_format, info))
    return [series[key] for key in sorted(series)]


def name_series(series: Sequence[Sequence[Member]]) -> list[str]:
    """Name each series, such as "1024x1024 60 s -5 C"; alike ones say what differs."""
    infos = [_first_info(members) for members in series]
    names = [_base_name(info) for info in infos]
    for label in _LABELS:
        for name, count in Counter(names).items():
            alike = [n for n, other in enumerate(names) if other == name]
            if count > 1 and len({label(infos[n]) for n in alike}) > 1:
                for n in alike:
                    names[n] = f"{name} {label(infos[n])}".rstrip()
    seen: Counter[str] = Counter()
    for n, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[n] = f"{name} #{seen[name]}"
    return names


def _first_info(members: Sequence[Member]) -> FileInfo:
    return next(member.info for member in members if member.info is not None)


def _key(info: FileInfo) -> tuple[object, ...]:
    mode = info.mode
    return (
        mode.width_px,
        mode.height_px,
        _nominal_exposure(mode.exposure_ns),
        _number(mode.set_temperature_c),
        mode.bit_depth,
        info.dtype.str,
        mode.cfa or "",
        mode.conversion,
        _number(mode.gain),
        mode.sensor,
        _number(mode.frame_duration_ns),
    )


def _nominal_exposure(exposure_ns: int | None) -> float:
    """Three significant digits: a shutter's 59.98 s and 60.01 s are one series."""
    return -1.0 if exposure_ns is None else float(f"{exposure_ns:.3g}")


def _number(value: float | None) -> float:
    return float("-inf") if value is None else round(float(value), 1)


def _base_name(info: FileInfo) -> str:
    mode = info.mode
    parts = [f"{mode.width_px}x{mode.height_px}"]
    if mode.exposure_ns is not None:
        parts.append(f"{_nominal_exposure(mode.exposure_ns) / 1e9:g} s")
    if mode.set_temperature_c is not None:
        # Adding zero turns -0.0 into 0.
        parts.append(f"{round(mode.set_temperature_c, 1) + 0:g} C")
    return " ".join(parts)


_LABELS: tuple[Callable[[FileInfo], str], ...] = (
    lambda info: f"{info.mode.bit_depth} bit",
    lambda info: info.dtype.name,
    lambda info: info.mode.cfa or info.mode.conversion or "mono",
    lambda info: "" if info.mode.gain is None else f"gain {info.mode.gain:g}",
    lambda info: info.mode.sensor,
)
