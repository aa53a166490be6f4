"""Streaming statistics of every pixel: count, sum, sum of squares and the four largest values.

23 bytes a pixel: 4 and 8 for the sums, 8 for the values, 3 for when they were.

All sums are integers, so that the result is exact and does not depend on which of the two paths
(numba, NumPy) made it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.jit import compiled, numba_available

LARGEST_KEPT = 4
"""RMS leaves the four largest values out of its mean and standard deviation."""

MOST_FRAMES = 65_536
"""Sums of so many 16-bit values fit into 32 bits."""

WHEN_KEPT = 3
"""A particle that lasts lights a pixel in up to three frames."""


class PixelStatistics:
    """Sum, sum of squares and largest values of each pixel over the frames added.

    Attributes
    ----------
    count : int
        Frames added, at most `MOST_FRAMES`.
    total : ndarray of uint32, shape (height, width)
    squares : ndarray of uint64, shape (height, width)
    largest : ndarray of uint16, shape (LARGEST_KEPT, height, width)
        Descending.
    when : ndarray of uint8, shape (WHEN_KEPT, height, width)
        Which frame each of the first of them is from, counted from 0, modulo 256: enough to tell
        neighbouring frames. Of equal values the earliest are kept.
    """

    def __init__(self, height_px: int, width_px: int) -> None:
        self.count = 0
        self.total = np.zeros((height_px, width_px), np.uint32)
        self.squares = np.zeros((height_px, width_px), np.uint64)
        self.largest = np.zeros((LARGEST_KEPT, height_px, width_px), np.uint16)
        self.when = np.zeros((WHEN_KEPT, height_px, width_px), np.uint8)

    def add(self, pixels: NDArray[Any]) -> None:
        """Add a frame of uint8 or uint16, shape (height, width); raises beyond `MOST_FRAMES`."""
        if pixels.shape != self.total.shape:
            raise ValueError(f"frame is {pixels.shape}, statistics are {self.total.shape}")
        if self.count >= MOST_FRAMES:
            raise ValueError(f"statistics of {self.count} frames can't take another one")
        kernel = _numba_kernel() if numba_available() else add_numpy
        kernel(pixels, self.total, self.squares, self.largest, self.when, self.count)
        self.count += 1

    def release_sums(self) -> None:
        """Give back the memory of the two sums; no frame can be added any more."""
        self.total = np.zeros((0, 0), np.uint32)
        self.squares = np.zeros((0, 0), np.uint64)


def add_numpy(  # noqa: PLR0917  (as the compiled one, which takes no keywords)
    pixels: NDArray[Any],
    total: NDArray[np.uint32],
    squares: NDArray[np.uint64],
    largest: NDArray[np.uint16],
    when: NDArray[np.uint8],
    number: int,
) -> None:
    """Add frame `number` with NumPy: the reference for the compiled path."""
    total += pixels
    wide = pixels.astype(np.uint64)
    squares += wide * wide
    carried = pixels.astype(np.uint16)
    since = np.full(pixels.shape, number % 256, np.uint8)
    moved = np.zeros(pixels.shape, np.bool_)  # below the new value's place all move down by one
    for place, slot in enumerate(largest):
        moved |= carried > slot
        slot[moved], carried[moved] = carried[moved], slot[moved]
        if place < len(when):
            frame = when[place]
            frame[moved], since[moved] = since[moved], frame[moved]


def _add_scalar(  # noqa: PLR0917
    pixels: NDArray[Any],
    total: NDArray[np.uint32],
    squares: NDArray[np.uint64],
    largest: NDArray[np.uint16],
    when: NDArray[np.uint8],
    number: int,
) -> None:
    height, width = pixels.shape
    kept = largest.shape[0]
    dated = when.shape[0]
    for y in range(height):
        for x in range(width):
            value = np.uint64(pixels[y, x])
            total[y, x] += np.uint32(value)
            squares[y, x] += value * value
            if value > largest[kept - 1, y, x]:
                slot = kept - 1
                while slot > 0 and value > largest[slot - 1, y, x]:
                    largest[slot, y, x] = largest[slot - 1, y, x]
                    if slot < dated:
                        when[slot, y, x] = when[slot - 1, y, x]
                    slot -= 1
                largest[slot, y, x] = np.uint16(value)
                if slot < dated:
                    when[slot, y, x] = np.uint8(number & 255)


@cache
def _numba_kernel() -> Any:
    return compiled(_add_scalar)
