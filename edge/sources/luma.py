"""Colour to luma, the only thing done to colour input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import Pixels

LUMA = "luma"


def luma(red: NDArray[Any], green: NDArray[Any], blue: NDArray[Any]) -> Pixels:
    """Luma by ITU-R BT.601, rounded half up, in exact integer arithmetic.

    Parameters
    ----------
    red, green, blue : ndarray of uint8 or uint16, shape (height, width)

    Returns
    -------
    ndarray, shape (height, width)
        Of the same dtype. OpenCV's own conversion differs by one count in some pixels.
    """
    # 1000 * 65535 fits uint32, so neither the sum nor the rounding can wrap.
    total: NDArray[np.uint32] = np.multiply(red, np.uint32(299), dtype=np.uint32)
    total += np.multiply(green, np.uint32(587), dtype=np.uint32)
    total += np.multiply(blue, np.uint32(114), dtype=np.uint32)
    total += 500
    total //= 1000
    return total.astype(np.uint8) if red.dtype.itemsize == 1 else total.astype(np.uint16)
