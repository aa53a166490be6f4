"""Single `.npy` stacks: (height, width) or (frame, height, width), memory-mapped."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.sources.counts import is_number
from edge.sources.files import (
    FileInfo,
    Plane,
    Unreadable,
    check_plausible,
    depth_of,
    sized_mode,
)


@dataclass(frozen=True, slots=True)
class _Header:
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    fortran_order: bool
    offset: int
    available: int


@dataclass(frozen=True, slots=True)
class NpyFormat:
    """NumPy's own array files, versions 1 to 3."""

    suffixes: tuple[str, ...] = (".npy",)

    def inspect(self, path: Path) -> FileInfo:
        """Read the header; a stack that was cut off keeps its stated number of frames."""
        header = _read_header(path)
        count, height, width = header.shape
        check_plausible(path, count * height * width * header.dtype.itemsize)
        mode = sized_mode(width, height, depth_of(header.dtype))
        lost = count - header.available
        note = f"cut off: {lost} of {count} frames are missing" if lost else ""
        return FileInfo(mode, header.dtype.newbyteorder("="), count, note=note)

    def planes(self, path: Path, info: FileInfo, start: int, stop: int) -> Iterator[Plane]:
        """Yield views of the memory map."""
        header = _read_header(path)
        order = "F" if header.fortran_order else "C"
        shape = (header.available, *header.shape[1:])
        if header.available:
            stack = np.memmap(path, header.dtype, "r", header.offset, shape, order)  # type: ignore[call-overload]
            for index in range(start, min(stop, header.available)):
                yield Plane(stack[index])
        if stop > header.available:
            raise Unreadable("truncated", "the file ends before this frame")


def _read_header(path: Path) -> _Header:
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on headers that Python 2 wrote
            version = np.lib.format.read_magic(file)
            if version[0] == 1:
                shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
            else:
                shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(file)
            offset = file.tell()
            size = file.seek(0, 2)
    except OSError as error:
        raise Unreadable("unreadable", error.strerror or str(error)) from error
    except Exception as error:  # numpy evaluates the header as Python: whatever that may meet
        raise Unreadable("bad_header", "isn't a whole .npy file") from error
    if len(shape) not in (2, 3):
        raise Unreadable("bad_shape", f"shape {shape}: expected (h, w) or (n, h, w)")
    if not is_number(dtype):
        raise Unreadable("bad_dtype", f"holds {dtype}: expected numbers")
    count, height, width = shape if len(shape) == 3 else (1, *shape)
    if count == 0:
        raise Unreadable("empty", "holds no frame")
    frame_bytes = max(height * width * dtype.itemsize, 1)
    available = min(count, (size - offset) // frame_bytes)
    # Column-major stacks interleave their frames: with a tail lost, no frame is whole.
    if fortran_order and available < count:
        available = 0
    return _Header(dtype, (count, height, width), fortran_order, offset, available)
