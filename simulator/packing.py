"""Pixels as a camera's receiver lays them in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.spec import Packing

Bytes = NDArray[np.uint8]

# Pixels in a group, its bytes, and the low bits that each pixel leaves to the group's end.
_GROUPS: dict[str, tuple[int, int, int]] = {
    "mipi10": (4, 5, 2),
    "mipi12": (2, 3, 4),
    "mipi14": (4, 7, 6),
}
# What lies in the padding of a row on real hardware is left over from before: no reader may use
# it, so it is not 0.
_PADDING = 0xA5


def pack(pixels: NDArray[np.uint16], packing: Packing, row_align_bytes: int = 1) -> Bytes:
    """Pack pixels as MIPI CSI-2 RAW10, RAW12 or RAW14 (MIPI Alliance, CSI-2, data formats).

    A group holds the high bytes of 4, 2 or 4 pixels, then their low bits, the first pixel in the
    least significant ones.

    Parameters
    ----------
    pixels : ndarray of uint16, shape (height, width)
        Of as many bits as the packing holds.
    packing : {"mipi10", "mipi12", "mipi14"}
    row_align_bytes : int
        Rows are padded to a multiple of it; a Raspberry Pi pads to 32.

    Returns
    -------
    ndarray of uint8, shape (height, stride)
        A width that fills no whole group is filled up with zeros.
    """
    count, size, low_bits = _GROUPS[packing]
    height, width = pixels.shape
    groups = -(-width // count)
    whole = np.zeros((height, groups * count), np.uint16)
    whole[:, :width] = pixels
    cells = whole.reshape(height, groups, count)
    stride = -(-groups * size // row_align_bytes) * row_align_bytes
    out = np.full((height, stride), _PADDING, np.uint8)
    packed = out[:, : groups * size].reshape(height, groups, size)
    packed[:, :, :count] = cells >> np.uint16(low_bits)
    tail = np.zeros((height, groups), np.uint32)
    mask = np.uint16((1 << low_bits) - 1)
    for i in range(count):
        tail |= (cells[:, :, i] & mask).astype(np.uint32) << np.uint32(low_bits * i)
    for i in range(size - count):
        packed[:, :, count + i] = (tail >> np.uint32(8 * i)).astype(np.uint8)
    return out
