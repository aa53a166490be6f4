"""The ellipse with a cluster's second moments, as in photutils and scikit-image but for 1/12 px².

A pixel is a unit square, not a point, so every second moment gains the 1/12 px² of such a square
(as in MATLAB's regionprops) and a cluster of one pixel has axes, an ellipticity of 0 and no
division by zero. Departure: scikit-image leaves the 1/12 out, photutils adds it to clusters
thinner than a pixel only; squares of full axes are 16/12 px² below ours there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_PIXEL_VARIANCE = 1.0 / 12.0
# What is smaller than this share of the whole moment is rounding, not shape: without the snap a
# round cluster would point in the direction of the last bit.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Ellipse:
    """Full axes in px and the angle of the longer, in (-90, 90]; 0 where none is longer."""

    major_px: float
    minor_px: float
    orientation_deg: float

    @property
    def ellipticity(self) -> float:
        """1 - b/a: 0 for a circle, towards 1 for a line."""
        return 1.0 - self.minor_px / self.major_px

    @property
    def elongation(self) -> float:
        """a/b, at least 1."""
        return self.major_px / self.minor_px

    @property
    def eccentricity(self) -> float:
        """sqrt(1 - b²/a²)."""
        return math.sqrt(max(1.0 - (self.minor_px / self.major_px) ** 2, 0.0))


def equal_ellipse(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Ellipse:
    """Ellipse of pixels that weigh the same; the moments are exact integers until the end."""
    count = len(rows)
    sum_x, sum_y = int(cols.sum()), int(rows.sum())
    n2_xx = count * int(cols @ cols) - sum_x * sum_x
    n2_yy = count * int(rows @ rows) - sum_y * sum_y
    n2_xy = count * int(rows @ cols) - sum_x * sum_y
    n2 = count * count
    return _ellipse(n2_xx / n2, n2_yy / n2, n2_xy / n2)


def weighted_ellipse(
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    centre_y: float,
    centre_x: float,
    share: NDArray[np.float64],
) -> Ellipse:
    """Ellipse of pixels that weigh their `share`, which sums to 1, about their centre."""
    dy, dx = rows - centre_y, cols - centre_x
    # No dot products of floats: BLAS sums in an order that depends on where the arrays lie.
    moments = ((share * one * other).sum() for one, other in ((dx, dx), (dy, dy), (dx, dy)))
    return _ellipse(*map(float, moments))


def extents_px(
    rows: NDArray[np.int64], cols: NDArray[np.int64], orientation_deg: float
) -> tuple[float, float]:
    """Length and width over all, along and across an axis: of pixel centres, plus one pixel."""
    angle = math.radians(orientation_deg)
    along = cols * math.cos(angle) + rows * math.sin(angle)
    across = rows * math.cos(angle) - cols * math.sin(angle)
    return float(np.ptp(along)) + 1.0, float(np.ptp(across)) + 1.0


def _ellipse(var_x: float, var_y: float, cov_xy: float) -> Ellipse:
    """Full axes and orientation from second central moments."""
    trace = var_x + var_y
    difference = _snap(var_x - var_y, trace)
    cross = _snap(2.0 * cov_xy, trace)
    root = math.hypot(difference, cross)
    large = (trace + root) / 2.0 + _PIXEL_VARIANCE
    small = max((trace - root) / 2.0, 0.0) + _PIXEL_VARIANCE
    return Ellipse(
        major_px=4.0 * math.sqrt(large),
        minor_px=4.0 * math.sqrt(small),
        orientation_deg=math.degrees(0.5 * math.atan2(cross, difference)),
    )


def _snap(value: float, trace: float) -> float:
    """`value`, or a positive zero where it is only rounding."""
    return value if abs(value) > _ROUNDING * (trace + _PIXEL_VARIANCE) else 0.0
