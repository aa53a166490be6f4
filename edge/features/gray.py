"""A picture of any kind as one plane of counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import Pixels
from edge.sources.luma import luma


def to_gray(pixels: NDArray[Any]) -> Pixels:
    """Take the luma of colour, the first channel of gray with alpha; transparency is left out.

    Colour itself is no feature: a rig's crops have none, and a phone's says which phone it was.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width) or (height, width, 1 to 4)
        Gray, gray and alpha, RGB, or RGB and alpha.

    Returns
    -------
    ndarray, shape (height, width)
        Of the same dtype; the array itself where it is gray already.

    Raises
    ------
    ValueError
        It is empty, or of another shape or dtype.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels must be uint8 or uint16, not {pixels.dtype}")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and not 1 <= pixels.shape[2] <= 4):
        raise ValueError(f"pixels must be gray, RGB or RGBA, not of shape {pixels.shape}")
    if pixels.size == 0:
        raise ValueError(f"a picture needs at least one pixel, this has the shape {pixels.shape}")
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] <= 2:
        return np.ascontiguousarray(pixels[..., 0])
    return luma(pixels[..., 0], pixels[..., 1], pixels[..., 2])
