"""What whole ADU do to the tail of noise.

A value is above a threshold between two whole numbers when the signal is above the middle between
them: up to half an ADU below the threshold or above, by where the pixel's baseline happens to lie.
At 7 sigma of 1 ADU, half an ADU is a factor of thirty. Where baselines lie anywhere between whole
numbers that evens out; where all pixels have the same baseline it does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.noise import QUANTISATION_ADU
from calibration.tail import normal_tail

LEAST_NOISE_ADU = 0.7
"""Below, rounding is no longer noise of its own beside the rest."""

_BIN_SIGMA = 0.002
_FARTHEST_SIGMA = 30.0
_MOST_RAISE_ADU = 0.5
_STEPS = 12


def rounded_tail(
    mean_adu: NDArray[np.float32], sigma_adu: NDArray[np.float32], sigmas: float, stretch: float
) -> float:
    """Probability that a whole value is above its threshold, on average over pixels.

    Parameters
    ----------
    mean_adu, sigma_adu : ndarray of float32, shape (pixels,)
        Baseline, and noise with that of rounding in it.
    sigmas : float
        Thresholds lie so many times the noise above the baseline, rounded down.
    stretch : float
        The noise far out counts as so many times wider.
    """
    mean = mean_adu.astype(np.float64)
    noise = np.sqrt(np.maximum(np.square(sigma_adu, dtype=np.float64) - QUANTISATION_ADU**2, 1e-6))
    reach = np.floor(mean + sigmas * sigma_adu.astype(np.float64)) + 0.5 - mean
    reach /= noise * stretch
    bins = (np.clip(reach, 0, _FARTHEST_SIGMA) / _BIN_SIGMA).astype(np.int64)
    counts = np.bincount(bins)
    filled = np.flatnonzero(counts)
    tails = np.array([normal_tail((float(one) + 0.5) * _BIN_SIGMA) for one in filled])
    return float(tails @ counts[filled]) / mean.size


def held_against_rounding(
    mean_adu: NDArray[np.float32],
    sigma_adu: NDArray[np.float32],
    sigmas: float,
    stretch: float,
    probability: float,
) -> float:
    """Raise a threshold until whole values are above it with no more than `probability`.

    By half an ADU at most; not at all where baselines lie anywhere between whole numbers.
    Parameters as of `rounded_tail`.
    """
    if rounded_tail(mean_adu, sigma_adu, sigmas, stretch) <= probability:
        return sigmas
    low, high = sigmas, sigmas + _MOST_RAISE_ADU / float(np.median(sigma_adu))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        enough = rounded_tail(mean_adu, sigma_adu, middle, stretch) <= probability
        low, high = (low, middle) if enough else (middle, high)
    return high
