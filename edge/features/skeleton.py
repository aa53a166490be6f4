"""The line in the middle of a cluster, one pixel thick."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
"""0 or 1, shape (height, width)."""

_END, _FORK = 1, 2


def thin(mask: Mask) -> Mask:
    """Thin a mask to lines of one pixel that keep its connections and its holes.

    Z. Guo and R. W. Hall, "Parallel thinning with two-subiteration algorithms", CACM 32
    (1989) 359, their algorithm A1, as `skimage.morphology.thin` has it. Zhang and Suen's, the
    more common one, deletes squares of 2 x 2 pixels and eats slanting lines two pixels thick,
    which is what most tracks are.

    Parameters
    ----------
    mask : ndarray of uint8, shape (height, width)
        0 or 1. Beyond its edge nothing is lit.

    Returns
    -------
    ndarray of uint8, shape (height, width)
    """
    import cv2

    weights, tables = _weights(), _tables()
    left = mask.copy()
    while True:
        before = int(np.count_nonzero(left))
        for table in tables:
            codes = cv2.filter2D(left, cv2.CV_8U, weights, borderType=cv2.BORDER_CONSTANT)
            left &= np.asarray(cv2.LUT(codes, table), np.uint8)
        if int(np.count_nonzero(left)) == before:
            return left


def ends_and_forks(skeleton: Mask) -> tuple[int, int]:
    """Count the ends of a skeleton, and the places where three or more branches meet.

    By Rutovitz' crossing number: how often the ring of eight neighbours goes from dark to lit.
    An end has one neighbour, or two that touch; a lone pixel is no end.
    """
    import cv2

    codes = cv2.filter2D(skeleton, cv2.CV_8U, _weights(), borderType=cv2.BORDER_CONSTANT)
    kinds = cv2.LUT(codes, _kinds()) * skeleton
    forks = int(cv2.connectedComponents((kinds == _FORK).astype(np.uint8))[0]) - 1
    return int(np.count_nonzero(kinds == _END)), forks


@cache
def _weights() -> NDArray[np.float32]:
    """Bit of each neighbour in a pixel's code: clockwise from above, 1 to 128."""
    return np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)


@cache
def _bits() -> NDArray[np.bool_]:
    """Which neighbours each code has lit, shape (256, 8)."""
    return ((np.arange(256)[:, np.newaxis] >> np.arange(8)) & 1).astype(bool)


@cache
def _kinds() -> Mask:
    """For each code of neighbours: whether the pixel is an end or a fork of a skeleton."""
    bits = _bits()
    crossings = (bits & ~np.roll(bits, 1, axis=1)).sum(axis=1)
    count = bits.sum(axis=1)
    kinds = np.where(crossings >= 3, _FORK, 0)
    kinds[(crossings == 1) & (count <= 2)] = _END
    return kinds.astype(np.uint8)


@cache
def _tables() -> tuple[Mask, Mask]:
    """For each code of neighbours: 1 keeps the pixel, 0 deletes it, in either subiteration."""
    n, ne, e, se, s, sw, w, nw = _bits().T
    crossings = sum(
        (~straight & (diagonal | following)).astype(int)
        for straight, diagonal, following in ((n, ne, e), (e, se, s), (s, sw, w), (w, nw, n))
    )
    first = sum((one | other).astype(int) for one, other in ((nw, n), (ne, e), (se, s), (sw, w)))
    second = sum((one | other).astype(int) for one, other in ((n, ne), (e, se), (s, sw), (w, nw)))
    fewest = np.minimum(first, second)
    may_go = (crossings == 1) & (fewest >= 2) & (fewest <= 3)
    odd = may_go & ~((n | ne | ~se) & e)
    even = may_go & ~((s | sw | ~nw) & w)
    return (~odd).astype(np.uint8), (~even).astype(np.uint8)
