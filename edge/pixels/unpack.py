"""MIPI CSI-2 packed RAW to plain pixels."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.jit import numba_available
from calibration.linked import linked
from edge.frame import Packing
from edge.pixels.memory import as_rows
from edge.pixels.packing import LAYOUTS
from edge.pixels.unpack_row import UNPACK_ROW


def packed_width_bytes(width_px: int, packing: Packing) -> int:
    """Bytes of a packed row without padding."""
    return LAYOUTS[packing].elements(width_px)


def unpack(packed: NDArray[np.uint8], width_px: int, packing: Packing) -> NDArray[np.uint16]:
    """Unpack rows of bytes, shape (height, stride), to uint16 pixels, shape (height, width_px)."""
    if not numba_available():
        return unpack_numpy(packed, width_px, packing)
    layout = LAYOUTS[packing]
    groups = -(-width_px // layout.pixels)
    out = np.empty((packed.shape[0], groups * layout.pixels), np.uint16)
    _kernel(packing)(as_rows(packed), groups * layout.size, out)
    return out[:, :width_px]


def unpack_numpy(packed: NDArray[np.uint8], width_px: int, packing: Packing) -> NDArray[np.uint16]:
    """Give the same answer with NumPy alone."""
    pixels, size, low_bits = LAYOUTS[packing]
    used = packed_width_bytes(width_px, packing)
    groups = packed[:, :used].reshape(packed.shape[0], used // size, size).astype(np.uint32)
    tail = np.zeros(groups.shape[:2], np.uint32)
    for i in range(size - pixels):
        tail |= groups[:, :, pixels + i] << np.uint32(8 * i)
    out = np.empty((*groups.shape[:2], pixels), np.uint16)
    mask = np.uint32((1 << low_bits) - 1)
    for i in range(pixels):
        low = (tail >> np.uint32(low_bits * i)) & mask
        out[:, :, i] = (groups[:, :, i] << np.uint32(low_bits)) | low
    return out.reshape(packed.shape[0], used // size * pixels)[:, :width_px]


unpack_row: Any = UNPACK_ROW["mipi12"]
"""Stands for that of the frame's packing."""


def _unpack_rows(rows: Any, used: int, out: Any) -> None:
    for y in range(rows.shape[0]):
        unpack_row(rows[y, :used], out[y])


@cache
def _kernel(packing: Packing) -> Any:
    return linked(_unpack_rows, unpack_row=UNPACK_ROW[packing])
