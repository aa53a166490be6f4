"""TIFF images, each page a frame, by tifffile."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from edge.errors import CosmicEdgeError
from edge.sources.counts import is_number
from edge.sources.files import (
    Fault,
    FileInfo,
    Plane,
    Unreadable,
    check_plausible,
    depth_of,
    needs_extra,
    sized_mode,
)
from edge.sources.luma import LUMA, luma

_WHITE_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 2, 3, 6
# None, LZW, deflate, deflate, PackBits; others may shrink an even image to next to nothing.
_MODEST_COMPRESSIONS = (1, 5, 8, 32946, 32773)
_MODEL, _EXPOSURE_TIME = 272, 33434


@dataclass(frozen=True, slots=True)
class TiffFormat:
    """Classic and BigTIFF, any compression tifffile knows; 8, 12 and 16 bit, signed, float."""

    suffixes: tuple[str, ...] = (".tif", ".tiff")

    def inspect(self, path: Path) -> FileInfo:
        """Read the first page's tags and count the pages."""
        count, broken = count_pages(path)
        with open_tiff(path, "TIFF") as tiff:
            page = _page(tiff, 0)
            dtype, colour = _stored_dtype(page), _is_colour(page)
            if not is_number(dtype):
                raise Unreadable("bad_dtype", f"holds {dtype}: expected numbers")
            if page.compression in _MODEST_COMPRESSIONS:
                check_plausible(path, int(page.nbytes) * count)
            mode = sized_mode(
                page.imagewidth,
                page.imagelength,
                _bit_depth(page, dtype),
                sensor=str(tag_value(page, _MODEL) or "").strip(),
                exposure_ns=exposure_ns(tag_value(page, _EXPOSURE_TIME)),
                conversion=LUMA if colour else "",
            )
        # At least one page hung on the broken link.
        note = f"cut off after {count} pages" if broken else ""
        return FileInfo(mode, dtype, count + broken, note=note)

    def planes(self, path: Path, info: FileInfo, start: int, stop: int) -> Iterator[Plane | Fault]:
        """Decode page by page."""
        with open_tiff(path, "TIFF") as tiff:
            for index in range(start, stop):
                yield _read_page(_page(tiff, index))


@contextmanager
def open_tiff(path: Path, what: str) -> Iterator[Any]:
    """Open with tifffile, which DNG needs too; raises Unreadable."""
    try:
        import tifffile
    except ImportError as error:
        raise needs_extra(f"{what} ({path})", "tifffile", "images") from error
    # What it would log about a damaged file becomes a fault or a note here.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    try:
        tiff = tifffile.TiffFile(path)
    except OSError as error:
        raise Unreadable("unreadable", error.strerror or str(error)) from error
    except Exception as error:  # tifffile raises whatever its parser stumbles over
        raise Unreadable("bad_header", f"isn't a whole {what} file") from error
    with tiff:
        try:
            yield tiff
        except (Unreadable, CosmicEdgeError):
            raise
        except Exception as error:  # as above: tags are parsed when they are looked at
            raise Unreadable("bad_header", f"isn't a whole {what} file") from error


def tag_value(page: Any, code: int) -> Any:
    """Value of a tag, or None."""
    tag = page.tags.get(code)
    return None if tag is None else tag.value


def exposure_ns(rational: Any) -> int | None:
    """Exposure from the ExposureTime tag, (numerator, denominator) in seconds."""
    try:
        numerator, denominator = rational
        return round(int(numerator) * 10**9 / int(denominator))
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _page(tiff: Any, index: int) -> Any:
    try:
        return tiff.pages[index].aspage()
    except Exception as error:  # as above
        raise Unreadable("truncated", "the file ends before this page") from error


def _is_colour(page: Any) -> bool:
    return page.photometric in (_RGB, _PALETTE, _YCBCR)


def _stored_dtype(page: Any) -> np.dtype[Any]:
    dtype = np.dtype(page.dtype).newbyteorder("=") if page.dtype is not None else np.dtype("V")
    if page.photometric == _PALETTE:
        return np.dtype(np.uint16)  # TIFF palettes hold 16-bit colours
    if _is_colour(page) and dtype not in (np.uint8, np.uint16):
        raise Unreadable("bad_dtype", f"holds {dtype} colours: expected 8 or 16 bit")
    return dtype


def _bit_depth(page: Any, dtype: np.dtype[Any]) -> int:
    bits = page.bitspersample
    if isinstance(bits, int) and dtype == np.uint16 and 8 < bits < 16 and not _is_colour(page):
        return bits
    return depth_of(dtype)


def _read_page(page: Any) -> Plane | Fault:
    try:
        values = page.asarray()
    except Exception as error:  # as above, and whatever the codecs raise
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Fault("truncated", f"its pixels can't be read ({line})")
    grey = _to_grey(page, values)
    if grey.ndim != 2:
        return Fault("bad_shape", f"holds an array of shape {grey.shape}")
    return Plane(grey)


def _to_grey(page: Any, values: NDArray[Any]) -> NDArray[Any]:
    if page.photometric == _PALETTE:
        colours = np.asarray(page.colormap, np.uint16)
        return luma(colours[0][values], colours[1][values], colours[2][values])
    if values.ndim == 3:
        planes = values if page.axes.startswith("S") else np.moveaxis(values, -1, 0)
        if _is_colour(page):
            return luma(planes[0], planes[1], planes[2])
        values = planes[0]  # grey with alpha
    if page.photometric == _WHITE_IS_ZERO and values.dtype.kind == "u":
        values = ((1 << int(page.bitspersample)) - 1 - values).astype(values.dtype)
    return values


def count_pages(path: Path) -> tuple[int, bool]:
    """Pages that can be reached, and whether the link to the next leads out of the file.

    tifffile stops at a broken link without an error, and the lost pages would go unseen.
    """
    try:
        with path.open("rb") as file:
            return _follow(file)
    except OSError as error:
        raise Unreadable("unreadable", error.strerror or str(error)) from error
    except struct.error as error:
        raise Unreadable("bad_header", "isn't a whole TIFF file") from error


def _follow(file: BinaryIO) -> tuple[int, bool]:
    start = file.read(8)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None:
        raise Unreadable("bad_header", "isn't a TIFF file")
    big = struct.unpack(order + "H", start[2:4])[0] == 43
    count_form, entry_bytes, link_form = ("Q", 20, "Q") if big else ("H", 12, "I")
    count_bytes, link_bytes = struct.calcsize(count_form), struct.calcsize(link_form)
    link = start[4:8] if not big else file.read(8)
    seen: set[int] = set()
    while (offset := struct.unpack(order + link_form, link)[0]) != 0 and offset not in seen:
        file.seek(offset)
        head = file.read(count_bytes)
        if len(head) < count_bytes:
            return len(seen), True
        entries = struct.unpack(order + count_form, head)[0]
        file.seek(offset + count_bytes + entries * entry_bytes)
        link = file.read(link_bytes)
        if len(link) < link_bytes:
            return len(seen), True
        seen.add(offset)
    return len(seen), False
