"""What a candidate looks like: shape and brightness of its own pixels.

The names and definitions are the field's: photutils and scikit-image, which CREDO's analysis uses
(dzwiedziu-nkg/credo-analysis, ``measure_vector_export.py``). How each is computed lies in
`edge.features`.
"""

from __future__ import annotations

import math

import numpy as np

from edge.detection import Candidate
from edge.features.shape import shape_features

_LARGEST_SIGMA = 1e9


def describe(candidate: Candidate) -> dict[str, float]:
    """Measure a candidate's shape and brightness from its own pixels.

    Parameters
    ----------
    candidate : Candidate
        At least one pixel.

    Returns
    -------
    dict of str to float
        All finite, all of them Python floats:

        ``area_px``
            Number of pixels.
        ``convex_area_px``
            Number of pixels whose centres lie in or on the convex hull of the cluster's pixel
            centres (`skimage.measure.regionprops` without offset coordinates), exactly, by
            Pick's theorem.
        ``solidity``
            area / convex area, above 0 and at most 1. It is 1 for one pixel and for every
            digitally straight line at any angle; hulls of pixel corners give a diagonal
            line 0.5 and call it a worm.
        ``major_axis_px``, ``minor_axis_px``
            Full axes of the ellipse with the same second moments: 4 sqrt(eigenvalue of the
            covariance + 1/12), all pixels weighing the same.
        ``ellipticity``, ``elongation``, ``eccentricity``
            1 - b/a, a/b and sqrt(1 - b²/a²) of these axes.
        ``orientation_deg``
            Angle of the longer axis from the row direction (+x) towards rising rows (+y), in
            (-90, 90]; 0 where no axis is longer.
        ``weighted_major_axis_px``, ``weighted_minor_axis_px``, ``weighted_ellipticity``, \
``weighted_orientation_deg``
            The same with each pixel weighing its excess (negative ones weigh nothing).
        ``centroid_x_px``, ``centroid_y_px``
            Excess-weighted centre, in pixels of the frame.
        ``length_px``, ``width_px``
            Extent of the pixel centres along and across the longer axis, plus one pixel.
        ``perimeter_px``
            Benkrid and Crookes' estimate with a 4-connected border (the default of
            scikit-image); 0 where the border has no inside, as for one pixel.
        ``bbox_x0_px``, ``bbox_y0_px``, ``bbox_x1_px``, ``bbox_y1_px``
            First and last column and row, both inside.
        ``peak_share``
            The brightest pixel's share of the excess, 0 to 1.
        ``mean_excess_adu``
            Mean excess of its pixels.
        ``sum_excess_adu``, ``peak_excess_adu``
            Sum of the excess, and that of the brightest pixel.
        ``peak_sigma``
            The brightest pixel's excess in its own noise; at most 1e9 in size.
        ``path_length_px``, ``straightness``, ``sagitta_share``, ``turn_deg``, ``net_turn_deg``, \
``bends``, ``ends``, ``forks``, ``ridge_width_px``, ``ridge_width_spread``
            The way along its middle line: `edge.features.ridge.Ridge`.
        ``hu_1_log`` to ``hu_7_log``
            Hu's invariants of its shape, log-scaled: `edge.features.hu`.
    """
    features = shape_features(
        candidate.rows.astype(np.int64),
        candidate.cols.astype(np.int64),
        candidate.excess_adu.astype(np.float64),
    )
    return {**features, "peak_sigma": _finite(candidate.peak_sigma)}


def _finite(value: float) -> float:
    """Limit to what JSON can hold: a noise of 0 makes a significance infinite."""
    if math.isnan(value):
        return 0.0
    return min(max(value, -_LARGEST_SIGMA), _LARGEST_SIGMA)
