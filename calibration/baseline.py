"""Baseline and noise of each pixel, from its sums without its largest values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.bands import row_bands, sample_step, sampled
from calibration.noise import blended_noise_adu, common_noise, likeness_degrees, pixel_noise_adu
from calibration.statistics import PixelStatistics
from calibration.trim import lower_mean_square, trim_bias, values_to_drop


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
        _moments(statistics, rows, dropped, mean[rows], sigma[rows])
        sigma[rows] /= np.float32(np.sqrt(bias.variance))
    statistics.release_sums()
    degrees = count - dropped - 1
    step = sample_step(shape)
    lower = lower_mean_square(count, dropped)
    means, spreads = sampled(mean, step), sampled(sigma, step)
    common = common_noise(means, spreads, degrees, lower)
    upper = means >= np.median(means)  # where the dark pixels of a part are clipped, the others
    likeness = likeness_degrees(common.at(means[upper]), spreads[upper], degrees)
    for rows in row_bands(shape):
        shared = common.at(mean[rows])
        blended = blended_noise_adu(shared, sigma[rows], degrees)
        # Not by the pixel's own spread alone: of few frames it is mostly chance.
        mean[rows] -= np.float32(bias.mean) * blended
        sigma[rows] = pixel_noise_adu(shared, blended, degrees, likeness)
    return Baseline(mean, sigma, degrees, float(np.median(sampled(sigma, step))))


def _moments(
    statistics: PixelStatistics,
    rows: slice,
    dropped: int,
    mean_adu: NDArray[np.float32],
    spread_adu: NDArray[np.float32],
) -> None:
    """Fill in mean and standard deviation of the values that are kept."""
    kept = statistics.count - dropped
    top = statistics.largest[:dropped, rows].astype(np.uint64)
    total = statistics.total[rows] - top.sum(axis=0)
    squares = statistics.squares[rows] - np.square(top, out=top).sum(axis=0)
    # Integers until here: kept * squares - total^2 is exact, the usual formula is not.
    spread2 = (kept * squares - total * total).astype(np.float64) / (kept * (kept - 1))
    mean_adu[:] = total / kept
    spread_adu[:] = np.sqrt(spread2)
