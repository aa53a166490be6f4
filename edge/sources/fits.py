"""FITS images and cubes, by astropy; BSCALE and BZERO are applied here, without loss."""

from __future__ import annotations

import errno
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import CosmicEdgeError
from edge.sources import fits_header
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

_COMPRESSION = ("", ".gz", ".fz", ".bz2")
_RAW = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}


@dataclass(frozen=True, slots=True)
class FitsFormat:
    """Primary images, image extensions and tile-compressed ones; a cube's planes are frames.

    All images of a file follow one another; one of another size than the first is a fault.
    """

    suffixes: tuple[str, ...] = tuple(
        ending + packed for ending in (".fits", ".fit", ".fts") for packed in _COMPRESSION
    )

    def inspect(self, path: Path) -> FileInfo:
        """Read the headers."""
        with _open(path) as units, _quiet():
            images = [unit for unit in units if _plane_count(unit) > 0]
            if not images:
                raise Unreadable("empty", "holds no image")
            check_plausible(path, sum(_stated_bytes(unit) for unit in images))
            header = _merged(units[0].header, images[0].header)
            dtype = _stored_dtype(images[0].header)
            height, width = images[0].shape[-2:]
            mode = sized_mode(
                width,
                height,
                fits_header.bit_depth(header) or depth_of(dtype),
                sensor=fits_header.sensor(header),
                exposure_ns=fits_header.exposure_ns(header),
                gain=fits_header.gain(header),
                cfa=fits_header.cfa(header),
                set_temperature_c=fits_header.set_temperature_c(header),
                pixel_pitch_um=fits_header.pixel_pitch_um(header),
            )
            return FileInfo(
                mode,
                dtype,
                sum(_plane_count(unit) for unit in images),
                fits_header.start_utc_ns(header),
                fits_header.temperature_c(header),
            )

    def planes(self, path: Path, info: FileInfo, start: int, stop: int) -> Iterator[Plane | Fault]:
        """Read plane by plane; what a cut-off cube still holds is kept."""
        with _open(path) as units:
            with _quiet():
                counts = [_plane_count(unit) for unit in units]
            first = 0
            for unit, planes in zip(units, counts, strict=True):
                for index in range(max(start - first, 0), min(stop - first, planes)):
                    yield _read_plane(unit, index)
                first += planes
        if first < stop:
            raise Unreadable("truncated", "the file ends before this frame")


@contextmanager
def _open(path: Path) -> Iterator[list[Any]]:
    try:
        from astropy.io import fits
    except ImportError as error:
        raise needs_extra(f"FITS ({path})", "astropy", "fits") from error
    try:
        # astropy leaves a file open that it fails on, unless it is ours to close.
        with path.open("rb") as file:
            with _quiet():
                opened = fits.open(file, memmap=False, do_not_scale_image_data=True)
                units = list(_units(opened))
            with opened:
                yield units
    except (Unreadable, CosmicEdgeError):
        raise
    except Exception as error:  # astropy and the decompressors raise whatever they stumble over
        raise Unreadable("unreadable", _reason(error)) from error


def _units(opened: Any) -> Iterator[Any]:
    """Header units one by one: a damaged header can lead astropy round in a circle."""
    end = 0
    for index in count():
        try:
            unit = opened[index]
        except IndexError:
            return
        place = unit.fileinfo()
        if place["hdrLoc"] < end or place["datSpan"] < 0:
            raise Unreadable("bad_header", "its headers contradict one another")
        end = place["datLoc"] + place["datSpan"]
        yield unit


@contextmanager
def _quiet() -> Iterator[None]:
    """Odd cards and short files are told by what follows, not by astropy's warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.errno != errno.EINVAL:
        return error.strerror  # EINVAL: its header leads to a place that no file has
    return "isn't a whole FITS file"


def _merged(primary: Any, image: Any) -> dict[str, Any]:
    """Cards of both headers; the image's own win over those of an empty primary."""
    from astropy.io.fits import VerifyError

    cards: dict[str, Any] = {}
    for header in (primary, image):
        for card in header.cards:
            # astropy parses a card when it is looked at; a damaged one is as good as none.
            with suppress(ValueError, TypeError, VerifyError):
                cards[card.keyword] = card.value
    return cards


def _plane_count(unit: Any) -> int:
    if not unit.is_image or not unit.shape or len(unit.shape) < 2:
        return 0
    return 0 if 0 in unit.shape else math.prod(unit.shape[:-2])


def _stated_bytes(unit: Any) -> int:
    return math.prod(int(side) for side in unit.shape) * abs(int(unit.header["BITPIX"])) // 8


def _scaling(header: Any) -> tuple[float, float]:
    scale, zero = header.get("BSCALE", 1), header.get("BZERO", 0)
    if not isinstance(scale, int | float) or not isinstance(zero, int | float):
        raise Unreadable("bad_header", f"BSCALE {scale!r} or BZERO {zero!r} isn't a number")
    return scale, zero


def _stored_dtype(header: Any) -> np.dtype[Any]:
    """Dtype after scaling: the narrowest that loses nothing."""
    scale, zero = _scaling(header)
    bits = header["BITPIX"]
    if bits not in _RAW:
        raise Unreadable("bad_header", f"BITPIX is {bits}")
    if (scale, zero) == (1, 0) or bits < 0:
        exact = np.dtype(_RAW[bits])
        return exact if (scale, zero) == (1, 0) else np.dtype("f8")
    if scale == 1 and zero == 2 ** (bits - 1) and bits > 8:
        return np.dtype(f"u{bits // 8}")
    if scale == int(scale) and zero == int(zero) and bits <= 32:
        return np.dtype("i8")
    return np.dtype("f8")


def _read_plane(unit: Any, index: int) -> Plane | Fault:
    try:
        leading = np.unravel_index(index, unit.shape[:-2]) if len(unit.shape) > 2 else ()
        # `section` reads this plane alone, `data` would read the whole cube.
        with _quiet():
            stored = np.asarray(unit.section[tuple(int(axis) for axis in leading) or slice(None)])
            if stored.shape != unit.shape[-2:]:
                return Fault("truncated", "the file ends inside this frame")
            return Plane(_scaled(stored, unit.header))
    except OSError as error:
        return Fault("unreadable", error.strerror or "its pixels can't be read")
    except Exception:  # what astropy and the decompressors make of a short or damaged file
        return Fault("truncated", "the file ends before its pixels do, or they are damaged")


def _scaled(stored: NDArray[Any], header: Any) -> NDArray[Any]:
    scale, zero = _scaling(header)
    dtype = _stored_dtype(header)
    values: NDArray[Any] = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if (scale, zero) == (1, 0):
        return values
    if dtype.kind == "u":  # unsigned integers, which FITS stores less half their range
        values = values.view(dtype) ^ dtype.type(int(zero))
    elif dtype.kind == "i":
        values = values.astype(np.int64) * int(scale) + int(zero)
    else:
        values = values.astype(np.float64) * scale + zero
    return values
