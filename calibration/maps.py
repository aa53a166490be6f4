"""Threshold maps from the maps of baseline and noise, for any band of rows."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.bands import row_bands
from calibration.jit import compiled, numba_available

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


def write_thresholds(  # noqa: PLR0917
    mean: NDArray[np.float32],
    sigma: NDArray[np.float32],
    sigmas: float,
    full_scale_adu: int,
    masked: NDArray[np.bool_],
    out: NDArray[np.uint16],
) -> None:
    """Write a whole map of thresholds, as `threshold_rows` has them, `MASKED` where it is masked.

    Parameters
    ----------
    mean, sigma : ndarray of float32, shape (height, width)
    sigmas : float
    full_scale_adu : int
    masked : ndarray of bool, shape (height, width)
    out : ndarray of uint16, shape (height, width)
    """
    if numba_available():
        top = np.float32(min(full_scale_adu, MASKED))
        _kernel()(mean, sigma, np.float32(sigmas), top, masked, out)
        return
    for rows in row_bands(out.shape):
        out[rows] = threshold_rows(mean[rows], sigma[rows], sigmas, full_scale_adu)
        out[rows][masked[rows]] = MASKED


def _write_scalar(  # noqa: PLR0917
    mean: Any, sigma: Any, sigmas: Any, top: Any, masked: Any, out: Any
) -> None:
    zero = np.float32(0)
    for y in range(out.shape[0]):
        base, noise, hidden, values = mean[y], sigma[y], masked[y], out[y]
        for x in range(values.shape[0]):
            limit = min(max(np.floor(noise[x] * sigmas + base[x]), zero), top)
            values[x] = np.uint16(65_535) if hidden[x] else np.uint16(limit)


@cache
def _kernel() -> Any:
    return compiled(_write_scalar)
