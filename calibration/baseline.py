"""Baseline and noise of each pixel, from its sums without its largest values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.bands import row_bands, sample_step, sampled
from calibration.noise import common_noise, pixel_noise_adu
from calibration.statistics import PixelStatistics
from calibration.trim import TrimBias, trim_bias, values_to_drop


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the thresholds are counted from.

    Attributes
    ----------
    mean_adu, sigma_adu : ndarray of float32, shape (height, width)
    degrees : int
        Degrees of freedom of a pixel's own noise.
    typical_adu : float
        Median noise of a pixel, as its spread shows it.
    """

    mean_adu: NDArray[np.float32]
    sigma_adu: NDArray[np.float32]
    degrees: int
    typical_adu: float


def measure_baseline(statistics: PixelStatistics) -> Baseline:
    """Baseline and noise, corrected for leaving the largest values out.

    Uses up the two sums of `statistics`: their memory is free afterwards.
    """
    count = statistics.count
    dropped = values_to_drop(count, len(statistics.largest))
    bias = trim_bias(count, dropped)
    shape = statistics.total.shape
    mean = np.empty(shape, np.float32)
    sigma = np.empty(shape, np.float32)
    for rows in row_bands(shape):
        _moments(statistics, rows, dropped, bias, mean[rows], sigma[rows])
    statistics.release_sums()
    degrees = count - dropped - 1
    step = sample_step(shape)
    common = common_noise(sampled(mean, step), sampled(sigma, step), degrees)
    for rows in row_bands(shape):
        sigma[rows] = pixel_noise_adu(common.at(mean[rows]), sigma[rows], degrees)
    return Baseline(mean, sigma, degrees, float(np.median(sampled(sigma, step))))


def _moments(  # noqa: PLR0917
    statistics: PixelStatistics,
    rows: slice,
    dropped: int,
    bias: TrimBias,
    mean_adu: NDArray[np.float32],
    spread_adu: NDArray[np.float32],
) -> None:
    kept = statistics.count - dropped
    top = statistics.largest[:dropped, rows].astype(np.uint64)
    total = statistics.total[rows] - top.sum(axis=0)
    squares = statistics.squares[rows] - np.square(top, out=top).sum(axis=0)
    # Integers until here: kept * squares - total^2 is exact, the usual formula is not.
    spread2 = (kept * squares - total * total).astype(np.float64) / (kept * (kept - 1))
    spread = np.sqrt(spread2 / bias.variance)
    mean_adu[:] = total / kept - bias.mean * spread
    spread_adu[:] = spread
