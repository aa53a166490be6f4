"""Hu's seven moment invariants of a cluster's shape.

M.-K. Hu, "Visual pattern recognition by moment invariants", IRE Trans. Inf. Theory 8 (1962) 179.
All pixels weigh the same, as in `moments_hu` of scikit-image's regionprops: weighed by counts,
normalised moments would change with the gain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FLOOR = 1e-12
_CLEAR = 1e-13


def hu_moments(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> list[float]:
    """Seven invariants under shift, rotation and scale; the seventh changes sign in a mirror.

    Parameters
    ----------
    rows, cols : ndarray of int64, shape (n,)
        At least one pixel. One pixel gives seven zeros.
    """
    area = float(len(rows))
    # scikit-image's first index is the row: the other way round, the seventh has the other sign.
    x, y = rows - rows.mean(), cols - cols.mean()
    xx, yy, xy = x * x, y * y, x * y

    def eta(values: NDArray[np.float64], order: int) -> float:
        return float(values.sum()) / math.pow(area, 1 + order / 2)

    n20, n02, n11 = eta(xx, 2), eta(yy, 2), eta(xy, 2)
    n30, n03, n21, n12 = eta(xx * x, 3), eta(yy * y, 3), eta(xx * y, 3), eta(yy * x, 3)
    a, b = n30 + n12, n21 + n03
    p, q = n30 - 3 * n12, 3 * n21 - n03
    u, v = a * a - 3 * b * b, 3 * a * a - b * b
    return [
        n20 + n02,
        (n20 - n02) ** 2 + 4 * n11**2,
        p * p + q * q,
        a * a + b * b,
        p * a * u + q * b * v,
        (n20 - n02) * (a * a - b * b) + 4 * n11 * a * b,
        q * a * u - p * b * v,
    ]


def log_hu(moments: Sequence[float]) -> list[float]:
    """Scale moments to about -12 to 12: sign(h) log10(1 + |h| / 1e-12).

    They span twelve decades. The usual ``-sign(h) log10|h|`` jumps at 0, where the seventh of
    every symmetric shape lies; here 0 stays 0, and what is below 1e-13 is rounding.
    """
    return [
        math.copysign(math.log10(1.0 + abs(h) / _FLOOR), h) if abs(h) > _CLEAR else 0.0
        for h in moments
    ]
