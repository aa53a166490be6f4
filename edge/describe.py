"""What a candidate looks like: shape and brightness of its own pixels.

The names and definitions are the field's: photutils and scikit-image, which CREDO's analysis uses
(dzwiedziu-nkg/credo-analysis, ``measure_vector_export.py``). A pixel is a unit square, not a point,
so every second moment gains the 1/12 px² of such a square (as in scikit-image) and a cluster of one
pixel has axes, an ellipticity of 0 and no division by zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.detection import Candidate

_PIXEL_VARIANCE = 1.0 / 12.0
# What is smaller than this share of the whole moment is rounding, not shape: without the snap a
# round cluster would point in the direction of the last bit.
_ROUNDING = 1e-9
_LARGEST_SIGMA = 1e9

# Weight of a border pixel by the sum of its neighbours on the border (4-neighbours count 2,
# diagonal ones 10, itself 1); Benkrid and Crookes, as in scikit-image and photutils.
_PERIMETER_WEIGHTS = np.zeros(50)
_PERIMETER_WEIGHTS[[5, 7, 15, 17, 25, 27]] = 1.0
_PERIMETER_WEIGHTS[[21, 33]] = math.sqrt(2.0)
_PERIMETER_WEIGHTS[[13, 23]] = (1.0 + math.sqrt(2.0)) / 2.0


@dataclass(frozen=True, slots=True)
class _Ellipse:
    """The ellipse with a cluster's second moments: full axes in px and the angle of the longer."""

    major_px: float
    minor_px: float
    orientation_deg: float

    @property
    def ellipticity(self) -> float:
        return 1.0 - self.minor_px / self.major_px


def describe(candidate: Candidate) -> dict[str, float]:
    """Measure a candidate's shape and brightness from its own pixels.

    Parameters
    ----------
    candidate : Candidate
        At least one pixel.

    Returns
    -------
    dict of str to float
        All finite, all of them Python floats:

        ``area_px``
            Number of pixels.
        ``convex_area_px``
            Number of pixels whose centres lie in or on the convex hull of the cluster's pixel
            centres (`skimage.measure.regionprops` without offset coordinates), exactly, by
            Pick's theorem.
        ``solidity``
            area / convex area, above 0 and at most 1. It is 1 for one pixel and for every
            digitally straight line at any angle; hulls of pixel corners give a diagonal
            line 0.5 and call it a worm.
        ``major_axis_px``, ``minor_axis_px``
            Full axes of the ellipse with the same second moments: 4 sqrt(eigenvalue of the
            covariance + 1/12), all pixels weighing the same.
        ``ellipticity``, ``elongation``, ``eccentricity``
            1 - b/a, a/b and sqrt(1 - b²/a²) of these axes.
        ``orientation_deg``
            Angle of the longer axis from the row direction (+x) towards rising rows (+y), in
            (-90, 90]; 0 where no axis is longer.
        ``weighted_major_axis_px``, ``weighted_minor_axis_px``, ``weighted_ellipticity``, \
``weighted_orientation_deg``
            The same with each pixel weighing its excess (negative ones weigh nothing).
        ``centroid_x_px``, ``centroid_y_px``
            Excess-weighted centre, in pixels of the frame.
        ``length_px``, ``width_px``
            Extent of the pixel centres along and across the longer axis, plus one pixel.
        ``perimeter_px``
            Benkrid and Crookes' estimate with a 4-connected border (the default of
            scikit-image); 0 where the border has no inside, as for one pixel.
        ``bbox_x0_px``, ``bbox_y0_px``, ``bbox_x1_px``, ``bbox_y1_px``
            First and last column and row, both inside.
        ``peak_share``
            The brightest pixel's share of the excess, 0 to 1.
        ``mean_excess_adu``
            Mean excess of its pixels.
        ``peak_sigma``
            The brightest pixel's excess in its own noise; at most 1e9 in size.
    """
    rows = candidate.rows.astype(np.int64)
    cols = candidate.cols.astype(np.int64)
    y0, y1 = int(rows.min()), int(rows.max())
    x0, x1 = int(cols.min()), int(cols.max())
    rows -= y0
    cols -= x0
    excess = candidate.excess_adu.astype(np.float64)
    weights = _weights(excess)
    total = float(weights.sum())
    centre_x, centre_y = float(weights @ cols) / total, float(weights @ rows) / total

    shape = _equal_ellipse(rows, cols)
    weighted = _weighted_ellipse(rows, cols, centre_y, centre_x, weights / total)
    length_px, width_px = _extents(rows, cols, shape.orientation_deg)
    convex_area = _convex_area(rows, cols)
    return {
        "area_px": float(len(rows)),
        "convex_area_px": convex_area,
        "solidity": len(rows) / convex_area,
        "major_axis_px": shape.major_px,
        "minor_axis_px": shape.minor_px,
        "ellipticity": shape.ellipticity,
        "elongation": shape.major_px / shape.minor_px,
        "eccentricity": math.sqrt(max(1.0 - (shape.minor_px / shape.major_px) ** 2, 0.0)),
        "orientation_deg": shape.orientation_deg,
        "weighted_major_axis_px": weighted.major_px,
        "weighted_minor_axis_px": weighted.minor_px,
        "weighted_ellipticity": weighted.ellipticity,
        "weighted_orientation_deg": weighted.orientation_deg,
        "centroid_x_px": x0 + centre_x,
        "centroid_y_px": y0 + centre_y,
        "length_px": length_px,
        "width_px": width_px,
        "perimeter_px": _perimeter(rows, cols),
        "bbox_x0_px": float(x0),
        "bbox_y0_px": float(y0),
        "bbox_x1_px": float(x1),
        "bbox_y1_px": float(y1),
        "peak_share": float(weights[candidate.peak]) / total,
        "mean_excess_adu": float(excess.mean()),
        "peak_sigma": _finite(candidate.peak_sigma),
    }


def _weights(excess: NDArray[np.float64]) -> NDArray[np.float64]:
    """Excess without negatives; all alike where nothing positive is left."""
    weights = np.maximum(excess, 0.0)
    return weights if float(weights.sum()) > 0.0 else np.ones_like(weights)


def _finite(value: float) -> float:
    """Limit to what JSON can hold: a noise of 0 makes a significance infinite."""
    if math.isnan(value):
        return 0.0
    return min(max(value, -_LARGEST_SIGMA), _LARGEST_SIGMA)


def _equal_ellipse(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> _Ellipse:
    """Ellipse of the pixels weighing the same; the moments are exact integers until the end."""
    count = len(rows)
    sum_x, sum_y = int(cols.sum()), int(rows.sum())
    n2_xx = count * int(cols @ cols) - sum_x * sum_x
    n2_yy = count * int(rows @ rows) - sum_y * sum_y
    n2_xy = count * int(rows @ cols) - sum_x * sum_y
    n2 = count * count
    return _ellipse(n2_xx / n2, n2_yy / n2, n2_xy / n2)


def _weighted_ellipse(
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    centre_y: float,
    centre_x: float,
    share: NDArray[np.float64],
) -> _Ellipse:
    """Ellipse of the pixels weighing their share of the excess."""
    dy, dx = rows - centre_y, cols - centre_x
    return _ellipse(float(share @ (dx * dx)), float(share @ (dy * dy)), float(share @ (dx * dy)))


def _ellipse(var_x: float, var_y: float, cov_xy: float) -> _Ellipse:
    """Full axes and orientation from second central moments."""
    trace = var_x + var_y
    difference = _snap(var_x - var_y, trace)
    cross = _snap(2.0 * cov_xy, trace)
    root = math.hypot(difference, cross)
    large = (trace + root) / 2.0 + _PIXEL_VARIANCE
    small = max((trace - root) / 2.0, 0.0) + _PIXEL_VARIANCE
    return _Ellipse(
        major_px=4.0 * math.sqrt(large),
        minor_px=4.0 * math.sqrt(small),
        orientation_deg=math.degrees(0.5 * math.atan2(cross, difference)),
    )


def _snap(value: float, trace: float) -> float:
    """`value`, or a positive zero where it is only rounding."""
    return value if abs(value) > _ROUNDING * (trace + _PIXEL_VARIANCE) else 0.0


def _extents(
    rows: NDArray[np.int64], cols: NDArray[np.int64], orientation_deg: float
) -> tuple[float, float]:
    """Length and width over all, along and across the longer axis."""
    angle = math.radians(orientation_deg)
    along = cols * math.cos(angle) + rows * math.sin(angle)
    across = rows * math.cos(angle) - cols * math.sin(angle)
    return float(np.ptp(along)) + 1.0, float(np.ptp(across)) + 1.0


def _convex_area(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> float:
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


def _perimeter(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> float:
    """Length of the 4-connected border (Benkrid and Crookes, 2000)."""
    mask = np.zeros((int(rows.max()) + 5, int(cols.max()) + 5), dtype=bool)
    mask[rows + 2, cols + 2] = True
    core = mask[1:-1, 1:-1]
    inside = core & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    border = (core & ~inside).astype(np.int64)
    straight = border[:-2, 1:-1] + border[2:, 1:-1] + border[1:-1, :-2] + border[1:-1, 2:]
    diagonal = border[:-2, :-2] + border[:-2, 2:] + border[2:, :-2] + border[2:, 2:]
    codes = (border[1:-1, 1:-1] + 2 * straight + 10 * diagonal).ravel()
    counts = np.bincount(codes, minlength=len(_PERIMETER_WEIGHTS))
    return float(counts[: len(_PERIMETER_WEIGHTS)] @ _PERIMETER_WEIGHTS)
