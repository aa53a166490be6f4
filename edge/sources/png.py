"""PNG images, 8 and 16 bit, grey and colour, by OpenCV."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.sources.files import (
    LARGEST_RATIO,
    Fault,
    FileInfo,
    Plane,
    Unreadable,
    check_plausible,
    sized_mode,
)
from edge.sources.luma import LUMA, luma

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = frozenset({2, 3, 6})  # RGB, palette, RGBA
# Bits of a sample that each colour type may have (PNG, 3rd edition, table 11.1).
_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


@dataclass(frozen=True, slots=True)
class PngFormat:
    """One frame a file.

    A 16-bit image has bit depth 16 whatever its sBIT chunk says: PNG stores samples of fewer bits
    scaled up to all 16.
    """

    suffixes: tuple[str, ...] = (".png",)

    def inspect(self, path: Path) -> FileInfo:
        """Read the first 33 bytes."""
        width, height, bits, colour = read_header(_read(path, 33))
        mode = sized_mode(width, height, 16 if bits == 16 else 8, conversion=LUMA if colour else "")
        check_plausible(path, width * height * bits // 8)
        return FileInfo(mode, np.dtype(np.uint16 if bits == 16 else np.uint8))

    def planes(self, path: Path, info: FileInfo, start: int, stop: int) -> Iterator[Plane | Fault]:
        """Decode the image."""
        for _ in range(start, stop):
            yield decode(_read(path))


def _read(path: Path, size: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise Unreadable("unreadable", error.strerror or str(error)) from error


def read_header(data: bytes) -> tuple[int, int, int, bool]:
    """Width, height, bits of a sample, whether it is in colour; raises Unreadable."""
    if len(data) < 33 or not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR":
        raise Unreadable("bad_header", "isn't a whole PNG file")
    width, height, bits, colour_type = struct.unpack(">IIBB", data[16:26])
    if bits not in _BITS.get(colour_type, ()):  # libpng would say so on standard error
        raise Unreadable("bad_header", f"states {bits} bits of colour type {colour_type}")
    return width, height, bits, colour_type in _COLOUR_TYPES


def check_header(data: bytes) -> tuple[int, int, bool]:
    """Width, height, whether it is in colour; Unreadable where the file can't hold so much."""
    width, height, bits, colour = read_header(data)
    sized_mode(width, height, bits)
    if width * height * bits // 8 > LARGEST_RATIO * (len(data) + 4096):
        raise Unreadable("bad_header", f"its header states {width}x{height} pixels")
    return width, height, colour


def decode(data: bytes) -> Plane | Fault:
    """Decode a whole PNG file: gray as stored, of colour the luma, without transparency.

    Raises
    ------
    Unreadable
        It is no PNG, or its header states what there can't be.
    """
    import cv2

    *_, colour = check_header(data)
    fault = _damage(data)
    if fault is not None:
        return fault
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # more pixels than OpenCV takes
        image = None
    if image is None:
        return Fault("unreadable", "its pixels can't be decoded")
    return Plane(_to_grey(image, colour))


def _to_grey(image: NDArray[Any], colour: bool) -> NDArray[Any]:
    if image.ndim == 2:
        return image
    if colour:
        return luma(image[..., 2], image[..., 1], image[..., 0])
    return np.ascontiguousarray(image[..., 0])  # grey with alpha


def _damage(data: bytes) -> Fault | None:
    """Check every chunk, as OpenCV would fill what is missing or complain on standard error."""
    position = len(_SIGNATURE)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        (stated,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != stated:
            return Fault("corrupt", "a checksum of the file is wrong")
        if data[position + 4 : position + 8] == b"IEND":
            return None
        position = end
    return Fault("truncated", "the file ends before the image does")
