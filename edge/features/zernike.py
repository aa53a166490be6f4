"""Zernike moments of the light around its centre, as mahotas computes them for CREDO's studies."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

DEGREE = 8
RADIUS_PX = 21.0


def zernike_names(degree: int = DEGREE) -> tuple[str, ...]:
    """Names in the order of `zernike_moments`: order n, then repetition m."""
    return tuple(f"zernike_{n}_{m}" for n, m in _pairs(degree))


def zernike_moments(
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    radius_px: float = RADIUS_PX,
    degree: int = DEGREE,
) -> NDArray[np.float64]:
    """Sizes of the Zernike moments about the centre of light.

    (n + 1)/pi |sum w V*_nm| over the disc, where the weights in the disc sum to 1: invariant to
    rotation, shift and gain. F. Zernike (1934); M. R. Teague, J. Opt. Soc. Am. 70 (1980) 920; the
    centre and the normalisation are those of ``mahotas.features.zernike_moments``. Used for
    CREDO's hits by O. Bar et al., Sensors 21 (2021) 7718.

    Parameters
    ----------
    rows, cols : ndarray of int64, shape (n,)
    weights : ndarray of float64, shape (n,)
        Light of each pixel; the positive ones count.
    radius_px : float
        Of the disc; what lies outside is left out.
    degree : int
        Largest order n.

    Returns
    -------
    ndarray of float64, shape (25,) for degree 8
        All zero where nothing is lit.
    """
    lit = weights > 0.0
    w, y, x = weights[lit], rows[lit], cols[lit]
    total = float(w.sum())
    if total <= 0.0:
        return np.zeros(len(_pairs(degree)))
    z = ((x - (w * x).sum() / total) + 1j * (y - (w * y).sum() / total)) / radius_px
    squared = z.real**2 + z.imag**2
    inside = squared <= 1.0
    w, z, squared = w[inside], z[inside], squared[inside]
    if len(w) == 0:  # a ring wider than the disc has its centre in the dark
        return np.zeros(len(_pairs(degree)))
    # V_nm is a sum of z^m |z|^2s, so that a few products with powers give all moments at once.
    angular = _powers(z, degree)
    radial = _powers(squared, degree // 2)
    # No product of matrices: BLAS sums in an order that depends on where the arrays lie.
    w /= w.sum()
    products = np.stack([(angular * (w * power)).sum(axis=1) for power in radial], axis=1)
    sizes: NDArray[np.float64] = np.abs((_coefficients(degree) * products).sum(axis=(1, 2)))
    return sizes


def _powers(values: NDArray[np.generic], highest: int) -> NDArray[np.generic]:
    """Powers 0 to `highest`, shape (highest + 1, n)."""
    rows = [np.ones_like(values)]
    for _ in range(highest):
        rows.append(rows[-1] * values)
    return np.stack(rows)


@cache
def _pairs(degree: int) -> tuple[tuple[int, int], ...]:
    return tuple((n, m) for n in range(degree + 1) for m in range(n % 2, n + 1, 2))


@cache
def _coefficients(degree: int) -> NDArray[np.float64]:
    """Weight of z^m |z|^2s in moment k, shape (moments, degree + 1, degree // 2 + 1)."""
    pairs = _pairs(degree)
    table = np.zeros((len(pairs), degree + 1, degree // 2 + 1))
    for k, (n, m) in enumerate(pairs):
        for s in range((n - m) // 2 + 1):
            sign = (-1) ** s * (n + 1) / math.pi
            below = math.factorial(s) * math.factorial((n + m) // 2 - s)
            below *= math.factorial((n - m) // 2 - s)
            table[k, m, (n - m) // 2 - s] = sign * math.factorial(n - s) / below
    table.setflags(write=False)
    return table
