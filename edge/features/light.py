"""How light lies around the brightest pixel, and how bright a picture is as a whole."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAD_TO_SIGMA = 1.4826
_PERCENTILES = (5, 25, 75, 90, 95, 99)
# Rounding to whole counts: the noise of a step of one count is 1/sqrt(12).
_STEP_NOISE = 1.0 / math.sqrt(12.0)

LEVEL_NAMES = (
    "darkest_share", "median_share", "mean_share", "brightest_share", "mad_share",
    "luminance_share",
)  # fmt: skip
CONTRAST_NAMES = (
    *(f"p{p}_of_peak" for p in _PERCENTILES),
    "darkest_of_peak", "mean_of_peak", "spread_of_peak", "mad_of_peak", "luminance_of_peak",
    "peak_sigma_log",
)  # fmt: skip
PEAK_NAMES = (
    "cross_of_peak", "diagonal_of_peak", "brightest_neighbour_of_peak",
    "darkest_neighbour_of_peak", "ring2_of_peak", "ring2_brightest_of_peak", "ring3_of_peak",
    "ring3_brightest_of_peak",
)  # fmt: skip


def level_features(values: NDArray[np.float64], full_scale: float) -> dict[str, float]:
    """Measure brightness against full scale: it changes with black level and gain.

    Parameters
    ----------
    values : ndarray of float64, shape (height, width)
        Counts.
    full_scale : float
        Largest count there can be.
    """
    above = values - np.median(values)
    return {
        "darkest_share": float(values.min()) / full_scale,
        "median_share": float(np.median(values)) / full_scale,
        "mean_share": float(values.mean()) / full_scale,
        "brightest_share": float(values.max()) / full_scale,
        "mad_share": float(np.median(np.abs(above))) / full_scale,
        "luminance_share": float(np.maximum(above, 0.0).sum()) / full_scale,
    }


def contrast_features(excess: NDArray[np.float64]) -> dict[str, float]:
    """Measure how counts are distributed, in units of the brightest pixel's height.

    Invariant to black level, and to gain but for rounding.

    Parameters
    ----------
    excess : ndarray of float64, shape (height, width)
        Counts above the median.
    """
    height = float(excess.max())
    ordered = np.sort(excess, axis=None)
    places = [round(p * (len(ordered) - 1) / 100) for p in _PERCENTILES]
    scaled = {
        **{f"p{p}_of_peak": ordered[n] for p, n in zip(_PERCENTILES, places, strict=True)},
        "darkest_of_peak": ordered[0],
        "mean_of_peak": excess.mean(),
        "spread_of_peak": excess.std(),
        "mad_of_peak": np.median(np.abs(excess)),
        "luminance_of_peak": np.maximum(excess, 0.0).sum(),
    }
    unit = height if height > 0.0 else 1.0
    return {
        **{name: float(value) / unit for name, value in scaled.items()},
        "peak_sigma_log": math.log10(1.0 + height / noise_of(excess)),
    }


def noise_of(excess: NDArray[np.float64]) -> float:
    """Noise by the median absolute deviation, and that of rounding to whole counts; above 0."""
    return mad_sigma(excess) + _STEP_NOISE


def mad_sigma(excess: NDArray[np.floating[Any]]) -> float:
    """Noise by the median absolute deviation; 0 where most pixels are alike."""
    return _MAD_TO_SIGMA * float(np.median(np.abs(excess)))


def peak_features(excess: NDArray[np.float64]) -> dict[str, float]:
    """Measure the surroundings of the brightest pixel, in units of it.

    A hot pixel stands alone or, once a mosaic is made into colour, has its four neighbours at one
    half and its diagonal ones at a quarter; a particle's charge spreads unevenly.

    Parameters
    ----------
    excess : ndarray of float64, shape (height, width)
        Counts above the background.
    """
    row, col = divmod(int(excess.argmax()), excess.shape[1])
    peak = float(excess[row, col])
    unit = peak if peak > 0.0 else 1.0
    around = np.pad(excess, 3)[row : row + 7, col : col + 7] / unit
    cross = around[[2, 3, 3, 4], [3, 2, 4, 3]]
    diagonal = around[[2, 2, 4, 4], [2, 4, 2, 4]]
    inner = np.sort(np.concatenate((cross, diagonal)))
    ring2 = np.concatenate((around[1, 1:6], around[5, 1:6], around[2:5, 1], around[2:5, 5]))
    ring3 = np.concatenate((around[0], around[6], around[1:6, 0], around[1:6, 6]))
    return {
        "cross_of_peak": float(cross.mean()),
        "diagonal_of_peak": float(diagonal.mean()),
        "brightest_neighbour_of_peak": float(inner[-1]),
        "darkest_neighbour_of_peak": float(inner[0]),
        "ring2_of_peak": float(ring2.mean()),
        "ring2_brightest_of_peak": float(ring2.max()),
        "ring3_of_peak": float(ring3.mean()),
        "ring3_brightest_of_peak": float(ring3.max()),
    }


def concentration_features(excess: NDArray[np.float64]) -> dict[str, float]:
    """Radii about the brightest pixel that hold half and nine tenths of the light.

    Parameters
    ----------
    excess : ndarray of float64, shape (height, width)
        Counts above the threshold of what is lit, 0 elsewhere.
    """
    rows, cols = np.nonzero(excess > 0.0)
    if len(rows) == 0:
        return {"half_light_px": 0.0, "nine_tenths_light_px": 0.0}
    light = excess[rows, cols]
    peak = int(light.argmax())
    distance = np.hypot(rows - rows[peak], cols - cols[peak])
    order = np.argsort(distance, kind="stable")
    summed = np.cumsum(light[order])
    half, most = (np.searchsorted(summed, share * summed[-1]) for share in (0.5, 0.9))
    last = len(order) - 1
    return {
        "half_light_px": float(distance[order[min(int(half), last)]]),
        "nine_tenths_light_px": float(distance[order[min(int(most), last)]]),
    }
