"""Segments of a recording: `.npy` stacks (frame, row, column) that grow frame by frame."""

from __future__ import annotations

import ast
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

import numpy as np
from numpy.lib import format as npy

from edge.errors import Failed
from edge.frame import Pixels
from edge.recording.files import write_all
from edge.recording.layout import segment_name

PART = ".part"
_NAME = re.compile(r"frames-(\d{5,})\.npy(\.part)?")
_DTYPES: Mapping[str, np.dtype[Any]] = {"|u1": np.dtype("u1"), "<u2": np.dtype("<u2")}
_LONGEST_HEADER = 10_000


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment on disk: `count` whole frames of `shape` (rows, columns) from byte `offset`."""

    path: Path
    count: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    offset: int

    def open(self) -> Pixels:
        """Map its frames, shape (frame, row, column), read-only."""
        try:
            mapped = np.memmap(self.path, self.dtype, "r", self.offset, (self.count, *self.shape))
        except (OSError, ValueError) as error:
            raise Failed(f"{self.path}: can't be mapped: {error}") from None
        return np.asarray(mapped)


class SegmentWriter:
    """A growing segment, named `….npy.part` until it is sealed.

    Its header has room for any count, so sealing changes it in place: no frame is written twice.
    """

    def __init__(self, folder: Path, number: int, frame: Pixels) -> None:
        self._path = folder / segment_name(number)
        self._part = self._path.with_name(self._path.name + PART)
        self._dtype = _stored(frame.dtype)
        self._shape = frame.shape
        self.count = 0
        self._descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        header = self._header()
        self._size = len(header)
        try:
            write_all(self._descriptor, header)
        except OSError:
            os.close(self._descriptor)
            self._part.unlink()
            raise

    def append(self, pixels: Pixels) -> int:
        """Add a frame and return its position.

        Raises
        ------
        OSError
            Nothing of the frame is kept (nor after Ctrl-C).
        """
        data = np.ascontiguousarray(pixels, dtype=self._dtype)
        try:
            write_all(self._descriptor, data.data)
        except BaseException:
            os.ftruncate(self._descriptor, self._size)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)
            raise
        self._size += data.nbytes
        self.count += 1
        return self.count - 1

    def seal(self) -> None:
        """Write the count, wait for the disk, take the final name."""
        try:
            os.pwrite(self._descriptor, self._header(), 0)
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
        self._part.replace(self._path)

    def _header(self) -> bytes:
        buffer = io.BytesIO()
        shape = (self.count, *self._shape)
        descr = npy.dtype_to_descr(self._dtype)
        npy.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
        return buffer.getvalue()


def find_segments(folder: Path, *, complete: bool) -> list[Segment]:
    """Segments of a recording, in order.

    Parameters
    ----------
    folder : Path
        Of the recording.
    complete : bool
        False: the last one may still be a `.part`, or hold less than its header says.

    Raises
    ------
    Failed
        One is missing, truncated, no stack of frames, or not like the first.
    """
    paths = _paths(folder)
    for number in range(len(paths)):
        if number not in paths:
            raise Failed(f"{folder / segment_name(number)}: is missing")
    segments = []
    for number in range(len(paths)):
        last = number == len(paths) - 1
        segment = _read_header(paths[number], growing=not complete and last)
        if segment is not None:
            segments.append(segment)
    for segment in segments[1:]:
        _check_alike(segments[0], segment)
    return segments


def _paths(folder: Path) -> Mapping[int, Path]:
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match:
            found.setdefault(int(match[1]), path)  # the sealed one before its .part
    return found


def _read_header(path: Path, *, growing: bool) -> Segment | None:
    """Segment from its header; None where it grows and has none yet."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = _parse_header(file)
            offset = file.tell()
    except OSError as error:
        raise Failed(f"{path}: can't be read: {error.strerror}") from None
    except ValueError as error:
        if growing:
            return None
        raise Failed(f"{path}: no .npy file: {error}") from None
    shape, dtype = header.get("shape"), _DTYPES.get(str(header.get("descr")))
    if dtype is None or header.get("fortran_order") is not False or not _is_stack(shape):
        raise Failed(
            f"{path}: holds {header.get('descr')!r} of shape {shape}, expected uint8 or uint16 "
            "frames (frame, row, column)"
        )
    count, rows, columns = shape
    there = (size - offset) // (rows * columns * dtype.itemsize)
    if not growing and there < count:
        raise Failed(f"{path}: truncated: {there} whole frames of {count} are there")
    return Segment(path, there if growing else count, (rows, columns), dtype, offset)


def _parse_header(file: BinaryIO) -> dict[str, Any]:
    """Header of a `.npy` file; NumPy's own reader may warn, and fail in many ways, on rubbish."""
    major, _ = npy.read_magic(file)
    length = int.from_bytes(file.read(2 if major == 1 else 4), "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header would be {length} bytes long")
    try:
        header = ast.literal_eval(file.read(length).decode("latin-1").strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError("its header is garbled") from None
    if not isinstance(header, dict):
        raise ValueError("its header is garbled")
    return header


def _is_stack(shape: object) -> TypeGuard[tuple[int, int, int]]:
    return (
        isinstance(shape, tuple)
        and len(shape) == 3
        and all(type(size) is int for size in shape)
        and shape[0] >= 0
        and min(shape[1:]) >= 1
    )


def _check_alike(first: Segment, other: Segment) -> None:
    if (other.shape, other.dtype) != (first.shape, first.dtype):
        raise Failed(
            f"{other.path}: its frames are {_say(other)}, those of {first.path.name} {_say(first)}"
        )


def _say(segment: Segment) -> str:
    rows, columns = segment.shape
    return f"{columns} x {rows} {segment.dtype}"


def _stored(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return _DTYPES["|u1" if dtype.itemsize == 1 else "<u2"]
