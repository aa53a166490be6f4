"""Seeds grown to connected clusters (8 neighbours) of pixels above the growth threshold."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.jit import compiled, numba_available
from edge.frame import Pixels


def grow(
    pixels: Pixels, growth_threshold: NDArray[np.uint16], seeds: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Clusters that hold at least one seed.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)
    growth_threshold : ndarray of uint16, shape (height, width)
        A pixel belongs to its neighbour's cluster when its value is above.
    seeds : ndarray of int64
        Flat indices of lit pixels, ascending; they belong to a cluster wherever they lie.

    Returns
    -------
    list of ndarray of int64
        Flat indices of each cluster in raster order; clusters in the order of their first pixel.
    """
    if len(seeds) == 0:
        return []
    if numba_available():
        members, ends = _kernel()(pixels, growth_threshold, seeds)
        clusters = [np.sort(part) for part in np.split(members, ends[:-1])]
        return sorted(clusters, key=lambda cluster: int(cluster[0]))
    return grow_numpy(pixels, growth_threshold, seeds)


def grow_numpy(
    pixels: Pixels, growth_threshold: NDArray[np.uint16], seeds: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Give the same answer with OpenCV's connected components over the whole frame."""
    import cv2

    above = pixels > growth_threshold
    above.ravel()[seeds] = True
    _, labels = cv2.connectedComponents(above.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    flat = labels.ravel()
    wanted = np.unique(flat[seeds])
    members = np.flatnonzero(np.isin(flat, wanted)).astype(np.int64)
    own = flat[members]
    order = np.argsort(own, kind="stable")
    parts = np.split(members[order], np.flatnonzero(np.diff(own[order])) + 1)
    return sorted(parts, key=lambda cluster: int(cluster[0]))


def _grow_scalar(pixels: Any, growth_threshold: Any, seeds: Any) -> Any:
    height, width = pixels.shape
    seen = np.zeros((height, width), np.bool_)
    lit = np.zeros((height, width), np.bool_)
    for seed in seeds:
        lit[seed // width, seed % width] = True
    members = np.empty(max(1024, 2 * seeds.shape[0]), np.int64)
    ends = np.empty(seeds.shape[0], np.int64)
    count = 0
    clusters = 0
    for seed in seeds:
        if seen[seed // width, seed % width]:
            continue
        seen[seed // width, seed % width] = True
        if count == members.shape[0]:
            members = np.concatenate((members, np.empty_like(members)))
        members[count] = seed
        head = count
        count += 1
        while head < count:
            y = members[head] // width
            x = members[head] % width
            head += 1
            for ny in range(max(y - 1, 0), min(y + 2, height)):
                for nx in range(max(x - 1, 0), min(x + 2, width)):
                    if not seen[ny, nx] and (
                        lit[ny, nx] or pixels[ny, nx] > growth_threshold[ny, nx]
                    ):
                        seen[ny, nx] = True
                        if count == members.shape[0]:
                            members = np.concatenate((members, np.empty_like(members)))
                        members[count] = ny * width + nx
                        count += 1
        ends[clusters] = count
        clusters += 1
    return members[:count].copy(), ends[:clusters].copy()


@cache
def _kernel() -> Any:
    return compiled(_grow_scalar)
