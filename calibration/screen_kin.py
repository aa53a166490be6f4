"""Too few frames to compare with each other: what other series of the sensor say of them.

Dark signal is a fixed pattern that grows with exposure and temperature, on an offset. So a good
frame is a short dark frame B plus a multiple of what a long one L has more: F = B + s (L - B). Hot
pixels give s; then level, shading, lines and the place of the pattern must follow, noise must lie
between that of shot noise alone and of fixed pattern alone, and s is the ratio of the exposures,
times what the temperatures make of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.screen import Conditions, Judgement, Reason, Reference, Screened
from calibration.screen_against import Against, measure_against
from calibration.screen_own import OwnFeatures
from calibration.screen_rules import reason_of

_HOT_SIGMA = 15.0
_LEAST_HOT_PX = 100
_UNSATURATED = 0.8
_LEVEL_SIGMA = 1.5
_SHADE_SIGMA = 0.12
_LINES_SIGMA = 0.1
_PER_SCALE = 0.03
"""Shading and lines are known the worse, the further the pattern is extrapolated."""

_NOISE = 0.08
_SCALE = 0.15
_OUTLIERS = 0.01
_LEAST_SCALE = 0.05
_ELSEWHERE_SIGMA = 8.0
_SEEN_SIGMA = 40.0
_DOUBLING_C = (5.0, 9.0)
"""Dark current doubles every so many degrees, at least and at most."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """The darkest and the brightest reference of a sensor, and what the second has more."""

    short: Reference
    long: Reference
    more_adu: NDArray[np.float32]
    hot: NDArray[np.bool_]


def judge_by_kin(
    frames: Sequence[NDArray[Any]],
    own: Sequence[OwnFeatures],
    obviously_bad: Mapping[int, dict[str, float]],
    kin: Sequence[Reference],
    conditions: Conditions,
) -> Screened:
    """Judge one or two frames; "unjudged" where too little is known of the sensor."""
    pair = _pair_of(kin, conditions.full_scale_adu)
    judgements = []
    for n, frame in enumerate(frames):
        if n in obviously_bad:
            distances = obviously_bad[n]
            reason: Reason = "truncated" if distances["void"] > 1 else "saturated"
            score = max(distances.values())
            judgements.append(Judgement("bad", reason, round(score, 3), distances))
        elif pair is None:
            judgements.append(Judgement("unjudged", "too_few", 0.0, {}))
        else:
            judgements.append(_judge(frame, own[n], pair, conditions))
    return Screened(judgements, None)


def _pair_of(kin: Sequence[Reference], full_scale_adu: int) -> _Pair | None:
    """Two references whose dark pattern differs by enough hot pixels."""
    if len(kin) < 2:
        return None
    ordered = sorted(kin, key=lambda one: (one.noise_adu, one.level_adu))
    short, long = ordered[0], ordered[-1]
    more = long.median_adu - short.median_adu
    hot = (more > _HOT_SIGMA * long.noise_adu) & (long.median_adu < _UNSATURATED * full_scale_adu)
    if int(np.count_nonzero(hot)) < _LEAST_HOT_PX:
        return None
    return _Pair(short, long, more, hot)


def _judge(frame: NDArray[Any], own: OwnFeatures, pair: _Pair, conditions: Conditions) -> Judgement:
    scale = _scale_of(frame, pair, conditions.full_scale_adu)
    expected = pair.short.median_adu + np.float32(scale) * pair.more_adu
    noise = sum(_noise_bounds_adu(pair, scale)) / 2
    count = min(pair.short.frames, pair.long.frames)
    against = measure_against(frame, expected, noise, count, conditions.full_scale_adu)
    distances = _distances(own, against, pair, scale, conditions)
    score = max(abs(value) for value in distances.values())
    rounded = {name: round(value, 3) for name, value in distances.items()}
    if score <= 1:
        return Judgement("good", "", round(score, 3), rounded)
    usual = OwnFeatures(float(np.median(expected[::4, ::4])), noise, 0, 0, 0)
    return Judgement("bad", _reason(own, against, usual, distances), round(score, 3), rounded)


def _reason(
    own: OwnFeatures, against: Against, usual: OwnFeatures, distances: dict[str, float]
) -> Reason:
    if distances["scale"] > 1 and distances["shade"] <= 1 and distances["pattern"] <= 1:
        return "gain"
    return reason_of({**distances, "void": 0.0, "full": 0.0}, own, against, usual)


def _scale_of(frame: NDArray[Any], pair: _Pair, full_scale_adu: int) -> float:
    """Multiple of the dark pattern that the hot pixels of a frame show."""
    usable = pair.hot & (frame < _UNSATURATED * full_scale_adu)
    if int(np.count_nonzero(usable)) < _LEAST_HOT_PX:
        return 0.0
    rise = frame[usable] - pair.short.median_adu[usable]
    return max(float(np.median(rise / pair.more_adu[usable])), 0.0)


def _noise_bounds_adu(pair: _Pair, scale: float) -> tuple[float, float]:
    """Least and largest noise: what the long exposure has more is shot noise, or fixed pattern."""
    base = pair.short.noise_adu**2
    more = max(pair.long.noise_adu**2 - base, 0.0)
    either = [math.sqrt(base + more * factor) for factor in (scale, scale * scale)]
    return min(either), max(either)


def _distances(
    own: OwnFeatures, against: Against, pair: _Pair, scale: float, conditions: Conditions
) -> dict[str, float]:
    least, most = _noise_bounds_adu(pair, scale)
    # How far from the nearer reference.
    reach = _PER_SCALE * min(abs(scale), abs(scale - 1))
    over, under = math.log(own.noise_adu / most), math.log(least / own.noise_adu)
    return {
        "level": against.level_sigma / (_LEVEL_SIGMA + 12 * reach),
        "shade": against.shade_sigma / (_SHADE_SIGMA + reach),
        "noise": (max(over, 0.0) - max(under, 0.0)) / _NOISE,
        "rows": against.rows_sigma / (_LINES_SIGMA + reach),
        "columns": against.columns_sigma / (_LINES_SIGMA + reach),
        "outliers": against.outlier_share / _OUTLIERS,
        "scale": _scale_distance(pair, scale, conditions),
        "pattern": _pattern_distance(against, scale),
    }


def _scale_distance(pair: _Pair, scale: float, conditions: Conditions) -> float:
    """How far the pattern is from what exposure and temperature make of it."""
    short, long = pair.short.conditions, pair.long.conditions
    if conditions.exposure_s is None or short.exposure_s is None or long.exposure_s is None:
        return 0.0
    if long.exposure_s <= short.exposure_s:
        return 0.0
    ratio = (conditions.exposure_s - short.exposure_s) / (long.exposure_s - short.exposure_s)
    if conditions.temperature_c is None or long.temperature_c is None:
        return 0.0
    warmer_c = conditions.temperature_c - long.temperature_c
    bounds = [ratio * 2 ** (warmer_c / doubling_c) for doubling_c in _DOUBLING_C]
    allowed = _SCALE * max(bounds) + _LEAST_SCALE
    return max(scale - max(bounds), min(bounds) - scale, 0.0) / allowed


def _pattern_distance(against: Against, scale: float) -> float:
    """The pattern is clearly elsewhere, or a part of the rows lacks it."""
    pixels, bands = against.pattern.pixels, against.pattern.bands
    if pixels.elsewhere > max(pixels.here, 0.0) + _ELSEWHERE_SIGMA:
        return pixels.elsewhere / max(pixels.here, 1.0)
    if pixels.here < _SEEN_SIGMA or scale < _LEAST_SCALE:
        return 0.0
    usual = float(np.median(bands))
    return float(
        (usual - bands.min()) / max(usual / 2, 5 * float(against.pattern.bands_sigma.max()))
    )
