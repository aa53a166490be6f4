"""Frames as kernels take them: one kind of array, whatever buffer a frame lies in."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)


def as_rows(pixels: NDArray[Kind]) -> NDArray[Kind]:
    """View of a frame as a read-only, C-contiguous array, without a copy where that can be.

    Kernels are compiled for this one kind of array, and only in such a one do they know that a
    row's pixels lie side by side. Rows that are padded keep their padding: the view is then wider
    than the frame, and what lies beyond its width, behind the last row even outside the buffer,
    must not be read.

    Returns
    -------
    ndarray, shape (height, at least width)
        The very frame where its rows are not contiguous or not evenly padded: slow, and right.
    """
    item, (height, width) = pixels.itemsize, pixels.shape
    if not pixels.flags.c_contiguous:
        stride = pixels.strides[0]
        side_by_side = pixels.strides[1] == item or width == 1
        if not side_by_side or stride < width * item or stride % item:
            return _read_only(pixels)
        return as_strided(pixels, (height, stride // item), (stride, item), writeable=False)
    return _read_only(pixels)


def as_map(values: NDArray[Kind]) -> NDArray[Kind]:
    """Values of each pixel as kernels take them; copied where they do not lie side by side."""
    return _read_only(np.ascontiguousarray(values))


def _read_only(pixels: NDArray[Kind]) -> NDArray[Kind]:
    if not pixels.flags.writeable:
        return pixels
    view = pixels.view()
    view.flags.writeable = False
    return view
