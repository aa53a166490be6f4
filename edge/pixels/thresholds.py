"""A threshold for each pixel, and what of each tile tells that it needs no closer look."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.jit import compiled, numba_available
from edge.pixels.memory import as_map
from edge.pixels.packing import tile_px_of


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdMap:
    """What a frame is compared with.

    A hot pixel keeps its tile above the lowest threshold in every frame. Where a tile has one such
    pixel, it is known by its place and its own threshold, and the others are looked at without it.

    Attributes
    ----------
    values : ndarray of uint16, shape (height, width)
        A pixel is lit when its value is above.
    tile_px : int
        Width of a tile; the last one of a row may be shorter.
    lowest : ndarray of uint16, shape (height, tiles)
        Threshold of each tile.
    apart : ndarray of int16, shape (height, tiles)
        Column, within the tile, of the one pixel whose threshold lies far above the others'; -1
        where there is none, or more than one.
    apart_limit : ndarray of uint16, shape (height, tiles)
        Its threshold.
    """

    values: NDArray[np.uint16]
    tile_px: int
    lowest: NDArray[np.uint16]
    apart: NDArray[np.int16]
    apart_limit: NDArray[np.uint16]

    @classmethod
    def of(cls, values: NDArray[np.uint16]) -> ThresholdMap:
        """Look through the thresholds; `values` must not be changed afterwards."""
        height, width = values.shape
        tile_px = tile_px_of(width)
        shape = height, -(-width // tile_px)
        lowest, limit = np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)
        apart = np.full(shape, -1, np.int16)
        rows = as_map(values)
        if numba_available():
            _kernel()(rows, tile_px, lowest, apart, limit)
        else:
            _look_numpy(rows, tile_px, lowest, apart, limit)
        return cls(rows, tile_px, as_map(lowest), as_map(apart), as_map(limit))


def _look_numpy(
    rows: NDArray[np.uint16],
    tile_px: int,
    lowest: NDArray[np.uint16],
    apart: NDArray[np.int16],
    limit: NDArray[np.uint16],
) -> None:
    """Fill in what is known of the tiles: the fallback, and the tests' reference."""
    for tile in range(lowest.shape[1]):
        part = rows[:, tile * tile_px : (tile + 1) * tile_px].astype(np.int32)
        highest = part.argmax(axis=1)
        least, most = part.min(axis=1), part.max(axis=1)
        part[np.arange(len(part)), highest] = -1
        stands_apart = part.max(axis=1) - least < (most - least) >> 1
        lowest[:, tile], limit[:, tile] = least, most
        apart[:, tile] = np.where(stands_apart, highest, -1)


def _look_scalar(rows: Any, tile_px: int, lowest: Any, apart: Any, limit: Any) -> None:
    height, width = rows.shape
    for y in range(height):
        for tile in range(lowest.shape[1]):
            start = tile * tile_px
            part = rows[y, start : min(start + tile_px, width)]
            count = part.shape[0]
            least, most = part[0], part[0]
            for x in range(count):
                least = min(least, part[x])
            for x in range(count):
                most = max(most, part[x])
            lowest[y, tile], limit[y, tile] = least, most
            highest = 0
            while part[highest] != most:
                highest += 1
            before, behind = part[:highest], part[highest + 1 :]
            second = np.int64(-1)
            for x in range(before.shape[0]):
                second = max(second, np.int64(before[x]))
            for x in range(behind.shape[0]):
                second = max(second, np.int64(behind[x]))
            if second - np.int64(least) < (np.int64(most) - np.int64(least)) >> 1:
                apart[y, tile] = highest


@cache
def _kernel() -> Any:
    return compiled(_look_scalar)
