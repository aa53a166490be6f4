"""MIPI CSI-2 packed RAW to plain pixels (MIPI Alliance CSI-2, RAW10/12/14 data formats)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.frame import Packing

_GROUP = {"mipi10": (4, 5), "mipi12": (2, 3), "mipi14": (4, 7)}


def packed_width_bytes(width_px: int, packing: Packing) -> int:
    """Bytes of a packed row without padding."""
    pixels, size = _GROUP[packing]
    return -(-width_px // pixels) * size


def unpack(packed: NDArray[np.uint8], width_px: int, packing: Packing) -> NDArray[np.uint16]:
    """Unpack rows of bytes, shape (height, stride), to uint16 pixels, shape (height, width_px).

    The groups hold the high bytes of 4 (RAW10), 2 (RAW12) or 4 (RAW14) pixels, then their low
    bits, first pixel in the least significant ones.
    """
    pixels, size = _GROUP[packing]
    used = packed_width_bytes(width_px, packing)
    groups = packed[:, :used].reshape(packed.shape[0], -1, size).astype(np.uint32)
    low_bits = {"mipi10": 2, "mipi12": 4, "mipi14": 6}[packing]
    tail = np.zeros(groups.shape[:2], np.uint32)
    for i in range(size - pixels):
        tail |= groups[:, :, pixels + i] << np.uint32(8 * i)
    out = np.empty((*groups.shape[:2], pixels), np.uint16)
    mask = np.uint32((1 << low_bits) - 1)
    for i in range(pixels):
        low = (tail >> np.uint32(low_bits * i)) & mask
        out[:, :, i] = (groups[:, :, i] << np.uint32(low_bits)) | low
    return out.reshape(packed.shape[0], -1)[:, :width_px]
