"""How high the trigger is set: single pixels, clusters, and what noise alone makes of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.bands import row_bands, sample_step, sampled
from calibration.baseline import Baseline
from calibration.cluster import CLUSTER_SHARE, ClusterRule, cluster_rule
from calibration.maps import MASKED, threshold_rows
from calibration.rounding import LEAST_NOISE_ADU, held_against_rounding, rounded_tail
from calibration.statistics import PixelStatistics
from calibration.tail import Tail, normal_tail, threshold_sigma

LASTING_FRAMES_PER_HOUR = 3600.0
"""A sensor that is read less often is cleared in between: nothing stays lit in the next frame."""

_USUAL_PER_HOUR = 0.01
_MOST_PROBABILITY = 8e-13
"""Of a false trigger at a pixel in one frame of a sensor read that often, however small it is, at
the usual rate; in proportion more for who asks for more."""

ENOUGH_FRAMES = 20
"""For means and correlations to be those of the sensor, not of chance."""

_CLUSTER_MOST_STRETCH = 1.5
_CLUSTER_MOST_CORRELATION = 0.6
"""Beyond, the noise of neighbours is too little known, or too alike, to count them together."""

_RESTLESS_SIGMA = 4.5
"""A pixel that reached it twice in the calibration is judged alone: it may be a telegraph pixel
whose flicker stays below its threshold."""


@dataclass(frozen=True, slots=True)
class ThresholdRequest:
    """What the thresholds are to achieve.

    Attributes
    ----------
    false_triggers_per_hour : float
        Wanted rate of noise alone, over the whole sensor.
    frames_per_hour : float
        How often every pixel is read.
    growth_sigma : float
        A pixel beside a lit one belongs to the cluster from here on.
    seed_sigma : float or None
        Fixed threshold instead of the wanted rate.
    """

    false_triggers_per_hour: float = 0.01
    frames_per_hour: float = 108_000.0
    growth_sigma: float = 3.5
    seed_sigma: float | None = None


def clusters_tell(count: int, noise_adu: float, tail: Tail, correlation: float) -> bool:
    """Whether the noise of neighbours is known well enough to judge pixels together."""
    return (
        count >= ENOUGH_FRAMES
        and noise_adu >= LEAST_NOISE_ADU
        and tail.measured_at_sigma > 0
        and tail.stretch <= _CLUSTER_MOST_STRETCH
        and correlation <= _CLUSTER_MOST_CORRELATION
    )


def single_sigma(
    baseline: Baseline, request: ThresholdRequest, tail: Tail, *, together: bool, rounded: bool
) -> float:
    """Threshold of a single pixel for the wanted rate, less the share that clusters have of it."""
    probability = request.false_triggers_per_hour / _reads_per_hour(baseline, request)
    if request.frames_per_hour >= LASTING_FRAMES_PER_HOUR:
        more = max(request.false_triggers_per_hour / _USUAL_PER_HOUR, 1.0)
        probability = min(probability, _MOST_PROBABILITY * more)
    if together:
        probability *= 1 - CLUSTER_SHARE
    sigma = threshold_sigma(probability, 1.0, tail)
    if not rounded or baseline.typical_adu < LEAST_NOISE_ADU:
        return sigma
    return held_against_rounding(*_sample(baseline), sigma, tail.stretch, probability)


def clusters_beside(
    seed_sigma: float, tail: Tail, hot_stretch: float, correlation: float
) -> ClusterRule | None:
    """Make the rule for clusters that takes its share of false triggers beside single pixels."""
    beside = CLUSTER_SHARE / (1 - CLUSTER_SHARE)
    return cluster_rule(
        seed_sigma,
        normal_tail(seed_sigma / tail.stretch) * beside,
        stretch=tail.stretch,
        hot_stretch=hot_stretch,
        correlation=correlation,
    )


def _reads_per_hour(baseline: Baseline, request: ThresholdRequest) -> float:
    return baseline.mean_adu.size * request.frames_per_hour


def _sample(baseline: Baseline) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    step = sample_step(baseline.mean_adu.shape)
    return sampled(baseline.mean_adu, step), sampled(baseline.sigma_adu, step)


def false_probability(
    baseline: Baseline, seed_sigma: float, tail: Tail, cluster: ClusterRule | None
) -> float:
    """Of noise alone at a pixel in one frame, extrapolated along the measured tail."""
    if baseline.typical_adu < LEAST_NOISE_ADU:
        single = normal_tail(seed_sigma / tail.stretch)
    else:
        single = rounded_tail(*_sample(baseline), seed_sigma, tail.stretch)
    return single + (0.0 if cluster is None else cluster.false_probability)


def look_threshold(
    statistics: PixelStatistics,
    baseline: Baseline,
    hot: NDArray[np.bool_],
    seed: NDArray[np.uint16],
    cluster: ClusterRule,
) -> NDArray[np.uint16]:
    """From where on a pixel is judged together with its neighbours; never where it is restless."""
    look = np.empty(hot.shape, np.uint16)
    restless_sigma = _RESTLESS_SIGMA * cluster.stretch
    for rows in row_bands(hot.shape):
        own = pixel_stretch(hot[rows], cluster.hot_stretch)
        means, sigmas = baseline.mean_adu[rows], baseline.sigma_adu[rows]
        look[rows] = threshold_rows(means, sigmas, cluster.look_sigma, MASKED, own)
        restless = threshold_rows(means, sigmas, restless_sigma, MASKED, own)
        alone = statistics.largest[1][rows] > restless
        look[rows] = np.where(alone, seed[rows], np.minimum(look[rows], seed[rows]))
    return look


def pixel_stretch(hot: NDArray[np.bool_], hot_stretch: float) -> NDArray[np.float32]:
    """Factor on the thresholds of hot pixels, 1 for the others."""
    stretch: NDArray[np.float32] = np.where(hot, np.float32(hot_stretch), np.float32(1))
    return stretch
