"""From the statistics of dark frames to a calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.cover import cover_rule
from calibration.model import Calibration, CalibrationError, calibration_id
from calibration.noise import PRIOR_FRAMES, common_noise_adu, pixel_noise_adu
from calibration.statistics import PixelStatistics
from calibration.tail import (
    Tail,
    expected_per_hour,
    measured_tail,
    student_sigma,
    threshold_sigma,
)
from calibration.trim import trim_bias, values_to_drop

LEAST_FRAMES = 3
HOT_SIGMA = 5.0
"""A pixel whose baseline stands this far above its surroundings is hot."""

_SURROUNDINGS_PX = 5

MASKED = 65_535
"""Threshold no value is above."""

_LASTING_FRAMES = 3
"""A particle may stay lit for so many frames, and is one particle."""

_LASTING_FRAMES_PER_HOUR = 3600.0
"""A sensor that is read less often is cleared in between: nothing stays lit in the next frame."""


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


@dataclass(frozen=True, slots=True)
class _Noise:
    mean: NDArray[np.float32]
    sigma: NDArray[np.float32]
    degrees: int
    typical: float


def derive(
    statistics: PixelStatistics,
    *,
    frame_maxima_adu: NDArray[np.float32],
    level_adu: float,
    level_range_adu: float,
    mode: dict[str, Any],
    request: ThresholdRequest,
    temperature_c: float | None = None,
    created_utc: str = "",
) -> Calibration:
    """Make a calibration; raises `CalibrationError` with fewer than three frames.

    Parameters
    ----------
    statistics : PixelStatistics
        Of frames whose levels were brought to `level_adu`.
    frame_maxima_adu : ndarray of float32, shape (frames,)
    level_adu : float
        Mean of those frames.
    level_range_adu : float
        How far the brightest frame's mean lay above it.
    """
    if statistics.count < LEAST_FRAMES:
        raise CalibrationError(
            f"{statistics.count} dark frames are too few for a calibration: "
            f"at least {LEAST_FRAMES} of one mode are needed"
        )
    full_scale = (1 << int(mode["bit_depth"])) - 1
    noise = _noise(statistics)
    hot = _stands_out(noise)
    tail = _tail(statistics, noise, hot)
    reads = noise.mean.size * request.frames_per_hour
    seed_sigma = request.seed_sigma or threshold_sigma(request.false_triggers_per_hour, reads, tail)
    stretch = _hot_stretch(seed_sigma, noise.degrees)
    seed = _threshold(noise, hot, seed_sigma, stretch, full_scale)
    growth_sigma = min(request.growth_sigma, seed_sigma)
    growth = _threshold(noise, hot, growth_sigma, stretch, full_scale)
    unstable = statistics.largest[1] > seed
    if request.frames_per_hour >= _LASTING_FRAMES_PER_HOUR:
        unstable &= ~_lit_once(statistics, seed)
    masked = (seed >= full_scale) | unstable
    seed[masked] = MASKED
    growth[masked] = MASKED
    rule = cover_rule(level_adu, level_range_adu, noise.typical, noise.mean, full_scale)
    return Calibration(
        id=calibration_id(mode, rule, mean=noise.mean, sigma=noise.sigma, seed=seed, growth=growth),
        mode=mode,
        mean_adu=noise.mean,
        sigma_adu=noise.sigma,
        seed_threshold=seed,
        growth_threshold=growth,
        masked=masked,
        hot=hot & ~masked,
        frames_used=statistics.count,
        level_adu=level_adu,
        noise_adu=noise.typical,
        cover=rule,
        frame_maxima_adu=frame_maxima_adu,
        seed_sigma=seed_sigma,
        growth_sigma=growth_sigma,
        tail_stretch=tail.stretch,
        expected_false_triggers_per_hour=expected_per_hour(seed_sigma, reads, tail),
        temperature_c=temperature_c,
        created_utc=created_utc,
    )


def _noise(statistics: PixelStatistics) -> _Noise:
    """Baseline and noise without each pixel's largest values, corrected for leaving them out."""
    count = statistics.count
    dropped = values_to_drop(count, len(statistics.largest))
    kept = count - dropped
    top = statistics.largest[:dropped].astype(np.uint64)
    total = statistics.total - top.sum(axis=0)
    squares = statistics.squares - np.square(top).sum(axis=0)
    mean = total / kept
    # Integers until here: kept * squares - total^2 is exact, the usual formula is not.
    spread2 = (kept * squares - total * total).astype(np.float64) / (kept * (kept - 1))
    bias = trim_bias(count, dropped)
    spread = np.sqrt(spread2 / bias.variance)
    mean = (mean - bias.mean * spread).astype(np.float32)
    own = spread.astype(np.float32)
    common = common_noise_adu(mean, own, kept - 1)
    sigma = pixel_noise_adu(common, own, kept - 1)
    return _Noise(mean, sigma, kept - 1, float(np.median(sigma)))


def _stands_out(noise: _Noise) -> NDArray[np.bool_]:
    """Pixels far above the median of their surroundings: amplifier glow is no hot pixel."""
    import cv2

    around = cv2.medianBlur(noise.mean, _SURROUNDINGS_PX)
    above: NDArray[np.bool_] = noise.mean - around > np.float32(HOT_SIGMA * noise.typical)
    return above


def _lit_once(statistics: PixelStatistics, seed: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Pixels above their threshold in two or three frames that follow one another, and never else.

    That is one particle that lasted, not a pixel that fires again and again. Only where baseline
    and noise leave so many values out.
    """
    if values_to_drop(statistics.count, len(statistics.largest)) < _LASTING_FRAMES:
        return np.zeros(seed.shape, np.bool_)
    lit = statistics.largest > seed
    count = np.count_nonzero(lit, axis=0)
    first = np.where(lit, statistics.when, np.uint16(MASKED)).min(axis=0)
    last = np.where(lit, statistics.when, np.uint16(0)).max(axis=0)
    lasted = (count > 1) & (count <= _LASTING_FRAMES)
    once: NDArray[np.bool_] = lasted & (last.astype(np.int32) - first == count - 1)
    return once


def _tail(statistics: PixelStatistics, noise: _Noise, hot: NDArray[np.bool_]) -> Tail:
    second = (statistics.largest[1] - noise.mean) / noise.sigma
    return measured_tail(second[~hot], statistics.count)


def _hot_stretch(seed_sigma: float, degrees: int) -> float:
    """Hot pixels do not share their noise: few frames prove little about each of them."""
    return student_sigma(seed_sigma, degrees + PRIOR_FRAMES) / seed_sigma


def _threshold(
    noise: _Noise,
    hot: NDArray[np.bool_],
    sigma: float,
    hot_stretch: float,
    full_scale_adu: int,
) -> NDArray[np.uint16]:
    width = noise.sigma * np.where(hot, np.float32(sigma * hot_stretch), np.float32(sigma))
    level = np.clip(np.floor(noise.mean + width), 0, min(full_scale_adu, MASKED))
    threshold: NDArray[np.uint16] = level.astype(np.uint16)
    return threshold
