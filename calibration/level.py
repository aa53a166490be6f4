"""A frame's level brought to another's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def shifted(pixels: NDArray[Any], shift_adu: int) -> NDArray[Any]:
    """Add whole ADU to all pixels, clipped to the range of the dtype; the same array for 0.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16
    shift_adu : int
        May be negative.
    """
    if shift_adu == 0:
        return pixels
    top = np.iinfo(pixels.dtype).max
    moved = pixels.astype(np.int32)
    moved += shift_adu
    np.clip(moved, 0, top, out=moved)
    return moved.astype(pixels.dtype)
