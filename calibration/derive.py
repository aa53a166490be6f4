"""From the statistics of dark frames to a calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.bands import row_bands, sample_step, sampled
from calibration.baseline import Baseline, measure_baseline
from calibration.clipped import NEAR_SIGMA, ClippedNoise, clipped_noise
from calibration.cluster import CLUSTER_SHARE, ClusterRule, cluster_rule
from calibration.cover import cover_rule
from calibration.maps import MASKED, threshold_rows
from calibration.model import Calibration, CalibrationError, calibration_id, cluster_maps
from calibration.noise import PRIOR_FRAMES
from calibration.rounding import LEAST_NOISE_ADU, held_against_rounding, rounded_tail
from calibration.statistics import PixelStatistics
from calibration.tail import (
    Tail,
    measured_tail,
    normal_tail,
    student_sigma,
    threshold_sigma,
)
from calibration.trim import values_to_drop

LEAST_FRAMES = 3
HOT_SIGMA = 5.0
"""A pixel whose baseline stands this far above its surroundings is hot."""

_SURROUNDINGS_PX = 5

_LASTING_FRAMES = 3
"""A particle may stay lit for so many frames, and is one particle."""

_LASTING_FRAMES_PER_HOUR = 3600.0
"""A sensor that is read less often is cleared in between: nothing stays lit in the next frame."""

_USUAL_PER_HOUR = 0.01
_MOST_PROBABILITY = 8e-13
"""Of a false trigger at a pixel in one frame of a sensor read that often, however small it is, at
the usual rate; in proportion more for who asks for more."""

_CLUSTER_LEAST_FRAMES = 20
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


def derive(
    statistics: PixelStatistics,
    *,
    frame_maxima_adu: NDArray[np.float32],
    level_adu: float,
    level_range_adu: float,
    bright_px: float = 0.0,
    mode: dict[str, Any],
    request: ThresholdRequest,
    floor_adu: int | None = None,
    neighbour_correlation: float = 0.0,
    temperature_c: float | None = None,
    created_utc: str = "",
) -> Calibration:
    """Make a calibration; raises `CalibrationError` with fewer than three frames.

    Parameters
    ----------
    statistics : PixelStatistics
        Of frames whose levels were brought to `level_adu`. Its sums are used up.
    frame_maxima_adu : ndarray of float32, shape (frames,)
    level_adu : float
        Mean of those frames.
    level_range_adu : float
        How far the brightest frame's mean lay above it.
    bright_px : float
        Bright pixels that nine in ten frames stay below.
    floor_adu : int or None
        Value that black is clipped to, if it is.
    neighbour_correlation : float
        Of the noise of neighbouring pixels.
    """
    if statistics.count < LEAST_FRAMES:
        raise CalibrationError(
            f"{statistics.count} dark frames are too few for a calibration: "
            f"at least {LEAST_FRAMES} of one mode are needed"
        )
    full_scale = (1 << int(mode["bit_depth"])) - 1
    baseline = measure_baseline(statistics)
    hot = _stands_out(baseline)
    clipped = _clipped(baseline, floor_adu)
    tail = _tail(statistics, baseline, hot if clipped is None else hot | clipped)
    reads = hot.size * request.frames_per_hour
    together = clipped is None and _clusters_tell(
        statistics.count, baseline.typical_adu, tail, neighbour_correlation
    )
    seed_sigma = request.seed_sigma or _seed_sigma(
        baseline, request, tail, together=together, rounded=clipped is None
    )
    if clipped is not None and floor_adu is not None:
        below = _noise_below(statistics, baseline, clipped & ~hot, floor_adu)
        _widen(baseline, below, seed_sigma)
    growth_sigma = min(request.growth_sigma, seed_sigma)
    stretch = _hot_stretch(seed_sigma, baseline.degrees)
    cluster = None
    if together:
        cluster = cluster_rule(
            seed_sigma,
            normal_tail(seed_sigma / tail.stretch) * CLUSTER_SHARE / (1 - CLUSTER_SHARE),
            stretch=tail.stretch,
            hot_stretch=stretch,
            correlation=neighbour_correlation,
        )
    lasting = request.frames_per_hour >= _LASTING_FRAMES_PER_HOUR
    seed = np.empty(hot.shape, np.uint16)
    growth = np.empty(hot.shape, np.uint16)
    masked = np.empty(hot.shape, np.bool_)
    lit = 0
    for rows in row_bands(hot.shape):
        own = _pixel_stretch(hot[rows], stretch)
        means, sigmas = baseline.mean_adu[rows], baseline.sigma_adu[rows]
        seed[rows] = threshold_rows(means, sigmas, seed_sigma, full_scale, own)
        growth[rows] = threshold_rows(means, sigmas, growth_sigma, full_scale, own)
        masked[rows] = seed[rows] >= full_scale
        masked[rows] |= _unstable(statistics, rows, seed[rows], lasting)
        seed[rows][masked[rows]] = MASKED
        growth[rows][masked[rows]] = MASKED
        hot[rows] &= ~masked[rows]
        lit += int(np.count_nonzero(statistics.largest[0][rows] > seed[rows]))
    look = None if cluster is None else _look(statistics, baseline, hot, seed, cluster)
    rule = cover_rule(
        level_adu,
        level_range_adu,
        baseline.typical_adu,
        baseline.mean_adu,
        full_scale,
        bright_px=bright_px,
        lit_px=round(lit / statistics.count, 6),
    )
    mean, sigma = baseline.mean_adu, baseline.sigma_adu
    return Calibration(
        id=calibration_id(
            mode,
            rule,
            mean=mean,
            sigma=sigma,
            seed=seed,
            growth=growth,
            **cluster_maps(cluster, look),
        ),
        mode=mode,
        mean_adu=mean,
        sigma_adu=sigma,
        seed_threshold=seed,
        growth_threshold=growth,
        masked=masked,
        hot=hot,
        frames_used=statistics.count,
        level_adu=level_adu,
        noise_adu=baseline.typical_adu,
        cover=rule,
        frame_maxima_adu=frame_maxima_adu,
        seed_sigma=seed_sigma,
        growth_sigma=growth_sigma,
        tail_stretch=tail.stretch,
        expected_false_triggers_per_hour=reads
        * _false_probability(baseline, seed_sigma, tail, cluster),
        temperature_c=temperature_c,
        created_utc=created_utc,
        look_threshold=look,
        cluster=cluster,
        neighbour_correlation=neighbour_correlation,
    )


def _clusters_tell(count: int, noise_adu: float, tail: Tail, correlation: float) -> bool:
    """Whether the noise of neighbours is known well enough to judge pixels together."""
    return (
        count >= _CLUSTER_LEAST_FRAMES
        and noise_adu >= LEAST_NOISE_ADU
        and tail.measured_at_sigma > 0
        and tail.stretch <= _CLUSTER_MOST_STRETCH
        and correlation <= _CLUSTER_MOST_CORRELATION
    )


def _seed_sigma(
    baseline: Baseline, request: ThresholdRequest, tail: Tail, *, together: bool, rounded: bool
) -> float:
    """Threshold of a single pixel for the wanted rate, less the share that clusters have of it."""
    probability = request.false_triggers_per_hour / _reads_per_hour(baseline, request)
    if request.frames_per_hour >= _LASTING_FRAMES_PER_HOUR:
        more = max(request.false_triggers_per_hour / _USUAL_PER_HOUR, 1.0)
        probability = min(probability, _MOST_PROBABILITY * more)
    if together:
        probability *= 1 - CLUSTER_SHARE
    sigma = threshold_sigma(probability, 1.0, tail)
    if not rounded or baseline.typical_adu < LEAST_NOISE_ADU:
        return sigma
    return held_against_rounding(*_sample(baseline), sigma, tail.stretch, probability)


def _reads_per_hour(baseline: Baseline, request: ThresholdRequest) -> float:
    return baseline.mean_adu.size * request.frames_per_hour


def _sample(baseline: Baseline) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    step = sample_step(baseline.mean_adu.shape)
    return sampled(baseline.mean_adu, step), sampled(baseline.sigma_adu, step)


def _false_probability(
    baseline: Baseline, seed_sigma: float, tail: Tail, cluster: ClusterRule | None
) -> float:
    """Of noise alone at a pixel in one frame, extrapolated along the measured tail."""
    if baseline.typical_adu < LEAST_NOISE_ADU:
        single = normal_tail(seed_sigma / tail.stretch)
    else:
        single = rounded_tail(*_sample(baseline), seed_sigma, tail.stretch)
    return single + (0.0 if cluster is None else cluster.false_probability)


def _look(
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
        own = _pixel_stretch(hot[rows], cluster.hot_stretch)
        means, sigmas = baseline.mean_adu[rows], baseline.sigma_adu[rows]
        look[rows] = threshold_rows(means, sigmas, cluster.look_sigma, MASKED, own)
        restless = threshold_rows(means, sigmas, restless_sigma, MASKED, own)
        alone = statistics.largest[1][rows] > restless
        look[rows] = np.where(alone, seed[rows], np.minimum(look[rows], seed[rows]))
    return look


def _stands_out(baseline: Baseline) -> NDArray[np.bool_]:
    """Pixels far above the median of their surroundings: amplifier glow is no hot pixel."""
    import cv2

    mean = baseline.mean_adu
    least = np.float32(HOT_SIGMA * baseline.typical_adu)
    above = np.empty(mean.shape, np.bool_)
    for rows in row_bands(mean.shape):
        top = max(rows.start - _SURROUNDINGS_PX // 2, 0)
        around = cv2.medianBlur(mean[top : rows.stop + _SURROUNDINGS_PX // 2], _SURROUNDINGS_PX)
        start = rows.start - top
        above[rows] = mean[rows] - around[start : start + rows.stop - rows.start] > least
    return above


def _unstable(
    statistics: PixelStatistics, rows: slice, seed: NDArray[np.uint16], lasting: bool
) -> NDArray[np.bool_]:
    """Pixels above their threshold more than once, unless one particle that lasted did it."""
    unstable: NDArray[np.bool_] = statistics.largest[1, rows] > seed
    if lasting and unstable.any():
        unstable &= ~_lit_once(statistics, rows, seed)
    return unstable


def _lit_once(
    statistics: PixelStatistics, rows: slice, seed: NDArray[np.uint16]
) -> NDArray[np.bool_]:
    """Pixels above their threshold in two or three frames that follow one another, and never else.

    That is one particle that lasted, not a pixel that fires again and again. Only where baseline
    and noise leave so many values out.
    """
    if values_to_drop(statistics.count, len(statistics.largest)) < _LASTING_FRAMES:
        return np.zeros(seed.shape, np.bool_)
    first, second, third, fourth = (slot[rows] > seed for slot in statistics.largest)
    when = statistics.when[:, rows]
    # Frames since the largest value, modulo 256 and signed.
    one = (when[1] - when[0]).view(np.int8)
    two = (when[2] - when[0]).view(np.int8)
    pair = second & ~third & (np.abs(one) == 1)
    row_of_three = np.maximum(np.maximum(one, two), 0) - np.minimum(np.minimum(one, two), 0) == 2
    apart = (one != two) & (one != 0) & (two != 0)
    once: NDArray[np.bool_] = first & (pair | (third & ~fourth & row_of_three & apart))
    return once


def _clipped(baseline: Baseline, floor_adu: int | None) -> NDArray[np.bool_] | None:
    """Pixels so near to the clip that their mean and spread are not those of their noise."""
    if floor_adu is None:
        return None
    clipped = np.empty(baseline.mean_adu.shape, np.bool_)
    for rows in row_bands(clipped.shape):
        above = baseline.mean_adu[rows] - np.float32(floor_adu)
        clipped[rows] = above < NEAR_SIGMA * baseline.sigma_adu[rows]
    return clipped


def _noise_below(
    statistics: PixelStatistics,
    baseline: Baseline,
    ordinary: NDArray[np.bool_],
    floor_adu: int,
) -> ClippedNoise | None:
    step = sample_step(ordinary.shape)
    chosen = sampled(ordinary, step)
    largest, second = (sampled(slot, step)[chosen] for slot in statistics.largest[:2])
    if not largest.size:
        return None
    spread = float(np.median(sampled(baseline.sigma_adu, step)[chosen]))
    return clipped_noise(largest, second, statistics.count, floor_adu, spread)


def _widen(
    baseline: Baseline,
    noise: ClippedNoise | None,
    seed_sigma: float,
) -> None:
    """Raise the noise until `seed_sigma` of it reaches the threshold of clipped pixels everywhere.

    Of pixels above the clip too: by chance, a few frames may show one where all of them are below,
    and noise does not fall with the signal.
    """
    if noise is None:
        return
    threshold = noise.threshold_adu(seed_sigma)
    for rows in row_bands(baseline.sigma_adu.shape):
        sigma = baseline.sigma_adu[rows]
        needed = (threshold - baseline.mean_adu[rows]) / np.float32(seed_sigma)
        np.maximum(sigma, needed, out=sigma)


def _tail(statistics: PixelStatistics, baseline: Baseline, other: NDArray[np.bool_]) -> Tail:
    """Measure it on the pixels that are not `other`."""
    step = sample_step(other.shape)
    ordinary = ~sampled(other, step)
    second = sampled(statistics.largest[1], step)[ordinary].astype(np.float32)
    second -= sampled(baseline.mean_adu, step)[ordinary]
    second /= sampled(baseline.sigma_adu, step)[ordinary]
    return measured_tail(second, statistics.count)


def _hot_stretch(seed_sigma: float, degrees: int) -> float:
    """Hot pixels do not share their noise: few frames prove little about each of them."""
    return student_sigma(seed_sigma, degrees + PRIOR_FRAMES) / seed_sigma


def _pixel_stretch(hot: NDArray[np.bool_], hot_stretch: float) -> NDArray[np.float32]:
    """Factor on the thresholds of hot pixels, 1 for the others."""
    stretch: NDArray[np.float32] = np.where(hot, np.float32(hot_stretch), np.float32(1))
    return stretch
