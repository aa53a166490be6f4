"""The hit at one place of a picture: its own pixels, whatever else is lit, and what touches it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.features.light import noise_of

_LIT_SHARE = 0.02
"""Of its brightest pixel: what is fainter is no part of a hit, however small the noise."""

_SMALL_WEIGHT_POWER = 0.25
"""Faint and bright pixels count nearly alike, as they do to the eye on a stretched picture."""

_LOOKS = {"lit4": (4.0, 1), "lit4_near": (4.0, 2), "lit3": (3.0, 1), "lit5_near": (5.0, 2)}
"""Sigma above which a pixel is lit, and how many pixels apart those of one hit may lie."""

_LINE = ("area_px", "length_px", "roundness", "filled", "deviation_px", "bend", "width_px")
_STRAIGHT_PX, _STRAIGHT_SHARE = 0.35, 0.02
_MOST_SIGMA = 1e4
_LEAST_NOISE_ADU = 0.5
_REACH_PX = 3
HIT_NAMES: tuple[str, ...] = (
    "hit_sigma_log", "hit_of_brightest",
    *(f"{look}_{name}" for look in _LOOKS for name in _LINE),
    "cross_sigma", "diagonal_sigma", "ring2_sigma",
    "neighbour1_sigma", "neighbour2_sigma", "neighbour3_sigma", "neighbour8_sigma",
    "neighbour1_of_hit", "neighbour2_of_hit", "neighbour3_of_hit", "neighbour4_of_hit",
    "cross_of_hit", "diagonal_of_hit",
)  # fmt: skip
"""Names of the numbers of `hit_features`, in their order."""

Place = tuple[int, int]
"""Row and column."""


def hit_features(excess: NDArray[np.float64], place: Place | None = None) -> NDArray[np.float64]:
    """Measure the hit at a place.

    Parameters
    ----------
    excess : ndarray of float64, shape (height, width)
        Counts above the median.
    place : (row, column), optional
        Where the hit's brightest pixel lies, or next to it: a rig knows, and on a warm sensor
        other pixels are brighter. None: the picture's brightest pixel.

    Returns
    -------
    ndarray of float64, shape (len(HIT_NAMES),)
        Finite. First how far the hit's brightest pixel stands out of the noise (logarithm), and
        its share of the picture's brightest. Then, for each of four ways to tell lit pixels, of
        those that hang together with it: their number, length along the principal axis, ratio of
        the axes' spreads, share of their ellipse that they fill, deviation of the cross-sections'
        middles from a line, in pixels and over what a straight particle may have (the larger of
        0.35 px and 2 % of the length), and width. Last its eight neighbours and the ring beyond
        them, in units of their sums' noise (arcsinh) and of the hit.
    """
    row, col = _brightest(excess, place)
    peak = float(excess[row, col])
    noise = noise_of(excess)
    brightest = float(excess.max())
    lines = [_line(excess, (row, col), noise, *look) for look in _LOOKS.values()]
    told = [
        math.log(max(peak, 1.0) / noise),
        min(max(peak / brightest, 0.0), 1.0) if brightest > 0 else 1.0,
        *(value for line in lines for value in line),
        *_neighbours(excess, row, col, max(noise, _LEAST_NOISE_ADU)),
    ]
    return np.array(told)


def _brightest(excess: NDArray[np.float64], place: Place | None) -> Place:
    if place is None:
        row, col = divmod(int(excess.argmax()), excess.shape[1])
        return row, col
    height, width = excess.shape
    top, left = (
        min(max(at - 1, 0), size - 1) for at, size in zip(place, excess.shape, strict=True)
    )
    near = excess[top : min(max(place[0] + 2, 1), height), left : min(max(place[1] + 2, 1), width)]
    row, col = divmod(int(near.argmax()), near.shape[1])
    return top + row, left + col


def _line(
    excess: NDArray[np.float64], hit: Place, noise: float, sigma: float, apart_px: int
) -> list[float]:
    """What `_LINE` names, of the lit pixels that hang together with the hit's brightest."""
    lit = (excess >= max(sigma * noise, _LIT_SHARE * float(excess[hit]))).astype(np.uint8)
    rows, cols = _hanging_together(lit, hit, apart_px)
    if len(rows) < 2:
        return [float(len(rows)), 1.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    weight = np.maximum(excess[rows, cols], 0.0) ** _SMALL_WEIGHT_POWER
    weight /= weight.sum()
    y, x = rows - weight @ rows, cols - weight @ cols
    angle = 0.5 * math.atan2(2 * (weight @ (x * y)), weight @ (x * x) - weight @ (y * y))
    along = x * math.cos(angle) + y * math.sin(angle)
    aside = y * math.cos(angle) - x * math.sin(angle)
    long_px, wide_px = (math.sqrt(weight @ one**2 + 1 / 12) for one in (along, aside))
    length_px = float(np.ptp(along)) + 1
    deviation_px = _deviation_px(along, aside, weight)
    return [
        float(len(rows)),
        length_px,
        wide_px / long_px,
        len(rows) / (4 * math.pi * long_px * wide_px),
        deviation_px,
        deviation_px / max(_STRAIGHT_PX, _STRAIGHT_SHARE * length_px),
        float(np.ptp(aside)) + 1,
    ]


def _hanging_together(
    lit: NDArray[np.uint8], hit: Place, apart_px: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    import cv2

    side = 2 * apart_px - 1
    grown = cv2.dilate(lit, np.ones((side, side), np.uint8)) if side > 1 else lit
    _, labels = cv2.connectedComponents(grown, connectivity=8)
    own = labels[hit]
    rows, cols = np.nonzero((labels == own) & (lit > 0) & (own > 0))
    return rows, cols


def _deviation_px(
    along: NDArray[np.float64], aside: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """How far the middles of cross-sections of 1 px lie from a straight line (rms)."""
    section = np.floor(along - along.min() + 1e-9).astype(np.int64)
    whole = np.bincount(section, weight)
    present = whole > 0
    if np.count_nonzero(present) < 3:
        return 0.0
    whole = whole[present]
    at = np.flatnonzero(present).astype(np.float64)
    middle = np.bincount(section, weight * aside)[present] / whole
    at -= np.average(at, weights=whole)
    middle -= np.average(middle, weights=whole)
    slope = (whole @ (at * middle)) / (whole @ at**2)
    return math.sqrt(float(np.average((middle - slope * at) ** 2, weights=whole)))


def _neighbours(excess: NDArray[np.float64], row: int, col: int, noise: float) -> list[float]:
    """A lone flickering pixel has none; a particle's charge spreads."""
    peak = max(float(excess[row, col]), 1.0)
    padded = np.pad(excess, _REACH_PX)
    around = padded[row : row + 2 * _REACH_PX + 1, col : col + 2 * _REACH_PX + 1]
    cross = around[[2, 3, 3, 4], [3, 2, 4, 3]]
    diagonal = around[[2, 2, 4, 4], [2, 4, 2, 4]]
    ring2 = np.concatenate((around[1, 1:6], around[5, 1:6], around[2:5, 1], around[2:5, 5]))
    ordered = np.sort(np.concatenate((cross, diagonal)))[::-1]
    summed = [float(one.sum()) / (math.sqrt(one.size) * noise) for one in (cross, diagonal, ring2)]
    return [
        *(math.asinh(min(max(one, -50.0), _MOST_SIGMA)) for one in summed),
        *np.arcsinh(ordered[[0, 1, 2, 7]] / noise).tolist(),
        *(ordered[:4] / peak).tolist(),
        float(cross.sum()) / peak,
        float(diagonal.sum()) / peak,
    ]
