"""What a cluster's outline says: its convex hull and its perimeter, exact on the grid."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray


def convex_area_px(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> float:
    """Lattice points in or on the convex hull of the pixel centres.

    Pick: for a lattice polygon of area A with B lattice points on its border, A + B/2 + 1 points
    lie in or on it. It holds for a line walked there and back and for a single point.
    """
    import cv2

    points = np.stack((cols, rows), axis=1).astype(np.int32)
    hull = cv2.convexHull(points).reshape(-1, 2).astype(np.int64)
    following = np.roll(hull, -1, axis=0)
    cross = hull[:, 0] * following[:, 1] - hull[:, 1] * following[:, 0]
    twice_area = abs(int(cross.sum()))
    border = int(np.gcd(*np.abs(following - hull).T).sum())
    return (twice_area + border) / 2 + 1.0


def perimeter_px(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> float:
    """Length of the 4-connected border (Benkrid and Crookes, 2000); from 0 on, both indices."""
    mask = np.zeros((int(rows.max()) + 5, int(cols.max()) + 5), dtype=bool)
    mask[rows + 2, cols + 2] = True
    core = mask[1:-1, 1:-1]
    inside = core & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    border = (core & ~inside).astype(np.int64)
    straight = border[:-2, 1:-1] + border[2:, 1:-1] + border[1:-1, :-2] + border[1:-1, 2:]
    diagonal = border[:-2, :-2] + border[:-2, 2:] + border[2:, :-2] + border[2:, 2:]
    codes = (border[1:-1, 1:-1] + 2 * straight + 10 * diagonal).ravel()
    weights = _perimeter_weights()
    counts = np.bincount(codes, minlength=len(weights))
    return float(counts[: len(weights)] @ weights)


@cache
def _perimeter_weights() -> NDArray[np.float64]:
    """Weight of a border pixel by the sum of its neighbours on the border.

    4-neighbours count 2, diagonal ones 10, itself 1; as in scikit-image and photutils.
    """
    weights = np.zeros(50)
    weights[[5, 7, 15, 17, 25, 27]] = 1.0
    weights[[21, 33]] = math.sqrt(2.0)
    weights[[13, 23]] = (1.0 + math.sqrt(2.0)) / 2.0
    weights.setflags(write=False)
    return weights
