"""Frames of recordings, series by series, through a screener: which are not like the others."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.screen import REASONS, Conditions, Judgement, Reference, Screened, Screener
from edge.errors import BadUse, Failed
from edge.frame import BadFrame, Pixels, Recording, SensorMode, Series

_PART_BYTES = 512_000_000
_LEAST_PART, _MOST_PART = 9, 100
"""Frames of a long series that are compared with each other; so many lie in memory."""

_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class ScreenedFrame:
    """One line of the report.

    Attributes
    ----------
    file : str
        Path of its file; of a file or recording with many frames: ``path#number``.
    series : str
    verdict : str
        good, bad, or unjudged.
    reason : str
        "" for a good frame.
    score : float or None
        How far from the others, in units of what is allowed; None where it can't be read.
    detail : str
        The reason in words.
    measures : dict of str to float
        Distance by each measure.
    """

    file: str
    series: str
    verdict: str
    reason: str
    score: float | None
    detail: str
    measures: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Work:
    """A series of a recording, and how its frames are called."""

    recording: Recording
    series: Series
    name_of: Callable[[int], str]


def screen_paths(
    paths: Sequence[str],
    screener: Screener,
    progress: Callable[[int], None],
    show: Callable[[str, NDArray[Any], str], None] | None = None,
) -> list[ScreenedFrame]:
    """Judge every frame that lies at `paths`.

    Parameters
    ----------
    paths : sequence of str
        Files, folders of files, recordings; folders are searched for such folders. Files named
        one by one are compared with each other.
    screener : Screener
    progress : callable
        Told how many more frames are done.
    show : callable, optional
        Given file, pixels and verdict of each frame that could be read.

    Raises
    ------
    BadUse
        There is nothing to read at a path.
    Failed
        Nothing of it can be read.
    """
    recordings = _recordings(paths)
    works = [_work(recording, series) for recording in recordings for series in recording.series()]
    # Series with enough frames first: what they share helps to judge the others.
    order = sorted(range(len(works)), key=lambda n: -works[n].series.count)
    reports: dict[int, list[ScreenedFrame]] = {}
    known: list[tuple[_Work, Reference]] = []
    for n in order:
        work = works[n]
        kin = [reference for other, reference in known if _akin(work, other)]
        reports[n], found = _screen_series(work, screener, kin, progress, show)
        if found is not None:
            known.append((work, found))
    lines = [line for n in range(len(works)) for line in reports[n]]
    return lines + [line for recording in recordings for line in _left_out(recording)]


def _screen_series(
    work: _Work,
    screener: Screener,
    kin: Sequence[Reference],
    progress: Callable[[int], None],
    show: Callable[[str, NDArray[Any], str], None] | None,
) -> tuple[list[ScreenedFrame], Reference | None]:
    """Screen a series in parts that memory holds; the reference is that of the first."""
    lines: list[tuple[int, ScreenedFrame]] = []
    reference: Reference | None = None
    for start, stop in _parts(work.series):
        pixels: list[Pixels] = []
        places: list[int] = []
        for item in work.series.frames(start, stop):
            if isinstance(item, BadFrame):
                said = _unreadable(work.name_of(item.index), work.series.name, item)
                lines.append((item.index, said))
                continue
            pixels.append(_owned(item))
            places.append(item.index)
        screened = _screened(screener, pixels, work.series.mode, kin)
        for index, frame, judgement in zip(places, pixels, screened.judgements, strict=True):
            name = work.name_of(index)
            lines.append((index, _line(name, work.series.name, judgement)))
            if show is not None:
                show(name, frame, judgement.verdict)
        reference = reference or screened.reference
        progress(stop - start)
    return [line for _, line in sorted(lines, key=lambda one: one[0])], reference


def _screened(
    screener: Screener, pixels: Sequence[Pixels], mode: SensorMode, kin: Sequence[Reference]
) -> Screened:
    if not pixels:
        return Screened([], None)
    return screener.screen(pixels, _conditions(mode), kin)


def _parts(series: Series) -> Iterator[tuple[int, int]]:
    """Cut a series into equal parts."""
    frame_bytes = 2 * series.mode.width_px * series.mode.height_px
    most = min(max(_PART_BYTES // max(frame_bytes, 1), _LEAST_PART), _MOST_PART)
    parts = max(1, -(-series.count // most))
    edges = np.linspace(0, series.count, parts + 1).round().astype(int)
    yield from ((int(a), int(b)) for a, b in itertools.pairwise(edges))


def _owned(frame: Any) -> Pixels:
    """Pixels of a frame that stay when its buffer is given back."""
    from edge.pixels.candidates import plain_pixels

    pixels = plain_pixels(frame)
    owned: Pixels = pixels.copy()
    if frame.release is not None:
        frame.release()
    return owned


def _line(name: str, series: str, judgement: Judgement) -> ScreenedFrame:
    return ScreenedFrame(
        file=name,
        series=series,
        verdict=judgement.verdict,
        reason=judgement.reason,
        score=judgement.score,
        detail=REASONS.get(judgement.reason, ""),
        measures=judgement.measures,
    )


def _unreadable(name: str, series: str, fault: Any) -> ScreenedFrame:
    """A frame that can't be read is kept out as well."""
    return ScreenedFrame(name, series, "bad", fault.reason, None, fault.detail, {})


def _left_out(recording: Recording) -> Iterator[ScreenedFrame]:
    """Files that may belong to any of several series, as they can't be read."""
    for member in getattr(recording, "left_out", ()):
        yield _unreadable(str(member.path), "", member.fault)


def _conditions(mode: SensorMode) -> Conditions:
    exposure_s = None if mode.exposure_ns is None else mode.exposure_ns / _NS_PER_S
    return Conditions(mode.full_scale_adu, exposure_s, mode.set_temperature_c)


def _akin(work: _Work, other: _Work) -> bool:
    """Whether two series are of one sensor, read alike but for exposure and temperature."""
    one, two = work.series.mode, other.series.mode
    if not one.sensor and work.recording is not other.recording:
        return False
    return replace(one, **_FREE) == replace(two, **_FREE)


_FREE: dict[str, Any] = {
    "exposure_ns": None,
    "frame_duration_ns": None,
    "set_temperature_c": None,
    "black_level_adu": None,
}


def _work(recording: Recording, series: Series) -> _Work:
    place = getattr(series, "place", None)
    if place is None:
        return _Work(recording, series, lambda index: f"{recording.path}#{index}")

    def name_of(index: int) -> str:
        path, plane = place(index)
        return str(path) if plane is None else f"{path}#{plane}"

    return _Work(recording, series, name_of)


def _recordings(paths: Sequence[str]) -> list[Recording]:
    from edge.sources import open_recording
    from edge.sources.folder import open_files

    places = list(dict.fromkeys(Path(path) for path in paths))
    found: list[Recording] = []
    single: list[Path] = []
    for place in places:
        if place.is_dir():
            found += [open_recording(folder) for folder in _folders(place)]
        elif place.name == "recording.toml":
            found.append(open_recording(place))
        elif place.is_file():
            single.append(place)
        else:
            raise BadUse(f"{place}: no such file or folder")
    if single:
        found.append(open_files(single))
    return found


def _folders(place: Path) -> list[Path]:
    """The folder itself where it holds frames or nothing at all, else those below that do."""
    from edge.sources import open_recording

    try:
        open_recording(place)
    except BadUse as error:
        below = sorted(entry.path for entry in os.scandir(place) if entry.is_dir())
        folders = [found for entry in below for found in _folders_or_none(Path(entry))]
        if not folders:
            raise error from None
        return folders
    return [place]


def _folders_or_none(place: Path) -> list[Path]:
    try:
        return _folders(place)
    except (BadUse, Failed):
        return []


def counts(lines: Sequence[ScreenedFrame]) -> dict[str, Any]:
    """Good, bad, unjudged and unreadable frames; bad ones by reason."""
    bad = [line for line in lines if line.verdict == "bad"]
    reasons = sorted({line.reason for line in bad})
    return {
        "good": sum(line.verdict == "good" for line in lines),
        "bad": len(bad),
        "unjudged": sum(line.verdict == "unjudged" for line in lines),
        "unreadable": sum(line.score is None for line in lines),
        "reasons": {reason: sum(line.reason == reason for line in bad) for reason in reasons},
    }
