"""The seam between recordings and file formats: what a file holds, then plane by plane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.errors import Failed
from edge.frame import SensorMode

# Larger than any sensor; a damaged header must not ask for the memory of one.
MAX_SIDE_PX = 65_536
# Deflate can't shrink by more than 1032.
LARGEST_RATIO = 1100
# A camera's name, as a damaged tag may have none: messages hold 256 characters.
_LONGEST_NAME = 128


class Unreadable(Exception):
    """A file, or the rest of it, can't be read; `reason` is a snake_case key for counters."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Fault:
    """One plane that can't be used, in the place where it would be."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Plane:
    """One image of a file, as stored.

    Attributes
    ----------
    values : ndarray, shape (height, width)
        Of the file's own dtype, in the machine's or the file's byte order.
    sensor_time_ns : int or None
        Time on the file's own clock (a video's presentation time).
    """

    values: NDArray[Any]
    sensor_time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a file's header says, without its pixels.

    Attributes
    ----------
    mode : SensorMode
        `conversion` holds what the reader itself does (such as "luma").
    dtype : numpy.dtype
        Of the planes, in native byte order.
    count : int
        Number of planes.
    utc_ns : int or None
        Unix time of the start of exposure of the first plane.
    temperature_c : float or None
        Of the sensor.
    note : str
        Something a person should know ("" mostly), such as a lost tail.
    """

    mode: SensorMode
    dtype: np.dtype[Any]
    count: int = 1
    utc_ns: int | None = None
    temperature_c: float | None = None
    note: str = ""


class FileFormat(Protocol):
    """Reader of one kind of file. Stateless: paths in, planes out."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Endings of file names, lower case, with the dot."""

    def inspect(self, path: Path) -> FileInfo:
        """Read the header; raises Unreadable."""

    def planes(self, path: Path, info: FileInfo, start: int, stop: int) -> Iterator[Plane | Fault]:
        """Yield planes `start` to `stop`; raises Unreadable when the rest can't be read."""


def sized_mode(width_px: int, height_px: int, bit_depth: int, **known: Any) -> SensorMode:
    """Make a SensorMode of a plausible size; raises Unreadable for another."""
    if not (0 < width_px <= MAX_SIDE_PX and 0 < height_px <= MAX_SIDE_PX):
        raise Unreadable("bad_size", f"its header says {width_px}x{height_px} pixels")
    named = str(known.pop("sensor", ""))
    sensor = "".join(char for char in named if char.isprintable())[:_LONGEST_NAME].strip()
    return SensorMode(sensor, int(width_px), int(height_px), bit_depth, **known)


def check_plausible(path: Path, stated_bytes: int) -> None:
    """Raise Unreadable where a header states more than the file could hold even compressed.

    A file that was cut off keeps its stated frames, as bad ones; a damaged header that states
    millions must not.
    """
    if stated_bytes > LARGEST_RATIO * (path.stat().st_size + 4096):
        raise Unreadable("bad_header", f"its header states {stated_bytes} bytes of pixels")


def depth_of(dtype: np.dtype[Any]) -> int:
    """Bits of a pixel of `dtype` once it is counts: 8 for bytes and bool, else 16."""
    return 8 if dtype.itemsize == 1 else 16


def needs_extra(what: str, module: str, extra: str) -> Failed:
    """Make the error for a reader whose library isn't installed."""
    return Failed(f"reading {what} needs {module}: pip install 'cosmic-edge[{extra}]'")
