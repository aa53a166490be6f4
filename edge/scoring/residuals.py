"""How far a hit lies from its particle, in place and time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.scoring.beside import Beside
from edge.scoring.hits import Hits
from edge.scoring.matching import NONE, Matching
from edge.scoring.truth import Particles

_DIGITS = 6


def position_residuals(particles: Particles, hits: Hits, matching: Matching) -> dict[str, Any]:
    """Distances in px: of the brightest pixels, and of the centroids.

    A particle's centroid is that of its told pixels, each weighing the same: a truth does not
    tell what each of them got. A hit's is its own, weighted by brightness.
    """
    found = np.flatnonzero(matching.hit_of != NONE)
    hit = matching.hit_of[found]
    peak = _distances(
        hits.x_px[hit] - particles.x_px[found], hits.y_px[hit] - particles.y_px[found]
    )
    with_pixels = found[particles.pixels_known[found]]
    hit = matching.hit_of[with_pixels]
    centre_x, centre_y = (_centres(particles, v)[with_pixels] for v in ("cols", "rows"))
    centroid = _distances(hits.centroid_x_px[hit] - centre_x, hits.centroid_y_px[hit] - centre_y)
    return {"peak": peak, "centroid": centroid}


def time_residuals(
    particles: Particles, hits: Hits, matching: Matching, beside: Beside | None
) -> dict[str, Any] | None:
    """Seconds from when a particle came to when its hit says it did; None where nobody knows.

    A hit's time is the middle of its row's exposure, so that half an exposure is the least that
    can be expected of the largest. Hits of a rig that played the recording are dated by its own
    clock: their mean is then the distance of the two.
    """
    told = (matching.hit_of != NONE) & ~np.isnan(particles.time_offset_s)
    found = np.flatnonzero(told)
    if beside is None or not len(found):
        return None
    starts = beside.starts_ns(set(particles.frame[found].tolist()))
    residuals = [
        (int(hits.time_ns[matching.hit_of[one]]) - starts[frame]) * 1e-9
        - float(particles.time_offset_s[one])
        for one, frame in zip(found.tolist(), particles.frame[found].tolist(), strict=True)
        if frame in starts
    ]
    if not residuals:
        return None
    values = np.array(residuals)
    size = np.abs(values)
    return {
        "number": len(values),
        "mean_s": round(float(values.mean()), 9),
        "rms_s": round(float(np.sqrt(np.mean(values**2))), 9),
        "p95_s": round(float(np.percentile(size, 95)), 9),
        "max_s": round(float(size.max()), 9),
    }


def _centres(particles: Particles, which: str) -> NDArray[np.float64]:
    """Mean row or column of each particle's pixels."""
    if not len(particles):
        return np.empty(0)
    places: NDArray[np.int64] = getattr(particles, which)
    sums = np.add.reduceat(places, particles.first_pixel[:-1])
    return np.asarray(sums / np.diff(particles.first_pixel), dtype=np.float64)


def _distances(x: NDArray[Any], y: NDArray[Any]) -> dict[str, Any] | None:
    known = ~(np.isnan(x.astype(np.float64)) | np.isnan(y.astype(np.float64)))
    x, y = x[known], y[known]
    if not len(x):
        return None
    away = np.hypot(x, y)
    return {
        "number": len(x),
        "mean_x_px": round(float(x.mean()), _DIGITS),
        "mean_y_px": round(float(y.mean()), _DIGITS),
        "rms_px": round(float(np.sqrt(np.mean(away**2))), _DIGITS),
        "p95_px": round(float(np.percentile(away, 95)), _DIGITS),
        "max_px": round(float(away.max()), _DIGITS),
        "same_pixel": round(float(np.mean(away == 0)), _DIGITS),
    }
