"""The one read of a frame in NumPy: where numba is missing, and the tests' reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import Packing, Pixels
from edge.pixels.thresholds import ThresholdMap
from edge.pixels.unpack import unpack

_BAND_PX = 1 << 18
"""Rows are taken in bands of so many pixels, which stay in the processor's cache."""


def numpy_pass(
    pixels: Pixels,
    thresholds: ThresholdMap,
    black_adu: int,
    packing: Packing,
    shift_adu: int,
) -> tuple[int, int, NDArray[np.int64], int]:
    """Sum, bright pixels, flat indices of the lit ones and largest value, as `scan` has them."""
    height, width = thresholds.values.shape
    step = max(_BAND_PX // width, 1)
    total = bright = most = 0
    seeds: list[NDArray[np.int64]] = []
    for first in range(0, height, step):
        rows = slice(first, min(first + step, height))
        band: NDArray[Any] = pixels[rows]
        if packing != "none":
            band = unpack(band, width, packing)
        total += int(band.sum(axis=1, dtype=np.uint64).sum())
        for start, tiles in _tiles(band, thresholds.tile_px):
            largest = tiles.max(axis=2)
            most = max(most, int(largest.max()))
            bright += int(np.count_nonzero(tiles[largest > black_adu] > black_adu))
            y, x = _lit(tiles, largest, thresholds, rows, start, shift_adu)
            seeds.append((first + y) * width + x)
    return total, bright, np.sort(np.concatenate(seeds)), most


def _tiles(band: NDArray[Any], tile_px: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Whole tiles of some rows, then the shorter ones at their ends: first column, and pixels.

    The pixels have the shape (rows, tiles, pixels of a tile).
    """
    height, width = band.shape
    whole = width // tile_px * tile_px
    if whole:
        yield 0, band[:, :whole].reshape(height, -1, tile_px)
    if whole < width:
        yield whole, band[:, whole:].reshape(height, 1, -1)


def _lit(  # noqa: PLR0917
    tiles: NDArray[Any],
    largest: NDArray[Any],
    thresholds: ThresholdMap,
    rows: slice,
    start: int,
    shift_adu: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows within the band and columns of the lit pixels."""
    first = start // thresholds.tile_px
    lowest = thresholds.lowest[rows, first : first + tiles.shape[1]].astype(np.int32)
    row, tile = np.nonzero(largest.astype(np.int32) + shift_adu > lowest)
    limits = thresholds.values[rows, start : start + tiles.shape[1] * tiles.shape[2]]
    limit = limits.reshape(tiles.shape)[row, tile].astype(np.int32)
    above = tiles[row, tile].astype(np.int32) + shift_adu > limit
    number, x = np.nonzero(above & (limit < np.iinfo(tiles.dtype).max))
    return row[number], start + tile[number] * tiles.shape[2] + x
