"""The one read of a frame: cover statistics and seeds together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.jit import compiled, numba_available
from edge.frame import Pixels

MOST_WIDTH_PX = 65_536
"""A row's sum fits 32 bits."""

MOST_SEEDS = 65_536
"""A frame with more lit pixels is no longer looked at pixel by pixel: it is a flood."""

_SPAN_PX = 256
"""In a row with lit pixels, spans without any are passed over in vectors too."""


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
        Pixels above their seed threshold.
    seeds : ndarray of int64, shape (min(lit, MOST_SEEDS),)
        Flat indices of lit pixels in raster order.
    """

    total_adu: int
    bright: int
    lit: int
    seeds: NDArray[np.int64]


def scan(pixels: Pixels, seed_threshold: NDArray[np.uint16], black_adu: int) -> Scan:
    """Read a frame once.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)
        May be strided and read-only.
    seed_threshold : ndarray of uint16, shape (height, width)
        A pixel is lit when its value is above.
    black_adu : int
        A pixel is bright when its value is above.
    """
    if numba_available() and pixels.shape[1] <= MOST_WIDTH_PX:
        seeds = np.empty(MOST_SEEDS, np.int64)
        # Of the frame's own type: a comparison of unlike integers is done one by one.
        black = pixels.dtype.type(min(black_adu, np.iinfo(pixels.dtype).max))
        total, bright, lit = _kernel()(pixels, seed_threshold, black, seeds)
        return Scan(int(total), int(bright), int(lit), seeds[: min(lit, MOST_SEEDS)].copy())
    return scan_numpy(pixels, seed_threshold, black_adu)


def scan_numpy(pixels: Pixels, seed_threshold: NDArray[np.uint16], black_adu: int) -> Scan:
    """Give the same answer with NumPy alone: the fallback, and the tests' reference."""
    seeds = np.flatnonzero(pixels > seed_threshold)
    bright = int(np.count_nonzero(pixels > black_adu))
    total = int(pixels.sum(dtype=np.uint64))
    return Scan(total, bright, len(seeds), seeds[:MOST_SEEDS].astype(np.int64))


def _scan_rows(
    pixels: Any, seed_threshold: Any, black_adu: Any, seeds: Any
) -> tuple[Any, int, int]:
    """Count a row without branches, so that it is done in vectors; look closer where one is lit."""
    height, width = pixels.shape
    total = np.uint64(0)
    bright = 0
    lit = 0
    room = seeds.shape[0]
    for y in range(height):
        row_total = np.uint32(0)
        row_bright = np.uint32(0)
        row_lit = np.uint32(0)
        for x in range(width):
            value = pixels[y, x]
            row_total += np.uint32(value)
            row_bright += np.uint32(value > black_adu)
            row_lit += np.uint32(value > seed_threshold[y, x])
        total += np.uint64(row_total)
        bright += int(row_bright)
        if row_lit > 0:
            for start in range(0, width, _SPAN_PX):
                span = pixels[y, start : start + _SPAN_PX]
                limit = seed_threshold[y, start : start + _SPAN_PX]
                span_lit = np.uint32(0)
                for x in range(span.shape[0]):
                    span_lit += np.uint32(span[x] > limit[x])
                if span_lit == 0:
                    continue
                for x in range(span.shape[0]):
                    if span[x] > limit[x]:
                        if lit < room:
                            seeds[lit] = y * width + start + x
                        lit += 1
    return total, bright, lit


@cache
def _kernel() -> Any:
    return compiled(_scan_rows)
