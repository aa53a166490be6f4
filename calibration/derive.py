"""From the statistics of dark frames to a calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.bands import row_bands, sample_step, sampled
from calibration.baseline import Baseline, measure_baseline
from calibration.clipped import NEAR_SIGMA, ClippedNoise, clipped_noise
from calibration.cover import cover_rule
from calibration.maps import MASKED, threshold_rows
from calibration.model import Calibration, CalibrationError, calibration_id, cluster_maps
from calibration.noise import PRIOR_FRAMES
from calibration.statistics import PixelStatistics
from calibration.surroundings import HOT_SIGMA, stands_out
from calibration.tail import Tail, measured_tail, student_sigma
from calibration.trigger import (
    ENOUGH_FRAMES,
    LASTING_FRAMES_PER_HOUR,
    ThresholdRequest,
    clusters_beside,
    clusters_tell,
    false_probability,
    look_threshold,
    pixel_stretch,
    single_sigma,
)
from calibration.trim import values_to_drop

__all__ = ["LEAST_FRAMES", "ThresholdRequest", "derive"]

LEAST_FRAMES = 3
_FEW_CLIPPED = 0.1
"""So few pixels near the lowest value have low baselines, and their noise is that of the others."""

_LASTING_FRAMES = 3
"""A particle may stay lit for so many frames, and is one particle."""


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
    hot = stands_out(baseline.mean_adu, HOT_SIGMA * baseline.typical_adu)
    clipped = _clipped(baseline, floor_adu, statistics.count)
    tail = _tail(statistics, baseline, hot if clipped is None else hot | clipped)
    reads = hot.size * request.frames_per_hour
    together = clipped is None and clusters_tell(
        statistics.count, baseline.typical_adu, tail, neighbour_correlation
    )
    seed_sigma = request.seed_sigma or single_sigma(
        baseline, request, tail, together=together, rounded=clipped is None
    )
    if clipped is not None and floor_adu is not None:
        below = _noise_below(statistics, baseline, clipped & ~hot, floor_adu)
        _widen(baseline, below, seed_sigma)
    growth_sigma = min(request.growth_sigma, seed_sigma)
    stretch = _hot_stretch(seed_sigma, baseline.degrees)
    cluster = None
    if together:
        cluster = clusters_beside(seed_sigma, tail, stretch, neighbour_correlation)
    lasting = request.frames_per_hour >= LASTING_FRAMES_PER_HOUR
    seed = np.empty(hot.shape, np.uint16)
    growth = np.empty(hot.shape, np.uint16)
    masked = np.empty(hot.shape, np.bool_)
    lit = 0
    for rows in row_bands(hot.shape):
        own = pixel_stretch(hot[rows], stretch)
        means, sigmas = baseline.mean_adu[rows], baseline.sigma_adu[rows]
        seed[rows] = threshold_rows(means, sigmas, seed_sigma, full_scale, own)
        growth[rows] = threshold_rows(means, sigmas, growth_sigma, full_scale, own)
        masked[rows] = seed[rows] >= full_scale
        masked[rows] |= _unstable(statistics, rows, seed[rows], lasting)
        seed[rows][masked[rows]] = MASKED
        growth[rows][masked[rows]] = MASKED
        hot[rows] &= ~masked[rows]
        lit += int(np.count_nonzero(statistics.largest[0][rows] > seed[rows]))
    look = None if cluster is None else look_threshold(statistics, baseline, hot, seed, cluster)
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
        * false_probability(baseline, seed_sigma, tail, cluster),
        temperature_c=temperature_c,
        created_utc=created_utc,
        look_threshold=look,
        cluster=cluster,
        neighbour_correlation=neighbour_correlation,
    )


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


def _clipped(baseline: Baseline, floor_adu: int | None, count: int) -> NDArray[np.bool_] | None:
    """Pixels so near to the clip that their mean and spread are not those of their noise.

    None where nothing clips. Of few frames the means say too little to tell that.
    """
    if floor_adu is None:
        return None
    clipped = np.empty(baseline.mean_adu.shape, np.bool_)
    for rows in row_bands(clipped.shape):
        above = baseline.mean_adu[rows] - np.float32(floor_adu)
        clipped[rows] = above < NEAR_SIGMA * baseline.sigma_adu[rows]
    few = count >= ENOUGH_FRAMES and clipped.mean() < _FEW_CLIPPED
    return None if few else clipped


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
    return float(student_sigma(seed_sigma, degrees + PRIOR_FRAMES)) / seed_sigma
