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
    masked: NDArray[np.bool_],
    alone: NDArray[np.bool_],
    sigmas: tuple[float, float, float],
    full_scale_adu: int,
    seed: NDArray[np.uint16],
    growth: NDArray[np.uint16],
    look: NDArray[np.uint16] | None,
) -> None:
    """Write whole maps of thresholds, as `threshold_rows` has them, `MASKED` where it is masked.

    Parameters
    ----------
    mean, sigma : ndarray of float32, shape (height, width)
    masked, alone : ndarray of bool, shape (height, width)
        Pixels that can't be used; those that are not looked at together with their neighbours,
        whose look threshold is their seed threshold.
    sigmas : tuple of float
        Heights of the maps in units of the noise.
    full_scale_adu : int
    seed, growth, look : ndarray of uint16, shape (height, width)
        Are written; no look map where no pixel is looked at so.
    """
    if numba_available():
        top = np.float32(min(full_scale_adu, MASKED))
        looked = np.zeros((0, 0), np.uint16) if look is None else look
        heights = np.array(sigmas, np.float32)
        _kernel()(mean, sigma, masked, alone, heights, top, seed, growth, looked)
        return
    for rows in row_bands(seed.shape):
        for out, height in zip((seed, growth, look), sigmas, strict=True):
            if out is not None:
                out[rows] = threshold_rows(mean[rows], sigma[rows], height, full_scale_adu)
                out[rows][masked[rows]] = MASKED
        if look is not None:
            np.copyto(look[rows], seed[rows], where=alone[rows])


def _write_scalar(  # noqa: PLR0917  (numba compiles one function best)
    mean: Any,
    sigma: Any,
    masked: Any,
    alone: Any,
    heights: Any,
    top: Any,
    seed: Any,
    growth: Any,
    look: Any,
) -> None:
    """Row by row, so that a row's baselines come from memory once for all its thresholds."""
    zero = np.float32(0)
    seeds_at, growths_at, looks_at = heights[0], heights[1], heights[2]
    for y in range(seed.shape[0]):
        base, noise, hidden, lone = mean[y], sigma[y], masked[y], alone[y]
        seeds, growths = seed[y], growth[y]
        count = seeds.shape[0]
        for x in range(count):
            limit = min(max(np.floor(noise[x] * seeds_at + base[x]), zero), top)
            seeds[x] = np.uint16(65_535) if hidden[x] else np.uint16(limit)
        for x in range(count):
            limit = min(max(np.floor(noise[x] * growths_at + base[x]), zero), top)
            growths[x] = np.uint16(65_535) if hidden[x] else np.uint16(limit)
        if look.shape[0] == 0:
            continue
        looks = look[y]
        for x in range(count):
            limit = min(max(np.floor(noise[x] * looks_at + base[x]), zero), top)
            own = np.uint16(65_535) if hidden[x] else np.uint16(limit)
            looks[x] = seeds[x] if lone[x] else own


@cache
def _kernel() -> Any:
    return compiled(_write_scalar)
