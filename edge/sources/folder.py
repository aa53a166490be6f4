"""Files on disk as a recording: one file, or a folder of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from edge.errors import BadUse, Failed
from edge.frame import Origin, Series
from edge.sources.files import Fault, FileFormat, FileInfo, Unreadable
from edge.sources.formats import format_by_name, format_of
from edge.sources.grouping import group, name_series, natural_key
from edge.sources.members import FileSeries, Member

_READ = "FITS, PNG, TIFF, .npy, DNG or video"


class FileRecording:
    """Implements `edge.frame.Recording` over FITS, PNG, TIFF, npy, DNG and video files.

    Headers are read once, here; pixels when a series is streamed.

    Attributes
    ----------
    ignored : tuple of str
        Names in the folder that aren't frames (hidden files, notes, tables, subfolders).
    left_out : tuple of Member
        Unreadable files that may belong to any of several series.
    """

    def __init__(  # noqa: PLR0917
        self,
        path: Path,
        series: Sequence[Sequence[Member]],
        files: Sequence[Path],
        ignored: Sequence[str] = (),
        warnings: Sequence[str] = (),
        left_out: Sequence[Member] = (),
    ) -> None:
        self.left_out = tuple(left_out)
        self._path = path
        self._files = list(files)
        self._series: list[Series] = [
            FileSeries(name, members)
            for name, members in zip(name_series(series), series, strict=True)
        ]
        self.ignored = tuple(ignored)
        self._warnings = tuple(warnings)

    @property
    def path(self) -> str:
        """Where it lies."""
        return str(self._path)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the names and contents of its frame files; reads them all, once."""
        total = hashlib.sha256()
        for file in sorted(self._files, key=lambda file: file.name):
            name = file.name.encode("utf-8", "surrogateescape")
            total.update(len(name).to_bytes(4, "big") + name)
            total.update(_file_digest(file))
        return total.hexdigest()

    @property
    def origin(self) -> Origin:
        """Always "recording": these files don't say otherwise."""
        return "recording"

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each file that couldn't be read or placed, or is cut off."""
        return self._warnings

    def series(self) -> list[Series]:
        """Series by size, exposure and set temperature."""
        return list(self._series)


def open_file(path: Path) -> FileRecording:
    """Open a single file; Failed where it can't be read."""
    try:
        reader = format_of(path)
        info = reader.inspect(path)
        member = Member(path, reader, info)
        _check_not_lost(member)
    except Unreadable as error:
        raise Failed(f"{path}: {error.detail}; expected {_READ}") from None
    except OSError as error:
        raise Failed(f"{path}: {error.strerror or error}") from None
    return FileRecording(path, [[member]], [path], warnings=_notes([member]))


def open_folder(path: Path) -> FileRecording:
    """Open a folder of files; BadUse where it holds nothing that can be read."""
    try:
        entries = sorted(os.scandir(path), key=lambda entry: natural_key(entry.name))
    except OSError as error:
        raise Failed(f"{path}: {error.strerror or error}") from None
    ignored: list[str] = []
    named: list[Path] = []
    for entry in entries:
        reader = None if entry.name.startswith(".") else format_by_name(entry.name)
        if reader is None or not entry.is_file():
            ignored.append(entry.name)
        else:
            named.append(path / entry.name)
    good, damaged = _inspected(named)
    if not good:
        raise BadUse(_nothing(path, entries, damaged))
    return _recording(path, good, damaged, ignored)


def open_files(files: Sequence[Path]) -> FileRecording:
    """Open files named one by one as if they lay alone in a folder; Failed where none is read."""
    for file in files:
        if not file.is_file():
            raise BadUse(f"{file}: no such file")
    good, damaged = _inspected(files)
    if not good:
        raise Failed(f"none of {len(files)} files can be read ({_line(damaged[0])})")
    return _recording(files[0].parent, good, damaged, ())


def _inspected(
    files: Sequence[Path],
) -> tuple[list[tuple[Path, FileFormat, FileInfo]], list[Member]]:
    """Files with what their headers say, and those whose headers can't be read."""
    good: list[tuple[Path, FileFormat, FileInfo]] = []
    damaged: list[Member] = []
    for file in files:
        try:
            reader = format_by_name(file.name) or format_of(file)
        except OSError as error:
            raise Failed(f"{file}: {error.strerror or error}") from None
        try:
            good.append((file, reader, reader.inspect(file)))
        except Unreadable as error:
            damaged.append(Member(file, reader, None, Fault(error.reason, error.detail)))
    return good, damaged


def _recording(
    path: Path,
    good: Sequence[tuple[Path, FileFormat, FileInfo]],
    damaged: Sequence[Member],
    ignored: Sequence[str],
) -> FileRecording:
    series = group(good)
    warnings = _notes([member for members in series for member in members])
    left_out: Sequence[Member] = ()
    if len(series) == 1:  # the only series a damaged file can belong to
        series = [sorted([*series[0], *damaged], key=lambda m: natural_key(m.path.name))]
    else:
        left_out = damaged
        warnings += [f"{_line(member)}; left out" for member in damaged]
    files = [file for file, _, _ in good] + [member.path for member in damaged]
    return FileRecording(path, series, files, ignored, warnings, left_out)


def _check_not_lost(member: Member) -> None:
    """Refuse a file with neither its first nor its last plane: there is nothing to replay."""
    for index in (0, member.count - 1):
        (plane,) = member.planes(index, index + 1)
        if not isinstance(plane, Fault):
            return
        fault = plane
    raise Unreadable(fault.reason, fault.detail)


def _notes(members: Sequence[Member]) -> list[str]:
    return [f"{m.path.name}: {m.info.note}" for m in members if m.info and m.info.note]


def _line(member: Member) -> str:
    return f"{member.path.name}: {member.fault.detail if member.fault else ''}"


def _nothing(path: Path, entries: Sequence[os.DirEntry[str]], damaged: Sequence[Member]) -> str:
    if not entries:
        return f"{path}: the folder is empty; expected {_READ} files"
    if damaged:
        return f"{path}: none of {len(damaged)} files can be read ({_line(damaged[0])})"
    folders = [entry.name for entry in entries if entry.is_dir()]
    hint = f"; it has folders: {', '.join(folders[:5])}" if folders else ""
    return f"{path}: holds no frames; expected {_READ} files{hint}"


def _file_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise Failed(f"{path}: {error.strerror or error}") from None
