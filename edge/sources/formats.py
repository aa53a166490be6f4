"""Which reader a file needs: by its name, and for a single file by its first bytes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from edge.sources.files import FileFormat


@cache
def _formats() -> tuple[FileFormat, ...]:
    from edge.sources.dng import DngFormat
    from edge.sources.fits import FitsFormat
    from edge.sources.npy import NpyFormat
    from edge.sources.png import PngFormat
    from edge.sources.tiff import TiffFormat
    from edge.sources.video import VideoFormat

    return FitsFormat(), PngFormat(), TiffFormat(), NpyFormat(), DngFormat(), VideoFormat()


def format_by_name(name: str) -> FileFormat | None:
    """Reader for a file of this name; None where it is no image or video."""
    lower = name.lower()
    for candidate in _formats():
        if lower.endswith(candidate.suffixes):
            return candidate
    return None


def format_of(path: Path) -> FileFormat:
    """Reader for a single file, whatever its name: what isn't an image may be a video."""
    named = format_by_name(path.name)
    if named is not None:
        return named
    from edge.sources.video import VideoFormat

    with path.open("rb") as file:
        head = file.read(8)
    for magic, suffix in _MAGICS:
        if head.startswith(magic):
            return format_by_name(suffix) or VideoFormat()
    return VideoFormat()


_MAGICS = (
    (b"SIMPLE  ", ".fits"),
    (b"\x89PNG", ".png"),
    (b"II*\x00", ".tif"),
    (b"MM\x00*", ".tif"),
    (b"II+\x00", ".tif"),
    (b"MM\x00+", ".tif"),
    (b"\x93NUMPY", ".npy"),
)
