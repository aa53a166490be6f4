"""The way along a cluster: how long it is, how far from straight, where it forks and ends.

A track is the path of a straight particle, a worm that of a scattered one; an ellipse can't tell
a bend from a blot. So the cluster is thinned, and the longest of the shortest ways along the
skeleton is measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge.features.pieces import joined, squared_depth
from edge.features.skeleton import Mask, ends_and_forks, thin

_SMOOTHINGS = 3
_REACH_PX = 3
_BEND_DEG = 30.0
_DIAGONAL = math.sqrt(2.0)
# Pixels of the mask times its depth: what thinning takes.
_MOST_WORK = 2e6


@dataclass(frozen=True, slots=True)
class Ridge:
    """What a cluster's middle line says.

    Attributes
    ----------
    path_length_px : float
        Length of the longest way along the skeleton, smoothed, plus one pixel.
    straightness : float
        Distance of its ends over its length, above 0 and at most 1: the arc-chord ratio upside
        down, E. Batschelet's straightness index ("Circular Statistics in Biology", 1981). 1 for
        a line, 2/pi for a half circle.
    sagitta_share : float
        Largest distance of the way from the chord between its ends, over the chord and one pixel.
    turn_deg : float
        Sum of all turns, whichever way, between headings over 3 px.
    net_turn_deg : float
        Size of the sum of turns with their signs: an arc keeps turning, noise turns back.
    bends : int
        Turns of at least 30° that go on one way.
    ends, forks : int
        Ends of the skeleton, and places where three or more of its branches meet.
    width_px, width_spread : float
        Mean width of the cluster along the skeleton (twice the distance to the dark, less one
        pixel), and its standard deviation over that mean.
    """

    path_length_px: float
    straightness: float
    sagitta_share: float
    turn_deg: float
    net_turn_deg: float
    bends: int
    ends: int
    forks: int
    width_px: float
    width_spread: float


def ridge_of(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Ridge:
    """Measure the way along a cluster.

    Parameters
    ----------
    rows, cols : ndarray of int64, shape (n,)
        Its pixels, at least one. Pieces that don't touch are joined by the shortest lines, as a
        particle's pieces are one hit; of more than 16 the largest. A blot that would take long to
        thin (some 150 px across) is measured on a coarser grid.
    """
    rows, cols = rows - rows.min(), cols - cols.min()
    mask = _mask(rows, cols)
    squared = squared_depth(mask)
    work = mask.size * math.sqrt(float(squared.max()))
    coarser = math.ceil((work / _MOST_WORK) ** (1 / 3))
    if coarser > 1:
        found = ridge_of(rows // coarser, cols // coarser)
        return replace(
            found,
            path_length_px=coarser * found.path_length_px,
            width_px=coarser * found.width_px,
        )
    return _measured(mask, squared)


def _mask(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Mask:
    """Pixels as a mask with a dark border."""
    mask = np.zeros((int(rows.max()) + 3, int(cols.max()) + 3), np.uint8)
    mask[rows + 1, cols + 1] = 1
    return mask


def _measured(mask: Mask, squared: NDArray[np.float64]) -> Ridge:
    skeleton = thin(joined(mask))
    width_px, width_spread = _widths(squared, (skeleton & mask) > 0)
    ends, forks = ends_and_forks(skeleton)
    way = _smooth(_longest_way(skeleton))
    steps = np.hypot(*np.diff(way, axis=0).T)
    length = float(steps.sum())
    chord = float(np.hypot(*(way[-1] - way[0])))
    turns = _turns_deg(way)
    return Ridge(
        path_length_px=length + 1.0,
        straightness=min((chord + 1.0) / (length + 1.0), 1.0),
        sagitta_share=_sagitta_px(way, chord) / (chord + 1.0),
        turn_deg=float(np.abs(turns).sum()),
        net_turn_deg=abs(float(turns.sum())),
        bends=_bends(turns),
        ends=ends,
        forks=forks,
        width_px=width_px,
        width_spread=width_spread,
    )


def _widths(squared: NDArray[np.float64], along: NDArray[np.bool_]) -> tuple[float, float]:
    """Mean width along the part of the skeleton that is lit, and its relative spread."""
    widths = 2.0 * np.sqrt(squared[along]) - 1.0
    mean = float(widths.mean())
    return mean, float(widths.std()) / mean


def _longest_way(skeleton: Mask) -> NDArray[np.float64]:
    """Places along the longest of the shortest ways, shape (n, 2).

    From any pixel to the farthest, and from there to the farthest: exact on a tree.
    """
    beside = _neighbours(skeleton)
    start, _ = _farthest(beside, next(iter(beside)))
    end, before = _farthest(beside, start)
    way = [end]
    while way[-1] != start:
        way.append(before[way[-1]])
    return np.stack(np.divmod(way, skeleton.shape[1]), axis=1).astype(np.float64)


def _neighbours(skeleton: Mask) -> dict[int, list[tuple[int, float]]]:
    """Lit neighbours of every lit place and how far they are, by positions in raster order.

    The border of a skeleton is dark, so that no neighbour lies outside.
    """
    cells, stride = skeleton.tobytes(), skeleton.shape[1]
    steps = [(step, 1.0) for step in (-stride, -1, 1, stride)]
    steps += [(step, _DIAGONAL) for step in (-stride - 1, 1 - stride, stride - 1, stride + 1)]
    return {
        place: [(place + step, length) for step, length in steps if cells[place + step]]
        for place in np.flatnonzero(skeleton).tolist()
    }


def _farthest(beside: dict[int, list[tuple[int, float]]], start: int) -> tuple[int, dict[int, int]]:
    """Dijkstra's search: the last place reached, and which one each was reached from."""
    distances = dict.fromkeys(beside, math.inf)
    distances[start] = 0.0
    before: dict[int, int] = {}
    queue = [(0.0, start)]
    last = start
    while queue:
        distance, place = heappop(queue)
        if distance > distances[place]:
            continue
        last = place
        for other, length in beside[place]:
            there = distance + length
            if there < distances[other]:
                distances[other] = there
                before[other] = place
                heappush(queue, (there, other))
    return last, before


def _smooth(way: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the stairs of the grid out; the ends stay.

    A straight line between the grid's directions is up to 8 % too long on the grid.
    """
    for _ in range(_SMOOTHINGS if len(way) > 2 else 0):
        way = np.concatenate((way[:1], (way[:-2] + way[1:-1] + way[2:]) / 3.0, way[-1:]))
    return way


def _sagitta_px(way: NDArray[np.float64], chord: float) -> float:
    if chord == 0.0:
        return 0.0
    (dy, dx), offsets = way[-1] - way[0], way - way[0]
    return float(np.abs(offsets[:, 0] * dx - offsets[:, 1] * dy).max()) / chord


def _turns_deg(way: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turns between headings over some pixels, in -180 to 180."""
    corners = way[::_REACH_PX]
    if len(corners) < 3:
        return np.zeros(0)
    dy, dx = np.diff(corners, axis=0).T
    headings = np.degrees(np.arctan2(dy, dx))
    turns: NDArray[np.float64] = (np.diff(headings) + 180.0) % 360.0 - 180.0
    return turns


def _bends(turns: NDArray[np.float64]) -> int:
    """Runs of turns to one side that come to 30° or more."""
    if len(turns) == 0:
        return 0
    changes = [n + 1 for n, (a, b) in enumerate(pairwise(turns)) if (a > 0) != (b > 0)]
    runs = np.add.reduceat(turns, [0, *changes])
    return int(np.count_nonzero(np.abs(runs) >= _BEND_DEG))
