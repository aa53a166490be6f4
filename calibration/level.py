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
    top = int(np.iinfo(pixels.dtype).max)
    step = pixels.dtype.type(min(abs(shift_adu), top))
    moved: NDArray[Any]
    if shift_adu < 0:
        moved = np.maximum(pixels, step)
        moved -= step
    else:
        moved = np.minimum(pixels, pixels.dtype.type(top) - step)
        moved += step
    return moved
