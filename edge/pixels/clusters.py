"""Seeds grown to connected clusters (8 neighbours) of pixels above the growth threshold."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.jit import numba_available
from calibration.linked import linked
from edge.pixels.memory import as_map
from edge.pixels.packing import value_at
from edge.pixels.picture import Readable, raw

MOST_PX = 65_536
"""So many pixels in all clusters of a frame are light; how many more there are is not asked."""


def grow(
    pixels: Readable,
    growth_threshold: NDArray[np.uint16],
    seeds: NDArray[np.int64],
    *,
    most: int | None = None,
    marks: NDArray[np.uint8] | None = None,
) -> list[NDArray[np.int64]] | None:
    """Clusters that hold at least one seed.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width), or Picture
    growth_threshold : ndarray of uint16, shape (height, width)
        A pixel belongs to its neighbour's cluster when its value is above.
    seeds : ndarray of int64
        Flat indices of lit pixels, ascending; they belong to a cluster wherever they lie.
    most : int, optional
        More clusters than these, or more pixels in them than `MOST_PX`, are a flood.
    marks : ndarray of uint8, shape (height, width), optional
        Zeros, and zeros again afterwards: so that it need not be made for each frame.

    Returns
    -------
    list of ndarray of int64, or None
        Flat indices of each cluster in raster order; clusters in the order of their first pixel.
        None: a flood. The time until it is known is bounded.
    """
    if len(seeds) == 0:
        return []
    if not numba_available():
        clusters = grow_numpy(pixels, growth_threshold, seeds)
        flood = most is not None and (len(clusters) > most or sum(map(len, clusters)) > MOST_PX)
        return None if flood else clusters
    if marks is None:
        marks = np.zeros(growth_threshold.shape, np.uint8)
    limits = (len(seeds), growth_threshold.size) if most is None else (most, MOST_PX)
    members, ends = _kernel()(*raw(pixels), as_map(growth_threshold), seeds, marks, *limits)
    if len(ends) > limits[0] or len(members) > limits[1]:
        return None
    return sorted((np.sort(part) for part in np.split(members, ends[:-1])), key=_first)


def _first(cluster: NDArray[np.int64]) -> int:
    return int(cluster[0])


def grow_numpy(
    pixels: Readable, growth_threshold: NDArray[np.uint16], seeds: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Give the same answer with OpenCV's connected components over the whole frame."""
    import cv2

    above = np.greater(pixels[:, :], growth_threshold, order="C")
    above.ravel()[seeds] = True
    _, labels = cv2.connectedComponents(above.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    flat = labels.ravel()
    wanted = np.unique(flat[seeds])
    members = np.flatnonzero(np.isin(flat, wanted)).astype(np.int64)
    own = flat[members]
    order = np.argsort(own, kind="stable")
    parts = np.split(members[order], np.flatnonzero(np.diff(own[order])) + 1)
    return sorted(parts, key=_first)


def _grow_scalar(  # noqa: PLR0912, PLR0917  (numba compiles one function best)
    rows: Any,
    layout: Any,
    shift_adu: int,
    growth_threshold: Any,
    seeds: Any,
    marks: Any,
    most: int,
    most_px: int,
) -> Any:
    """Marks are 1 for a seed, 2 for what belongs to a cluster."""
    height, width = growth_threshold.shape
    for seed in seeds:
        marks[seed // width, seed % width] = 1
    members = np.empty(max(1024, 2 * seeds.shape[0]), np.int64)
    ends = np.empty(seeds.shape[0], np.int64)
    count = 0
    clusters = 0
    for seed in seeds:
        if clusters > most or count > most_px:
            break
        if marks[seed // width, seed % width] == 2:
            continue
        marks[seed // width, seed % width] = 2
        if count == members.shape[0]:
            members = np.concatenate((members, np.empty_like(members)))
        members[count] = seed
        head = count
        count += 1
        while head < count <= most_px:
            y = members[head] // width
            x = members[head] % width
            head += 1
            for ny in range(max(y - 1, 0), min(y + 2, height)):
                for nx in range(max(x - 1, 0), min(x + 2, width)):
                    if marks[ny, nx] == 2:
                        continue
                    if marks[ny, nx] == 0:
                        value = value_at(rows, layout, shift_adu, ny, nx)
                        if value <= growth_threshold[ny, nx]:
                            continue
                    marks[ny, nx] = 2
                    if count == members.shape[0]:
                        members = np.concatenate((members, np.empty_like(members)))
                    members[count] = ny * width + nx
                    count += 1
        ends[clusters] = count
        clusters += 1
    for i in range(count):
        marks[members[i] // width, members[i] % width] = 0
    for seed in seeds:
        marks[seed // width, seed % width] = 0
    return members[:count].copy(), ends[:clusters].copy()


@cache
def _kernel() -> Any:
    return linked(_grow_scalar, value_at=value_at)
