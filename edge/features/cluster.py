"""The brightest cluster of a picture, and what lies beside it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from edge.features.segment import Clusters
from edge.features.shape import form_features, moment_features, way_features

_WAY = "path_length_px"
_MOMENT = "hu_1_log"


def cluster_features(
    clusters: Clusters, excess: NDArray[np.float64], names: Collection[str]
) -> dict[str, float]:
    """Measure the first of the clusters by `Clusters.order`.

    Parameters
    ----------
    clusters : Clusters
    excess : ndarray of float64, shape (height, width)
        Counts above the median.
    names : collection of str
        Which features are wanted: those of `edge.features.shape`, and

        ``components``
            Number of clusters.
        ``lit_share``
            Share of all pixels that lie in one.
        ``second_of_first``
            Light of the second over that of the first, at most 1.
        ``edge_share``
            Share of its pixels that lie at the picture's edge.
        ``bbox_fill``
            Share of its bounding box that it fills.
        ``alignment_deg``
            Angle between its longer axis and the nearest of row and column, 0 to 45: readout
            faults lie along them.
        ``mean_of_peak``
            Its mean over its brightest pixel.

    Returns
    -------
    dict of str to float
        Finite; 0 where there is no cluster.
    """
    if len(clusters.areas_px) == 0:
        return dict.fromkeys(names, 0.0)
    order = clusters.order()
    rows, cols = clusters.pixels(int(order[0]))
    own = excess[rows, cols]
    features = form_features(rows, cols, own)
    if _WAY in names:
        features |= way_features(rows, cols)
    if _MOMENT in names:
        features |= moment_features(rows, cols)
    features |= {
        "components": float(len(order)),
        "lit_share": float(clusters.areas_px.sum()) / excess.size,
        "second_of_first": _second_of_first(clusters.sums[order]),
        "edge_share": _edge_share(rows, cols, excess.shape),
        "bbox_fill": len(rows) / float((np.ptp(rows) + 1) * (np.ptp(cols) + 1)),
        "alignment_deg": _alignment_deg(features["orientation_deg"]),
        "mean_of_peak": _ratio(features["mean_excess_adu"], features["peak_excess_adu"]),
    }
    return {name: features[name] for name in names}


def _second_of_first(sums: NDArray[np.float64]) -> float:
    if len(sums) < 2:
        return 0.0
    return min(_ratio(float(sums[1]), float(sums[0])), 1.0)


def _ratio(part: float, whole: float) -> float:
    """Ratio of positive amounts of light; 0 where either has none."""
    return part / whole if part > 0.0 and whole > 0.0 else 0.0


def _edge_share(rows: NDArray[np.int64], cols: NDArray[np.int64], shape: tuple[int, ...]) -> float:
    height, width = shape
    at_edge = (rows == 0) | (rows == height - 1) | (cols == 0) | (cols == width - 1)
    return float(np.count_nonzero(at_edge)) / len(rows)


def _alignment_deg(orientation_deg: float) -> float:
    off_row = abs(orientation_deg)
    return min(off_row, 90.0 - off_row)
