"""How MIPI CSI-2 packs RAW10, RAW12 and RAW14 pixels into bytes (MIPI Alliance, data formats).

A group holds the high bytes of 4 (RAW10), 2 (RAW12) or 4 (RAW14) pixels, then their low bits, the
first pixel in the least significant ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.frame import Packing

TILE_PX = 512
"""A row is looked at in spans of about so many pixels."""

_WHOLE_PX = 64


def tile_px_of(width_px: int) -> int:
    """Width of the tiles of a row: as many as fit 512 pixels best, and of about one width.

    A remnant costs nearly as much as a whole tile. Whole groups and whole vectors, so that at most
    a row's last tile has some pixels over.
    """
    tiles = max(round(width_px / TILE_PX), 1)
    return -(-width_px // (tiles * _WHOLE_PX)) * _WHOLE_PX


class Layout(NamedTuple):
    """Groups of a packing; a plain frame has groups of one pixel and no low bits.

    Attributes
    ----------
    pixels : int
        In a group.
    size : int
        Elements of the array in a group: bytes of a packed frame.
    low_bits : int
        Bits of a pixel that are not in its high byte.
    """

    pixels: int
    size: int
    low_bits: int

    def elements(self, width_px: int) -> int:
        """Length of a row without padding: bytes of a packed frame, pixels of a plain one."""
        return -(-width_px // self.pixels) * self.size


LAYOUTS: Mapping[Packing, Layout] = {
    "none": Layout(1, 1, 0),
    "mipi10": Layout(4, 5, 2),
    "mipi12": Layout(2, 3, 4),
    "mipi14": Layout(4, 7, 6),
}


def value_at(data: Any, layout: Any, shift_adu: int, y: Any, x: Any) -> Any:
    """One pixel of a frame as it lies in memory; numba compiles it into the kernels that ask.

    Parameters
    ----------
    data : ndarray of uint8 or uint16, shape (height, elements)
    layout : Layout
    shift_adu : int
        Added to it, within the range of the type (that of 16 bits for packed pixels).
    y, x : int
        Inside the frame.
    """
    pixels, size, low_bits = layout
    if low_bits == 0:
        value = np.int64(data[y, x])
        top = 255 if data.itemsize == 1 else 65_535
    else:
        start = x // pixels * size
        within = x % pixels
        bit = within * low_bits
        byte = start + pixels + (bit >> 3)
        tail = np.int64(data[y, byte]) >> (bit & 7)
        if (bit & 7) + low_bits > 8:
            tail |= np.int64(data[y, byte + 1]) << (8 - (bit & 7))
        value = np.int64(data[y, start + within]) << low_bits | tail & ((1 << low_bits) - 1)
        top = 65_535
    return min(max(value + shift_adu, 0), top)


def values_at(
    data: NDArray[Any], layout: Layout, rows: NDArray[Any], cols: NDArray[Any]
) -> NDArray[np.uint16]:
    """Pixels of a packed frame at places that broadcast, as `value_at` gives them."""
    start = cols // layout.pixels * layout.size
    within = cols % layout.pixels
    bit = within * layout.low_bits
    byte = start + layout.pixels + (bit >> 3)
    # The last byte of a row has no next one, and needs none.
    following = np.minimum(byte + 1, data.shape[1] - 1)
    tail = data[rows, byte].astype(np.int32) | data[rows, following].astype(np.int32) << 8
    low = tail >> (bit & 7) & ((1 << layout.low_bits) - 1)
    high = data[rows, start + within].astype(np.int32) << layout.low_bits
    return np.asarray(high | low, np.uint16)
