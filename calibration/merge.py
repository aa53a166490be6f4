"""Statistics of two runs of frames joined, as if they had been added one after the other."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.bands import row_bands
from calibration.jit import compiled, numba_available
from calibration.statistics import PixelStatistics

CHUNK_FRAMES = 16
_TOP_ADU = 65_535


class ChunkedStatistics:
    """Statistics of frames of which the last few can still be told apart from those before.

    Frames go into a chunk, which is joined to those before it when it is full.
    """

    def __init__(self, height_px: int, width_px: int) -> None:
        self._before: PixelStatistics | None = None
        self._chunk = PixelStatistics(height_px, width_px)
        self._in_chunk = 0

    def add(self, pixels: NDArray[Any], *, join: bool) -> None:
        """Add a frame; with `join`, a full chunk is joined to those before it first."""
        if join and self._in_chunk >= CHUNK_FRAMES:
            self.join()
        self._chunk.add(pixels)
        self._in_chunk += 1

    def join(self) -> None:
        """Join the chunk to those before it; the next frame begins a new one."""
        if not self._in_chunk:
            return
        if self._before is None:
            self._before = self._chunk
            self._chunk = PixelStatistics(*self._before.total.shape)
        else:
            merge(self._before, self._chunk)
            chunk = self._chunk
            for array in (chunk.total, chunk.squares, chunk.largest, chunk.when):
                array.fill(0)
        self._chunk.count = self._before.count
        self._in_chunk = 0

    def drop_joined(self) -> None:
        """Throw away what was joined, and keep the chunk."""
        if self._before is None:
            return
        self._chunk.when -= np.uint8(self._before.count & 255)
        self._before = None
        self._chunk.count = self._in_chunk

    def joined(self) -> PixelStatistics:
        """Give all frames as one; nothing can be added any more."""
        whole = self._before
        if whole is None:
            return self._chunk
        if self._in_chunk:
            merge(whole, self._chunk)
        self._chunk = PixelStatistics(0, 0)
        return whole


def merge(before: PixelStatistics, later: PixelStatistics) -> None:
    """Join `later`, which was numbered on from `before`, into `before`.

    Bit for bit what adding all the frames to one gives: sums are integers, and of equal values the
    earlier stay.
    """
    before.total += later.total
    before.squares += later.squares
    if numba_available():
        # Whole arrays: bands of them lie otherwise in memory, and would be compiled for again.
        _numba_kernel()(before.largest, before.when, later.largest, later.when)
    else:
        for rows in row_bands(before.total.shape):
            merge_numpy(
                before.largest[:, rows],
                before.when[:, rows],
                later.largest[:, rows],
                later.when[:, rows],
            )
    before.count = later.count


def lift(statistics: PixelStatistics, shift_adu: int) -> None:
    """Add whole ADU to all values that were added; what would fall below 0 is 0."""
    count = statistics.count
    for rows in row_bands(statistics.total.shape):
        total = statistics.total[rows].astype(np.int64)
        lifted = total + count * shift_adu
        squares = statistics.squares[rows].astype(np.int64)
        squares += 2 * shift_adu * total + count * shift_adu * shift_adu
        below = lifted < 0
        lifted[below] = 0
        squares[below] = 0
        statistics.total[rows] = lifted
        statistics.squares[rows] = squares
        for slot in statistics.largest:
            slot[rows] = np.clip(slot[rows].astype(np.int32) + shift_adu, 0, _TOP_ADU)


def merge_numpy(
    largest: NDArray[np.uint16],
    when: NDArray[np.uint8],
    other: NDArray[np.uint16],
    other_when: NDArray[np.uint8],
) -> None:
    """Sort the values of `other` into `largest` with NumPy: the reference for the compiled path."""
    for place, values in enumerate(other):
        carried = values.copy()
        # The last one is never among the dated: those before it are larger.
        since = other_when[place].copy() if place < len(when) else np.zeros_like(other_when[0])
        moved = np.zeros(values.shape, np.bool_)
        for slot, held in enumerate(largest):
            moved |= carried > held
            held[moved], carried[moved] = carried[moved], held[moved]
            if slot < len(when):
                frame = when[slot]
                frame[moved], since[moved] = since[moved], frame[moved]


def _merge_scalar(
    largest: NDArray[np.uint16],
    when: NDArray[np.uint8],
    other: NDArray[np.uint16],
    other_when: NDArray[np.uint8],
) -> None:
    kept, height, width = largest.shape
    dated = when.shape[0]
    for y in range(height):
        for x in range(width):
            for place in range(kept):
                value = other[place, y, x]
                if value <= largest[kept - 1, y, x]:
                    break
                since = np.uint8(0)
                if place < dated:
                    since = other_when[place, y, x]
                slot = kept - 1
                while slot > 0 and value > largest[slot - 1, y, x]:
                    largest[slot, y, x] = largest[slot - 1, y, x]
                    if slot < dated:
                        when[slot, y, x] = when[slot - 1, y, x]
                    slot -= 1
                largest[slot, y, x] = value
                if slot < dated:
                    when[slot, y, x] = since


@cache
def _numba_kernel() -> Any:
    return compiled(_merge_scalar)
