"""Everything that is measured of one cluster of pixels.

The names and definitions are the field's: photutils and scikit-image, which CREDO's analysis uses
(dzwiedziu-nkg/credo-analysis, ``measure_vector_export.py``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.features.ellipse import equal_ellipse, extents_px, weighted_ellipse
from edge.features.hu import hu_moments, log_hu
from edge.features.outline import convex_area_px, perimeter_px
from edge.features.ridge import ridge_of


def shape_features(
    rows: NDArray[np.int64], cols: NDArray[np.int64], excess_adu: NDArray[np.float64]
) -> dict[str, float]:
    """Measure a cluster: form, place, light, way and moments of its own pixels.

    Parameters
    ----------
    rows, cols : ndarray of int64, shape (n,)
        At least one pixel, each once.
    excess_adu : ndarray of float64, shape (n,)
        Counts above the background; negative ones weigh nothing.

    Returns
    -------
    dict of str to float
        All finite; `edge.describe.describe` says what each of them is.
    """
    return {
        **form_features(rows, cols, excess_adu),
        **way_features(rows, cols),
        **moment_features(rows, cols),
    }


def form_features(
    rows: NDArray[np.int64], cols: NDArray[np.int64], excess_adu: NDArray[np.float64]
) -> dict[str, float]:
    """Measure area, axes, outline, place and light of a cluster, as `shape_features` does."""
    y0, y1 = int(rows.min()), int(rows.max())
    x0, x1 = int(cols.min()), int(cols.max())
    rows, cols = rows - y0, cols - x0
    weights = _weights(excess_adu)
    total = float(weights.sum())
    centre_x, centre_y = (float((weights * places).sum()) / total for places in (cols, rows))

    shape = equal_ellipse(rows, cols)
    weighted = weighted_ellipse(rows, cols, centre_y, centre_x, weights / total)
    length_px, width_px = extents_px(rows, cols, shape.orientation_deg)
    convex_area = convex_area_px(rows, cols)
    return {
        "area_px": float(len(rows)),
        "convex_area_px": convex_area,
        "solidity": len(rows) / convex_area,
        "major_axis_px": shape.major_px,
        "minor_axis_px": shape.minor_px,
        "ellipticity": shape.ellipticity,
        "elongation": shape.elongation,
        "eccentricity": shape.eccentricity,
        "orientation_deg": shape.orientation_deg,
        "weighted_major_axis_px": weighted.major_px,
        "weighted_minor_axis_px": weighted.minor_px,
        "weighted_ellipticity": weighted.ellipticity,
        "weighted_orientation_deg": weighted.orientation_deg,
        "centroid_x_px": x0 + centre_x,
        "centroid_y_px": y0 + centre_y,
        "length_px": length_px,
        "width_px": width_px,
        "perimeter_px": perimeter_px(rows, cols),
        "bbox_x0_px": float(x0),
        "bbox_y0_px": float(y0),
        "bbox_x1_px": float(x1),
        "bbox_y1_px": float(y1),
        "peak_share": float(weights.max()) / total,
        "mean_excess_adu": float(excess_adu.mean()),
        "sum_excess_adu": float(excess_adu.sum()),
        "peak_excess_adu": float(excess_adu.max()),
    }


def way_features(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> dict[str, float]:
    """Measure the way along a cluster; `edge.features.ridge.Ridge` says how."""
    ridge = ridge_of(rows, cols)
    return {
        "path_length_px": ridge.path_length_px,
        "straightness": ridge.straightness,
        "sagitta_share": ridge.sagitta_share,
        "turn_deg": ridge.turn_deg,
        "net_turn_deg": ridge.net_turn_deg,
        "bends": float(ridge.bends),
        "ends": float(ridge.ends),
        "forks": float(ridge.forks),
        "ridge_width_px": ridge.width_px,
        "ridge_width_spread": ridge.width_spread,
    }


def moment_features(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> dict[str, float]:
    """Measure Hu's moments of a cluster, log-scaled by `edge.features.hu.log_hu`."""
    moments = log_hu(hu_moments(rows, cols))
    return {f"hu_{n}_log": value for n, value in enumerate(moments, start=1)}


def _weights(excess: NDArray[np.float64]) -> NDArray[np.float64]:
    """Excess without negatives; all alike where nothing positive is left."""
    weights = np.maximum(excess, 0.0)
    return weights if float(weights.sum()) > 0.0 else np.ones_like(weights)
