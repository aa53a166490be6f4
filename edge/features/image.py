"""A picture of a hit as one vector of numbers, for a classifier.

From the pixels alone: nothing is known of frame, camera or background. Aimed at trees, which ask
only for the order of values: what is monotone in another feature (eccentricity and elongation in
ellipticity) is left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.features.background import BACKGROUND_NAMES, background_features
from edge.features.cluster import cluster_features
from edge.features.gray import to_gray
from edge.features.light import (
    CONTRAST_NAMES,
    LEVEL_NAMES,
    PEAK_NAMES,
    concentration_features,
    contrast_features,
    level_features,
    mad_sigma,
    noise_of,
    peak_features,
)
from edge.features.segment import clusters_of, lit_above, otsu_mask, share_threshold, smooth
from edge.features.zernike import zernike_moments, zernike_names

_NOISE_SIGMA = 4.0
_CONCENTRATION = ("half_light_px", "nine_tenths_light_px")
_MAIN = (
    "components", "lit_share", "second_of_first", "edge_share", "bbox_fill", "alignment_deg",
    "mean_of_peak", "peak_share",
    "area_px", "convex_area_px", "solidity", "major_axis_px", "minor_axis_px", "ellipticity",
    "weighted_major_axis_px", "weighted_minor_axis_px", "weighted_ellipticity", "length_px",
    "width_px", "perimeter_px", "path_length_px", "straightness", "sagitta_share", "turn_deg",
    "net_turn_deg", "bends", "ends", "forks", "ridge_width_px", "ridge_width_spread",
    *(f"hu_{n}_log" for n in range(1, 8)),
)  # fmt: skip
_QUARTER = (
    "components", "area_px", "solidity", "minor_axis_px", "ellipticity", "weighted_ellipticity",
    "length_px", "path_length_px", "straightness", "bends",
)  # fmt: skip
_HALF = ("area_px", "ellipticity")
_OTSU = ("area_px", "solidity", "minor_axis_px", "ellipticity", "peak_share")
_NOISE = ("components", "area_px", "solidity", "ellipticity", "weighted_ellipticity")
# The first is 1/pi of any light; the second is 0 of all light inside the disc.
_ZERNIKE = zernike_names()[2:]

FEATURE_NAMES: tuple[str, ...] = (
    *LEVEL_NAMES,
    *CONTRAST_NAMES,
    *PEAK_NAMES,
    *_CONCENTRATION,
    *BACKGROUND_NAMES,
    *(f"eighth_{name}" for name in _MAIN),
    *(f"quarter_{name}" for name in _QUARTER),
    *(f"half_{name}" for name in _HALF),
    *(f"otsu_{name}" for name in _OTSU),
    *(f"noise_{name}" for name in _NOISE),
    *_ZERNIKE,
)
"""Names of the numbers of `image_features`, in their order."""


def image_features(
    pixels: NDArray[Any], *, full_scale_adu: float | None = None
) -> NDArray[np.float64]:
    """Measure a picture of a hit.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width) or (height, width, 1 to 4)
        A crop of any size: gray, gray and alpha, RGB, RGBA. Colour becomes luma, transparency is
        left out.
    full_scale_adu : float, optional
        Largest count there can be; without it 255 or 65535, by the dtype.

    Returns
    -------
    ndarray of float64, shape (len(FEATURE_NAMES),)
        Finite, the same for the same pixels. In this order:

        1. ``…_share`` of `edge.features.light.level_features`: brightness against full scale, the
           only ones that change with the black level.
        2. ``…_of_peak``, ``peak_sigma_log``: how counts are distributed and what surrounds the
           brightest pixel, in units of its height above the median.
        3. `edge.features.background`: structure of what is dark.
        4. ``eighth_``, ``quarter_``, ``half_``: the cluster with the most light of the smoothed
           picture above darkest + (brightest - darkest) / 8, 4 or 2; ``otsu_``: of the picture
           above Otsu's threshold; ``noise_``: above 4 sigma of its noise. All of them 0 where
           nothing is lit.
        5. ``zernike_n_m``: of the light above an eighth, radius 21 px, degree 8.

        All but the first group are invariant to the black level, and but for rounding to the
        gain.

    Raises
    ------
    ValueError
        It is empty, or of another shape or dtype.
    """
    gray = to_gray(pixels)
    full_scale = float(full_scale_adu or np.iinfo(gray.dtype).max)
    values = gray.astype(np.float64)
    excess = values - np.median(values)
    light = np.maximum(values - share_threshold(values, 8), 0.0)
    rows, cols = (places.astype(np.int64) for places in np.nonzero(light))
    smoothed = smooth(values)
    eighth = lit_above(smoothed, share_threshold(smoothed, 8))
    # Above an eighth alone lies nearly all of a picture of noise.
    hits = eighth & lit_above(excess, _NOISE_SIGMA * mad_sigma(excess))
    masks = {
        "eighth": (eighth, _MAIN),
        "quarter": (lit_above(smoothed, share_threshold(smoothed, 4)), _QUARTER),
        "half": (lit_above(smoothed, share_threshold(smoothed, 2)), _HALF),
        "otsu": (otsu_mask(gray), _OTSU),
        "noise": (lit_above(excess, _NOISE_SIGMA * noise_of(excess)), _NOISE),
    }
    features = {
        **level_features(values, full_scale),
        **contrast_features(excess),
        **peak_features(excess),
        **concentration_features(light),
        **background_features(excess, hits),
        **dict(zip(zernike_names(), zernike_moments(rows, cols, light[rows, cols]), strict=True)),
    }
    for prefix, (mask, names) in masks.items():
        found = cluster_features(clusters_of(mask, excess), excess, names)
        features |= {f"{prefix}_{name}": value for name, value in found.items()}
    return np.array([features[name] for name in FEATURE_NAMES])
