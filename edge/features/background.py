"""What lies around a hit: noise without structure, or bands, blots and grains of an artefact."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_GROWTH_PX = 2
_TILES = 3
_OUTLIER_SIGMA = 4.0
_LEAST_PX = 16
BACKGROUND_NAMES = (
    "background_spread_of_peak",
    "background_along_rows",
    "background_along_cols",
    "row_banding",
    "col_banding",
    "tile_spread",
    "tile_noise_spread",
    "background_outlier_share",
    "background_step_share",
)


def background_features(excess: NDArray[np.float64], lit: NDArray[np.uint8]) -> dict[str, float]:
    """Measure the pixels that are neither lit nor within 2 px of what is.

    Parameters
    ----------
    excess : ndarray of float64, shape (height, width)
        Counts above the median.
    lit : ndarray of uint8, shape (height, width)
        Which pixels belong to hits.

    Returns
    -------
    dict of str to float
        All 0 where fewer than 16 pixels are left or all of them are alike. Invariant to black
        level, and to gain but for rounding:

        ``background_spread_of_peak``
            Standard deviation over the brightest pixel's height.
        ``background_along_rows``, ``background_along_cols``
            Correlation of a pixel with its right and its lower neighbour: noise of a sensor has
            none, demosaicing, JPEG and light have.
        ``row_banding``, ``col_banding``
            Variance of the means of rows (columns) over what independent pixels would give, as a
            logarithm: about 0 without bands.
        ``tile_spread``, ``tile_noise_spread``
            Largest less smallest mean, and standard deviation, of 3 x 3 tiles, over the standard
            deviation: light from a side, noise in one corner.
        ``background_outlier_share``
            Share of pixels more than 4 standard deviations up.
        ``background_step_share``
            Share of pixels unlike their right neighbour: noise, or a clipped black.
    """
    import cv2

    grown = cv2.dilate(lit, np.ones((2 * _GROWTH_PX + 1, 2 * _GROWTH_PX + 1), np.uint8))
    free = grown == 0
    values = excess[free]
    spread = float(values.std()) if len(values) else 0.0
    if len(values) < _LEAST_PX or spread == 0.0:
        return dict.fromkeys(BACKGROUND_NAMES, 0.0)
    scaled = np.where(free, (excess - values.mean()) / spread, 0.0)
    means, spreads = _tiles(scaled, free)
    height = max(float(excess.max()), spread)
    found = (
        spread / height,
        _correlation(scaled, free, 1),
        _correlation(scaled, free, 0),
        _banding(scaled, free, 1),
        _banding(scaled, free, 0),
        float(np.ptp(means)),
        float(np.ptp(spreads)),
        float(np.count_nonzero(scaled > _OUTLIER_SIGMA)) / len(values),
        _steps(excess, free),
    )
    return dict(zip(BACKGROUND_NAMES, found, strict=True))


def _correlation(scaled: NDArray[np.float64], free: NDArray[np.bool_], axis: int) -> float:
    """Mean product of free neighbours along an axis; the dark of others is 0."""
    one, other = _halves(free, axis)
    both = one & other
    count = int(np.count_nonzero(both))
    first, second = _halves(scaled, axis)
    return float((first * second).sum()) / count if count else 0.0


def _steps(excess: NDArray[np.float64], free: NDArray[np.bool_]) -> float:
    one, other = _halves(free, 1)
    both = one & other
    count = int(np.count_nonzero(both))
    first, second = _halves(excess, 1)
    return float(np.count_nonzero((first != second) & both)) / count if count else 0.0


def _halves(values: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    return (values[:, :-1], values[:, 1:]) if axis == 1 else (values[:-1], values[1:])


def _banding(scaled: NDArray[np.float64], free: NDArray[np.bool_], axis: int) -> float:
    """Logarithm of the variance of the lines' means over that of independent pixels."""
    counts = free.sum(axis=axis)
    used = counts >= 4
    if np.count_nonzero(used) < 4:
        return 0.0
    sums = scaled.sum(axis=axis)[used]
    return float(np.log10(np.mean(sums * sums / counts[used]) + 0.01))


def _tiles(
    scaled: NDArray[np.float64], free: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means and standard deviations of the tiles that have enough free pixels."""
    height, width = scaled.shape
    row_starts = sorted({height * n // _TILES for n in range(_TILES)})
    col_starts = sorted({width * n // _TILES for n in range(_TILES)})

    def sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(np.add.reduceat(values, row_starts, 0), col_starts, 1).ravel()

    counts = sums(free.astype(np.float64))
    used = counts >= _LEAST_PX
    if not used.any():
        return np.zeros(1), np.zeros(1)
    means = sums(scaled)[used] / counts[used]
    squares = sums(scaled * scaled)[used] / counts[used]
    return means, np.sqrt(np.maximum(squares - means * means, 0.0))
