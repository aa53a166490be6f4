"""Noise of a sensor that clips black, from what still shows above the clip.

Webcams and telephones subtract a black level and cut off what is below: most dark values are 0,
and mean and spread of a pixel say next to nothing of its noise. The upper half is still there.
How many pixels have a largest value above each whole ADU is a point of the normal distribution
underneath, and a straight line through those points gives its location and scale (a normal
probability plot; Daniel (1959), Technometrics 1, 311).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.tail import normal_sigma

NEAR_SIGMA = 2.0
"""A pixel whose baseline is less far above the clip: mean and spread are off by it."""

_FLOOR_QUANTILE = 0.001
_FLOOR_SHARE = 0.01
"""Noise of 1 ADU and more has its lowest thousandth in fewer pixels, where nothing clips."""

_SAMPLE_PX = 65_536
_LEAST_PIXELS = 1000
_LEAST_COUNT = 10
_FEWEST = 3
"""So few pixels may have been missed by chance."""

_LEAST_SHARE = 0.01
"""As many pixels may be unstable: what fewer show says nothing of the others."""

_FLAT = 4.0
"""Noise rises in sigma from level to level alike; what rises so many times less is no noise."""

_WIDEST_ADU = 12.0
_WIDEST_SPREADS = 10.0
"""Largest scale; more only where the spread of what shows is large as well."""

_RARE_SCALES_ADU = (1.0, 2.0, 6.0)
"""Least, supposed and largest scale where hardly any pixel ever shows noise above the clip."""


@dataclass(frozen=True, slots=True)
class ClippedNoise:
    """Normal noise underneath the clip.

    Attributes
    ----------
    location_adu, scale_adu : float
        Its mean (may lie below the clip) and standard deviation.
    """

    location_adu: float
    scale_adu: float

    def threshold_adu(self, sigma: float) -> float:
        """Level that a rounded value is above as rarely as normal noise is above `sigma`."""
        return self.location_adu + sigma * self.scale_adu + 0.5


def black_floor_adu(pixels: NDArray[Any]) -> int | None:
    """Lowest value of a frame, shape (height, width), where enough pixels share it to be a clip.

    A dead pixel in a thousand below it does not count.
    """
    step = max(1, int(math.sqrt(pixels.size / _SAMPLE_PX))) | 1
    sample = pixels[::step, ::step].ravel()
    at = int(_FLOOR_QUANTILE * sample.size)
    floor = np.partition(sample, at)[at]
    clipped = np.count_nonzero(sample <= floor) >= _FLOOR_SHARE * sample.size
    return int(floor) if clipped else None


def clipped_noise(
    largest: NDArray[np.uint16],
    second: NDArray[np.uint16],
    frames: int,
    floor_adu: int,
    spread_adu: float = 0.0,
) -> ClippedNoise | None:
    """Fit location and scale; None with too few pixels.

    Parameters
    ----------
    largest, second : ndarray of uint16, shape (pixels,)
        Largest and second-largest value of each pixel whose black is clipped.
    frames : int
        Frames they were taken over.
    floor_adu : int
        Value that black is clipped to.
    spread_adu : float
        Noise of such a pixel as what shows of it has it.

    Notes
    -----
    Second-largest values where they show two points, because no single particle makes them;
    the largest in calibrations too short for that. Where not even those show two points, hardly
    any value differs from black: the scale is then held within bounds, so that a few unstable
    pixels can't raise the threshold of all.
    """
    if largest.size < _LEAST_PIXELS:
        return None
    widest = max(_WIDEST_ADU, _WIDEST_SPREADS * spread_adu)
    for rank, values in ((2, second), (1, largest)):
        line = _line(_share_above(values, floor_adu), frames, rank, floor_adu, widest)
        if line is not None:
            return line
    return _rare(_share_above(largest, floor_adu), largest.size, frames, floor_adu)


def _share_above(values: NDArray[np.uint16], floor_adu: int) -> NDArray[np.float64]:
    """Share of values above the floor, above one ADU more, and so on; ends with 0."""
    above = np.maximum(values.astype(np.int32) - floor_adu, 0)
    counts = np.bincount(above, minlength=2)
    share: NDArray[np.float64] = 1 - np.cumsum(counts) / values.size
    return np.where(share > 0.5 / values.size, share, 0.0)


def _line(
    share: NDArray[np.float64], frames: int, rank: int, floor_adu: int, widest_adu: float
) -> ClippedNoise | None:
    """Least-squares line; None with fewer than two points."""
    steps = np.flatnonzero((share >= _LEAST_SHARE) & (share <= 1 - _LEAST_SHARE))
    sigmas = np.array([_sigma(float(one), frames, rank) for one in share[steps]])
    steps, sigmas = steps[sigmas > 0], sigmas[sigmas > 0]
    if steps.size < 2:
        return None
    straight = _straight(steps, sigmas)
    step, sigma = float(steps[:straight].mean()), float(sigmas[:straight].mean())
    off = sigmas[:straight] - sigma
    covariance, variance = float(off @ steps[:straight]), float(off @ off)
    if covariance < widest_adu * variance:
        scale = covariance / variance
    else:  # no slope to be had: particles on a black picture are above every level alike
        step, sigma, scale = float(steps[0]), float(sigmas[0]), widest_adu
    return ClippedNoise(floor_adu + 0.5 + step - scale * sigma, scale)


def _straight(steps: NDArray[np.int64], sigmas: NDArray[np.float64]) -> int:
    """How many points from the innermost on lie on noise: particles and unstable pixels are flat.

    At least two.
    """
    rise = np.diff(sigmas) / np.diff(steps)
    flat = np.flatnonzero(rise < rise[0] / _FLAT)
    return int(flat[0]) + 1 if flat.size else int(steps.size)


def _rare(share: NDArray[np.float64], pixels: int, frames: int, floor_adu: int) -> ClippedNoise:
    """Through the last level that enough pixels reach, as steep as the next one shows."""
    least, supposed, most = _RARE_SCALES_ADU
    common = np.flatnonzero(share >= _LEAST_SHARE)
    step = int(common[-1]) if common.size else 0
    seen = share[step] * pixels >= _LEAST_COUNT
    near, far = (
        _sigma(min(max(float(one), _FEWEST / pixels), 1 - 1 / pixels), frames, 1)
        for one in share[step : step + 2]
    )
    scale = min(max(1 / max(far - near, 1e-3), least), most) if seen else supposed
    return ClippedNoise(floor_adu + 0.5 + step - scale * near, scale)


def _sigma(share: float, frames: int, rank: int) -> float:
    """Deviation of normal noise that the `rank`-th largest of `frames` values exceeds so often."""
    return normal_sigma(_probability(share, frames, rank))


def _probability(share: float, frames: int, rank: int) -> float:
    """Probability of one value, from the share of pixels whose `rank`-th largest of `frames` is."""
    if rank == 1:
        return -math.expm1(math.log1p(-share) / frames)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        none = (1 - middle) ** frames
        one = frames * middle * (1 - middle) ** (frames - 1)
        low, high = (middle, high) if 1 - none - one < share else (low, middle)
    return high
