"""A cluster in pieces made whole, and how deep its pixels lie."""

from __future__ import annotations

from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from edge.features.skeleton import Mask

_MOST_PIECES = 16
_Bridge = tuple[float, NDArray[np.int64], NDArray[np.int64]]


def joined(mask: Mask) -> Mask:
    """Draw the shortest lines between the pieces of a mask, the largest 16 (Prim's tree)."""
    import cv2

    count, labels = cv2.connectedComponents(mask, connectivity=8)
    if count <= 2:
        return mask
    areas = np.bincount(labels.ravel())
    largest = sorted(range(1, count), key=lambda number: -areas[number])[:_MOST_PIECES]
    pieces = [np.argwhere(labels == number) for number in largest]
    whole = np.isin(labels, largest).astype(np.uint8)
    last = pieces.pop(0)
    bridges = _bridges(last, pieces, mask.shape)
    while pieces:
        number = min(range(len(pieces)), key=lambda n: bridges[n][0])
        _, (y0, x0), (y1, x1) = bridges.pop(number)
        cv2.line(whole, (int(x0), int(y0)), (int(x1), int(y1)), 1)
        last = pieces.pop(number)
        both = zip(bridges, _bridges(last, pieces, mask.shape), strict=True)
        bridges = [min(pair, key=itemgetter(0)) for pair in both]
    return whole


def _bridges(
    one: NDArray[np.int64], others: list[NDArray[np.int64]], shape: tuple[int, ...]
) -> list[_Bridge]:
    """Squared distance from a piece to each of others, and the places it lies between."""
    dark = np.ones(shape, np.uint8)
    dark[one[:, 0], one[:, 1]] = 0
    squared = squared_depth(dark)
    bridges = []
    for other in others:
        there = squared[other[:, 0], other[:, 1]]
        end = other[int(there.argmin())]
        start = one[int(((one - end) ** 2).sum(axis=1).argmin())]
        bridges.append((float(there.min()), start, end))
    return bridges


def squared_depth(mask: Mask) -> NDArray[np.float64]:
    """Squared distance of each lit pixel to the nearest dark one.

    OpenCV's roots differ in the last bit with where the array lies; their squares are whole.
    """
    import cv2

    depth = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    exact: NDArray[np.float64] = np.rint(np.square(depth.astype(np.float64)))
    return exact
