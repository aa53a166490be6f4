"""Threshold maps from the maps of baseline and noise, for any band of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MASKED = 65_535
"""Threshold no value is above."""


def threshold_rows(
    mean: NDArray[np.float32],
    sigma: NDArray[np.float32],
    sigmas: float,
    full_scale_adu: int,
    stretch: NDArray[np.float32] | None = None,
) -> NDArray[np.uint16]:
    """Thresholds that a value must be above, `sigmas` times a pixel's noise over its baseline.

    Parameters
    ----------
    mean, sigma : ndarray of float32, shape (rows, width)
        Baseline and noise of each pixel in ADU.
    sigmas : float
        Height of the threshold in units of the noise.
    full_scale_adu : int
        Largest value of a pixel: a threshold of it is one that no value is above.
    stretch : ndarray of float32, shape (rows, width), or None
        Factor on `sigmas` for each pixel, such as 1 and more for hot pixels; None for 1.

    Returns
    -------
    ndarray of uint16, shape (rows, width)
        Rounded down: a whole value above it is above the exact threshold, and the other way round.
    """
    width = np.multiply(sigma, np.float32(sigmas), dtype=np.float32)
    if stretch is not None:
        width *= stretch
    width += mean
    np.floor(width, out=width)
    np.clip(width, 0, min(full_scale_adu, MASKED), out=width)
    return width.astype(np.uint16)
