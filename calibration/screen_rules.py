"""From measures to distances, and from distances to a reason.

Every distance is in units of what is allowed: the larger of a fixed floor and of `MAD_FACTOR` times
the median absolute deviation of the frames held for good. The floors do the work where a series has
only a few frames; the spread of the frames themselves keeps a series from being called bad for what
all of it does, such as warming up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from calibration.screen import Reason
from calibration.screen_against import BLOCKS, Against
from calibration.screen_own import NOISE_SAMPLE_PX, OwnFeatures
from calibration.screen_pattern import BANDS, Agreement

MAD_FACTOR = 8.0

FLOORS: Mapping[str, float] = {
    "level": 0.8,
    "shade": 0.07,
    "noise": 0.025,
    "rows": 0.06,
    "columns": 0.06,
    "slope": 0.25,
    "outliers": 1.6,
}
"""Allowed deviations: level, shade, rows and columns in sigma, the others as natural logarithms."""

_OUTLIER_FLOOR = 3e-5
_LEVEL_ADU = 1.5
_PARTICLE_PX = 40
"""One particle is no fault of a frame, however small it is."""

_SHARE_FLOOR = 1e-5
_LEAST_PX = 50
"""Fewer saturated pixels may be one bright particle, fewer void ones a black clip."""

_ALONE_SHARE = 2e-3
_PLAIN_NOISE_ADU = 0.5

_SEEN_SIGMA = 4.0
_LOST_SIGMA = 3.8
"""A pattern counts as lost when it is so far below what the others show."""

_SURE_SIGMA = 8.0
"""The highest of a million offsets is at 5 sigma by chance."""

_FAR_SIGMA = 10.0
"""A frame whose level is so far above is not leaking: nothing covers it."""

_UNEVEN = 10.0
"""So uneven is no leak but a picture."""

_SAME_SCALE = 0.4
_CHANCE = 0.005
_FADED = 0.5
"""Hot pixels less than half as high: not an exposure like the others."""


def own_distances(
    own: OwnFeatures, others: Sequence[OwnFeatures], size_px: int
) -> dict[str, float]:
    """Distances by what is counted in a frame alone: plateaus at the top, pixels without picture.

    Parameters
    ----------
    own : OwnFeatures
    others : sequence of OwnFeatures
        Of the other frames of the series; what most of them have too is the sensor's.
    size_px : int
        Pixels of a frame.
    """
    full = max(own.full_px, own.plateau_px)
    if not others:  # hot pixels may fill up, and black may be clipped
        seen = own.void_px if own.noise_adu > _PLAIN_NOISE_ADU else 0
        return {"full": full / (_ALONE_SHARE * size_px), "void": seen / _LEAST_PX}
    return {
        "full": _count_distance(full, [max(o.full_px, o.plateau_px) for o in others], size_px),
        "void": _count_distance(own.void_px, [o.void_px for o in others], size_px),
    }


def _count_distance(count: int, others: Sequence[int], size_px: int) -> float:
    usual = float(np.median(others))
    spread = 1.4826 * float(np.median(np.abs(np.asarray(others) - usual)))
    allowed = max(_LEAST_PX, _SHARE_FLOOR * size_px, usual, MAD_FACTOR * spread)
    return max(count - usual, 0.0) / allowed


def floors_for(shape: tuple[int, ...], noise_adu: float) -> dict[str, float]:
    """Allowed deviations in frames of `shape` (height, width): what chance does to small ones.

    Six sigma of the noise's own error, and three of what chance leaves in means over blocks,
    rows and columns. Levels are known to whole ADU.
    """
    height, width = shape
    size = height * width
    frequencies = min(size, NOISE_SAMPLE_PX) / 2
    chance = {
        "level": _LEVEL_ADU / noise_adu,
        "shade": 1.3 * BLOCKS / math.sqrt(size),
        "noise": 5.2 / math.sqrt(frequencies),
        "rows": 1.2 / math.sqrt(width),
        "columns": 1.2 / math.sqrt(height),
    }
    return {name: max(floor, chance.get(name, 0.0)) for name, floor in FLOORS.items()}


def values_of(own: OwnFeatures, against: Against, size_px: int) -> dict[str, float]:
    """Measures of a frame on scales where deviations add up."""
    fewest = max(_OUTLIER_FLOOR, _PARTICLE_PX / size_px)
    return {
        "level": against.level_sigma,
        "shade": against.shade_sigma,
        "noise": float(np.log(max(own.noise_adu, 0.05))),
        "rows": against.rows_sigma,
        "columns": against.columns_sigma,
        "slope": float(np.log(max(against.slope, 1e-3))),
        "outliers": float(np.log(max(against.outlier_share, fewest))),
    }


def deviations(
    values: Mapping[str, float],
    others: Sequence[Mapping[str, float]],
    floors: Mapping[str, float],
) -> dict[str, float]:
    """Signed distances of a frame's `values` from those of the `others`."""
    result = {}
    for name, floor in floors.items():
        theirs = np.array([one[name] for one in others])
        theirs = theirs[np.isfinite(theirs)]
        value = values[name]
        if not np.isfinite(value) or not theirs.size:
            result[name] = 0.0
            continue
        usual = float(np.median(theirs))
        spread = 1.4826 * float(np.median(np.abs(theirs - usual)))
        result[name] = (value - usual) / max(floor, MAD_FACTOR * spread)
    # Fewer outliers, less shading or smoother profiles than the others' are no fault.
    for name in ("shade", "rows", "columns", "outliers"):
        result[name] = max(result[name], 0.0)
    return result


def pattern_distance(ours: Against, others: Sequence[Against]) -> float:
    """How far the fixed pattern is lost where the others show it: pixels, rows, columns, bands."""
    channels = [
        _lost(ours.pattern.pixels, [one.pattern.pixels for one in others]),
        _lost(ours.pattern.rows, [one.pattern.rows for one in others]),
        _lost(ours.pattern.columns, [one.pattern.columns for one in others]),
        _band_lost(ours, others),
    ]
    return max(channels)


def _lost(ours: Agreement, others: Sequence[Agreement]) -> float:
    """Above 1: the pattern is less than half there; a weak one is gone."""
    usual = float(np.median([one.here for one in others]))
    if usual < _SEEN_SIGMA:
        return 0.0
    return (usual - ours.here) / max(usual / 2, _LOST_SIGMA)


def _band_lost(ours: Against, others: Sequence[Against]) -> float:
    """As `_lost`, for the band of rows that has least of it."""
    whole = float(np.median([one.pattern.pixels.here for one in others]))
    if whole < _SEEN_SIGMA * np.sqrt(BANDS):
        return 0.0
    usual = np.median([one.pattern.bands for one in others], axis=0)
    error = ours.pattern.bands_sigma
    seen = usual > 2 * _SEEN_SIGMA * error
    if not seen.any():
        return 0.0
    lost = (usual - ours.pattern.bands)[seen] / np.maximum(usual / 2, 5 * error)[seen]
    return float(lost.max())


def reason_of(
    distances: Mapping[str, float], own: OwnFeatures, against: Against, usual: OwnFeatures
) -> Reason:
    """Name what is wrong with a frame of which a distance is above 1."""
    shade, lines = distances["shade"], max(distances["rows"], distances["columns"])
    far = against.level_sigma > _FAR_SIGMA
    lost = distances["pattern"] > 1
    named: list[tuple[bool, Reason]] = [
        (lost and _clearly_elsewhere(against), "shifted"),
        (distances["void"] > 1, "truncated"),
        (distances["full"] > 1, "saturated"),
        (_another_gain(own, against, usual, distances), "gain"),
        ((far or shade > _UNEVEN) and _without_dark_pattern(against, shade), "flat"),
        (far, "cover"),
        (lost and _found_elsewhere(against, distances), "shifted"),
        (lines > max(1.0, shade), "banding"),
        (distances["level"] > 1 or (shade > 1 and _brighter(against)), "light"),
    ]
    return next((reason for holds, reason in named if holds), "unlike")


def _brighter(against: Against) -> bool:
    """What is uneven stands above the rest rather than below it."""
    return against.rise_sigma >= -against.fall_sigma / 2


def _another_gain(
    own: OwnFeatures, against: Against, usual: OwnFeatures, distances: Mapping[str, float]
) -> bool:
    """Noise and hot pixels, or noise and level, grew or shrank alike."""
    if abs(distances["noise"]) <= 1:
        return False
    noise = float(np.log(own.noise_adu / max(usual.noise_adu, 0.05)))
    other = against.slope
    if not np.isfinite(other):
        if abs(against.level_sigma) < 1 and distances["shade"] <= 1:
            return True
        if distances["shade"] > 1:
            return False
        other = own.level_adu / max(usual.level_adu, 1.0)
    return abs(float(np.log(max(other, 1e-3))) - noise) < _SAME_SCALE * abs(noise) + _CHANCE


def _without_dark_pattern(against: Against, shade: float) -> bool:
    """A flat is a short exposure of a lit field: no hot pixels, or structure everywhere."""
    return against.slope < _FADED if np.isfinite(against.slope) else shade > _UNEVEN


def _clearly_elsewhere(against: Against) -> bool:
    """Whether the pattern of pixels stands out at another offset, where nothing is by chance."""
    pixels = against.pattern.pixels
    return pixels.elsewhere > max(pixels.here, 0.0) + _SURE_SIGMA


def _found_elsewhere(against: Against, distances: Mapping[str, float]) -> bool:
    """Whether a channel has the pattern at another offset, or only some rows have lost it."""
    pattern = against.pattern
    channels = (pattern.pixels, pattern.rows, pattern.columns)
    if any(one.elsewhere > max(one.here, 0.0) + 2 for one in channels):
        return True
    return distances["shade"] <= 1
