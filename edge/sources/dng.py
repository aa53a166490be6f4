"""DNG: the raw mosaic, not the picture, by rawpy (LibRaw) and tifffile (the tags)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from edge.sources.files import Fault, FileInfo, Plane, Unreadable, needs_extra, sized_mode
from edge.sources.tiff import count_pages, exposure_ns, open_tiff, tag_value

_MODEL, _UNIQUE_MODEL, _EXPOSURE_TIME, _ISO_SPEED = 272, 50708, 33434, 34855
_EXIF, _DATE_TIME_ORIGINAL, _OFFSET_TIME_ORIGINAL, _SUBSEC_ORIGINAL = 34665, 36867, 36881, 37521
# tifffile gives the Exif folder as a dict of names.
_EXIF_NAMES = {
    _EXPOSURE_TIME: "ExposureTime",
    _ISO_SPEED: "ISOSpeedRatings",
    _DATE_TIME_ORIGINAL: "DateTimeOriginal",
    _OFFSET_TIME_ORIGINAL: "OffsetTimeOriginal",
    _SUBSEC_ORIGINAL: "SubsecTimeOriginal",
}
_OFFSET = re.compile(r"[+-]\d{2}:\d{2}$|Z$")


@dataclass(frozen=True, slots=True)
class DngFormat:
    """One frame a file: the visible part of the mosaic, black level not subtracted.

    Gain is ISO / 100, as DNG writers for Pi cameras state it. Without a time zone in the file
    (Exif OffsetTimeOriginal) its local time says nothing about UTC and is left out.
    """

    suffixes: tuple[str, ...] = (".dng",)

    def inspect(self, path: Path) -> FileInfo:
        """Read the header by LibRaw, the rest of the tags by tifffile."""
        with open_tiff(path, "DNG") as tiff:
            _check_strips(tiff, path)
            tags = _Tags(tiff.pages[0].aspage())
            exposure = exposure_ns(tags.find(_EXPOSURE_TIME))
            iso = tags.find(_ISO_SPEED)
            sensor = str(tags.find(_UNIQUE_MODEL) or tags.find(_MODEL) or "").strip()
            utc_ns = tags.start_utc_ns()
        with _open_raw(path) as raw:
            bit_depth = min(max(int(raw.white_level).bit_length(), 8), 16)
            blacks = [float(level) for level in raw.black_level_per_channel]
            mode = sized_mode(
                raw.sizes.width,
                raw.sizes.height,
                bit_depth,
                sensor=sensor,
                exposure_ns=exposure,
                gain=iso / 100 if isinstance(iso, int) and iso > 0 else None,
                black_level_adu=sum(blacks) / len(blacks) if blacks else None,
                cfa=_cfa(raw),
            )
        return FileInfo(mode, np.dtype(np.uint16), utc_ns=utc_ns)

    def planes(self, path: Path, info: FileInfo, start: int, stop: int) -> Iterator[Plane | Fault]:
        """Unpack the mosaic."""
        for _ in range(start, stop):
            with _open_raw(path) as raw:
                raw.unpack()
                mosaic = raw.raw_image_visible
                if mosaic is None or mosaic.ndim != 2:
                    yield Fault("bad_shape", "holds no raw mosaic")
                else:
                    yield Plane(np.array(mosaic, np.uint16))  # LibRaw's own buffer ends here


class _Tags:
    """Tags of the first page and of its Exif folder."""

    def __init__(self, page: Any) -> None:
        self._page = page
        exif = tag_value(page, _EXIF)
        self._exif: dict[str, Any] = exif if isinstance(exif, dict) else {}

    def find(self, code: int) -> Any:
        value = tag_value(self._page, code)
        return self._exif.get(_EXIF_NAMES.get(code, "")) if value is None else value

    def start_utc_ns(self) -> int | None:
        """Unix time of DateTimeOriginal; the camera's clock at the start of the exposure."""
        text, offset = str(self.find(_DATE_TIME_ORIGINAL)), str(self.find(_OFFSET_TIME_ORIGINAL))
        if not _OFFSET.match(offset):
            return None
        try:
            local = datetime.strptime(text + offset, "%Y:%m:%d %H:%M:%S%z")
        except ValueError:
            return None
        fraction = re.sub(r"\D", "", str(self.find(_SUBSEC_ORIGINAL) or "")).ljust(9, "0")[:9]
        return int(local.astimezone(UTC).timestamp()) * 10**9 + int(fraction)


def _check_strips(tiff: Any, path: Path) -> None:
    """Refuse a file that ends before its pixels: LibRaw complains on standard error."""
    size = path.stat().st_size
    for index in range(count_pages(path)[0]):
        page = tiff.pages[index].aspage()
        for part in (page, *(page.pages or ())):
            ends = zip(part.dataoffsets, part.databytecounts, strict=False)
            if any(offset + count > size for offset, count in ends):
                raise Unreadable("truncated", "the file ends before its pixels do")


@contextmanager
def _open_raw(path: Path) -> Iterator[Any]:
    try:
        import rawpy
    except ImportError as error:
        raise needs_extra(f"DNG ({path})", "rawpy", "images") from error
    raw = rawpy.RawPy()
    try:
        raw.open_file(str(path))
        yield raw
    except rawpy.LibRawError as error:
        text = error.args[0] if error.args else ""
        reason = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        raise Unreadable("unreadable", f"can't be read as DNG ({reason})") from error
    finally:
        raw.close()


def _cfa(raw: Any) -> str | None:
    pattern = raw.raw_pattern
    if pattern is None or pattern.shape != (2, 2):
        return None
    colours = raw.color_desc.decode(errors="replace")
    return "".join(colours[index] for index in pattern.flat)
