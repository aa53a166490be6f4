"""The one read of a frame: its sum, its largest value, bright and lit pixels together.

A row is looked at in tiles of about 512 pixels that lie in the processor's first cache: the largest
value and the sum in vectors; only where the largest is above the black level are bright pixels
counted, and only where it is above the tile's lowest threshold is the threshold map read at all.
So a dark frame costs little more than its one read from memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.jit import numba_available
from calibration.linked import linked
from edge.frame import Packing, Pixels
from edge.pixels.memory import as_rows
from edge.pixels.packing import LAYOUTS
from edge.pixels.prefetch import fetch_ahead, prefetch_intrinsic
from edge.pixels.scan_numpy import numpy_pass
from edge.pixels.thresholds import ThresholdMap
from edge.pixels.unpack_row import UNPACK_ROW

MOST_SEEDS = 65_536
"""A frame with more lit pixels is no longer looked at pixel by pixel: it is a flood."""

_PIECE_PX = 64
"""What is lit in a tile is looked for in pieces: one by one only where there is something."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What one read of a frame gives.

    Attributes
    ----------
    total_adu : int
        Sum of all pixels.
    bright : int
        Pixels above the cover rule's black level.
    lit : int
        Pixels above their threshold.
    seeds : ndarray of int64, shape (min(lit, MOST_SEEDS),)
        Flat indices of lit pixels in raster order.
    largest_adu : int
        Of all pixels.
    """

    total_adu: int
    bright: int
    lit: int
    seeds: NDArray[np.int64]
    largest_adu: int


def scan(
    pixels: Pixels,
    thresholds: ThresholdMap,
    black_adu: int,
    packing: Packing = "none",
    *,
    shift_adu: int = 0,
    room: NDArray[np.int64] | None = None,
) -> Scan:
    """Read a frame once.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)
        May be padded, strided and read-only. Packed: bytes, shape (height, stride).
    thresholds : ThresholdMap
    black_adu : int
        A pixel is bright when its value is above.
    packing : {"none", "mipi10", "mipi12", "mipi14"}
        Packed frames are read as they are; no unpacked frame is written.
    shift_adu : int
        Added to every pixel before it is compared with its threshold, within the range of the
        frame's type; sum and bright pixels are those of the frame as it came.
    room : ndarray of int64, shape (MOST_SEEDS,), optional
        Where seeds are gathered, so that it need not be made for each frame.
    """
    if not numba_available():
        return scan_numpy(pixels, thresholds, black_adu, packing, shift_adu=shift_adu)
    seeds = np.empty(MOST_SEEDS, np.int64) if room is None else room
    is_byte = packing == "none" and pixels.itemsize == 1
    top = 255 if is_byte else 65_535
    # Of the pixels' own type: a comparison of unlike integers is done one by one.
    black = np.uint8(min(black_adu, top)) if is_byte else np.uint16(min(black_adu, top))
    total, bright, lit, largest = _kernel(packing)(
        as_rows(pixels), LAYOUTS[packing],
        thresholds.values, thresholds.lowest, thresholds.apart, thresholds.apart_limit,
        thresholds.tile_px,
        black, shift_adu, top, seeds,
    )  # fmt: skip
    found = seeds[: min(lit, MOST_SEEDS)].copy()
    return Scan(int(total), int(bright), int(lit), found, int(largest))


def scan_numpy(
    pixels: Pixels,
    thresholds: ThresholdMap,
    black_adu: int,
    packing: Packing = "none",
    *,
    shift_adu: int = 0,
) -> Scan:
    """Give the same answer with NumPy alone: the fallback, and the tests' reference."""
    total, bright, seeds, largest = numpy_pass(pixels, thresholds, black_adu, packing, shift_adu)
    return Scan(total, bright, len(seeds), seeds[:MOST_SEEDS], largest)


unpack_row: Any = UNPACK_ROW["mipi12"]
"""Stands for that of the frame's packing, as `tile_of` for what its kind needs."""


def _plain_tile(  # noqa: PLR0917
    rows: Any, layout: Any, y: int, start: int, count: int, buffer: Any
) -> Any:
    fetch_ahead(rows, y, start, count)
    return rows[y, start : start + count]


def _unpacked_tile(  # noqa: PLR0917
    rows: Any, layout: Any, y: int, start: int, count: int, buffer: Any
) -> Any:
    """Unpack into some 512 pixels that never leave the processor's first cache."""
    groups = (count + layout[0] - 1) // layout[0]
    first = start // layout[0] * layout[1]
    fetch_ahead(rows, y, first, groups * layout[1])
    packed = rows[y, first : first + groups * layout[1]]
    unpack_row(packed, buffer[: groups * layout[0]])
    return buffer


tile_of: Any = _plain_tile


def _scan_tiles(  # noqa: PLR0912, PLR0915, PLR0917  (numba compiles one function best)
    rows: Any,
    layout: Any,
    threshold: Any,
    lowest: Any,
    apart: Any,
    apart_limit: Any,
    tile_px: int,
    black_adu: Any,
    shift_adu: int,
    top_adu: int,
    seeds: Any,
) -> tuple[Any, int, int, Any]:
    """One short loop for each thing that is asked: so each is done in vectors."""
    height, width = threshold.shape
    buffer = np.empty(tile_px + layout[0], np.uint16)
    total = np.uint64(0)
    bright = 0
    lit = 0
    most = np.int64(0)
    for y in range(height):
        for tile in range(lowest.shape[1]):
            start = tile * tile_px
            count = min(tile_px, width - start)
            part = tile_of(rows, layout, y, start, count, buffer)
            largest = part[0]
            for x in range(count):
                largest = max(largest, part[x])
            most = max(most, np.int64(largest))
            part_total = np.uint32(0)
            for x in range(count):
                part_total = np.uint32(part_total + part[x])
            total += np.uint64(part_total)
            if largest > black_adu:
                part_bright = np.uint16(0)
                for x in range(count):
                    part_bright = np.uint16(part_bright + np.uint16(part[x] > black_adu))
                bright += int(part_bright)
            if np.int64(largest) + shift_adu <= np.int64(lowest[y, tile]):
                continue
            hot = apart[y, tile]
            if shift_adu == 0 and hot >= 0 and largest <= apart_limit[y, tile]:
                # In nearly every frame it is the tile's hot pixel alone, below its own threshold.
                before, behind = part[:hot], part[hot + 1 : count]
                others = np.uint16(0)
                for x in range(before.shape[0]):
                    others = max(others, np.uint16(before[x]))
                for x in range(behind.shape[0]):
                    others = max(others, np.uint16(behind[x]))
                if others <= lowest[y, tile]:
                    continue
            limit = threshold[y, start : start + count]
            part_lit = np.uint16(0)
            if shift_adu == 0:  # narrow numbers: more of them to a vector
                for x in range(count):
                    above = np.uint16(part[x]) > limit[x]
                    part_lit = np.uint16(part_lit + np.uint16(above))
            else:
                for x in range(count):
                    above = np.int32(part[x]) + np.int32(shift_adu) > np.int32(limit[x])
                    part_lit = np.uint16(part_lit + np.uint16(above))
            if part_lit == 0:
                continue
            for piece in range(0, count, _PIECE_PX):
                end = min(piece + _PIECE_PX, count)
                some, limits = part[piece:end], limit[piece:end]
                near = np.uint16(0)
                for x in range(some.shape[0]):
                    above = np.int32(some[x]) + np.int32(shift_adu) > np.int32(limits[x])
                    near = np.uint16(near + np.uint16(above))
                if near == 0:
                    continue
                for x in range(piece, end):
                    limit_adu = np.int64(limit[x])
                    if np.int64(part[x]) + shift_adu > limit_adu and limit_adu < top_adu:
                        if lit < seeds.shape[0]:
                            seeds[lit] = y * width + start + x
                        lit += 1
    return total, bright, lit, most


@cache
def _kernel(packing: Packing) -> Any:
    parts = {"prefetch": prefetch_intrinsic(), "fetch_ahead": fetch_ahead}
    if packing == "none":
        return linked(_scan_tiles, **parts, tile_of=_plain_tile)
    return linked(_scan_tiles, **parts, unpack_row=UNPACK_ROW[packing], tile_of=_unpacked_tile)
