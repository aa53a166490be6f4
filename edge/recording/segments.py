"""Segments of a recording: `.npy` stacks (frame, row, column) that grow frame by frame."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from edge.errors import Failed
from edge.frame import Pixels
from edge.recording.files import write_all
from edge.recording.layout import segment_name

PART = ".part"
_NAME = re.compile(r"frames-(\d{5,})\.npy(\.part)?")
_DTYPES = (np.dtype("u1"), np.dtype("<u2"))


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
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read(file)
            offset = file.tell()
    except OSError as error:
        raise Failed(f"{path}: can't be read: {error.strerror}") from None
    except ValueError as error:
        if growing:
            return None
        raise Failed(f"{path}: no .npy file: {error}") from None
    if len(shape) != 3 or fortran or dtype not in _DTYPES or 0 in shape[1:]:
        raise Failed(
            f"{path}: holds {dtype} of shape {shape}, expected uint8 or uint16 frames "
            "(frame, row, column)"
        )
    frame_bytes = shape[1] * shape[2] * dtype.itemsize
    there = (size - offset) // frame_bytes
    if not growing and there < shape[0]:
        raise Failed(f"{path}: truncated: {there} whole frames of {shape[0]} are there")
    return Segment(path, there if growing else shape[0], shape[1:], dtype, offset)


def _check_alike(first: Segment, other: Segment) -> None:
    if (other.shape, other.dtype) != (first.shape, first.dtype):
        raise Failed(
            f"{other.path}: its frames are {_say(other)}, those of {first.path.name} {_say(first)}"
        )


def _say(segment: Segment) -> str:
    rows, columns = segment.shape
    return f"{columns} x {rows} {segment.dtype}"


def _stored(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return _DTYPES[0] if dtype.itemsize == 1 else _DTYPES[1]
