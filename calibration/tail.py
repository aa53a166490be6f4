"""From a wanted rate of false triggers to a threshold in units of sigma.

Three things set it: how many pixels are read in an hour, how few frames the noise was measured
on (Student's t instead of the normal tail), and how much heavier than normal the sensor's own
tail is, which is measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_NORMAL = NormalDist()
_UNSTABLE_SHARE = 0.01
"""Pixels left out of the tail: as many as may be unstable, and are masked one by one."""

_CROWD_SHARE = 0.1
_STEEPEST = 1.5
"""Noise widens gradually: by no more than this between one pixel in ten and one in a hundred."""

_LEAST_PIXELS = 2000
_LEAST_FRAMES = 20
_LEAST_SIGMA = 1.0
"""Below, every sixth pixel is a trigger, whatever rate is asked for."""


@dataclass(frozen=True, slots=True)
class Tail:
    """How much wider than normal the noise is far out.

    Attributes
    ----------
    stretch : float
        A deviation of u sigma is as rare as u / stretch of normal noise; 1 or more.
    measured_at_sigma : float
        The largest deviation the counts reach; beyond it the rate is extrapolated.
    """

    stretch: float
    measured_at_sigma: float


def normal_sigma(probability: float) -> float:
    """Deviation that normal noise exceeds with `probability` (one-sided)."""
    return -_NORMAL.inv_cdf(min(max(probability, 1e-300), 0.5))


def normal_tail(sigma: float) -> float:
    """Probability that normal noise exceeds `sigma` (one-sided)."""
    return 0.5 * math.erfc(sigma / math.sqrt(2))


def student_sigma(sigma: float, degrees: float | NDArray[np.floating]) -> NDArray[np.float64]:
    """Deviation of Student's t that is as rare as `sigma` of normal noise, for each `degrees`.

    Wallace (1959), Ann. Math. Statist. 30, 1124: right to 0.02 in sigma.
    """
    free = np.asarray(degrees, np.float64)
    scaled = sigma * (8 * free + 3) / (8 * free + 1)
    exponent = np.minimum(scaled * scaled / free, 60.0)
    deviation: NDArray[np.float64] = np.sqrt(free * np.expm1(exponent))
    return deviation


def measured_tail(second_largest_sigma: NDArray[np.floating], frames: int) -> Tail:
    """Tail from each pixel's second-largest value, which no single hit can have made.

    Parameters
    ----------
    second_largest_sigma : ndarray, any shape
        (second-largest value - baseline) / noise of each ordinary pixel.
    frames : int
        Frames the largest were taken over.

    Notes
    -----
    The second largest of n values exceeds u with probability close to n (n - 1) p(u)^2 / 2, so
    the share of pixels above u gives p(u). CRAYFIS finds its hot pixels by the same statistic.
    The tail is measured where one pixel in a hundred lies above: what is further out may be a few
    hundred random telegraph pixels, which say nothing about the others.
    """
    values = np.asarray(second_largest_sigma, np.float64).ravel()
    if frames < _LEAST_FRAMES or values.size < _LEAST_PIXELS:
        return Tail(1.0, 0.0)
    near, far = _CROWD_SHARE, _UNSTABLE_SHARE
    reach = float(np.quantile(values, 1 - far))
    # Particles in many pixels of many long exposures reach the far end, never the near one.
    bound = _STEEPEST * max(1.0, _stretch(float(np.quantile(values, 1 - near)), near, frames))
    return Tail(min(max(1.0, _stretch(reach, far, frames)), bound), reach)


def _stretch(reach_sigma: float, share: float, frames: int) -> float:
    """How much further than normal noise a `share` of second-largest values of `frames` reach."""
    probability = math.sqrt(2 * share / (frames * (frames - 1)))
    return reach_sigma / normal_sigma(probability)


def threshold_sigma(false_triggers_per_hour: float, reads_per_hour: float, tail: Tail) -> float:
    """Threshold that this many pixel reads exceed `false_triggers_per_hour` times in an hour.

    At least one sigma: a small sensor with long exposures may have fewer reads than that.
    """
    sigma = normal_sigma(false_triggers_per_hour / reads_per_hour)
    return max(sigma, _LEAST_SIGMA) * tail.stretch


def expected_per_hour(threshold: float, reads_per_hour: float, tail: Tail) -> float:
    """Extrapolate the false triggers in an hour at `threshold` sigma along the measured tail."""
    return reads_per_hour * normal_tail(threshold / tail.stretch)
