"""Noise of each pixel from few frames: its own spread, held up by that of pixels like it.

With 5 to 500 frames a pixel's own standard deviation is a poor number: one in a thousand is half
the truth, and thresholds set by it fire for ever. Pixels of like dark signal share their noise
(photon transfer: variance grows with signal), so the median spread at that signal is the floor,
and the pixel's own spread counts by its degrees of freedom.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

QUANTISATION_ADU = 1 / np.sqrt(12.0)
"""Noise of rounding to whole ADU: no pixel is quieter."""

PRIOR_FRAMES = 2.0
"""Degrees of freedom given to the common noise when a pixel's own is blended in."""

_BINS = 100
_BRIGHT_BINS = 40
_SMALLEST_BIN = 50


@dataclass(frozen=True, slots=True)
class CommonNoise:
    """Noise expected of a pixel from its mean.

    Attributes
    ----------
    means_adu, noise_adu : ndarray of float64, shape (points,)
        The noise does not fall with the mean.
    """

    means_adu: NDArray[np.float64]
    noise_adu: NDArray[np.float64]

    def at(self, mean_adu: NDArray[np.float32]) -> NDArray[np.float32]:
        """Noise expected at each mean, same shape; straight lines between the points."""
        return np.interp(mean_adu, self.means_adu, self.noise_adu).astype(np.float32)


def common_noise(
    mean_adu: NDArray[np.float32], spread_adu: NDArray[np.float32], degrees: int
) -> CommonNoise:
    """Running median of the spread over the mean, never below the quantisation noise.

    Parameters
    ----------
    mean_adu, spread_adu : ndarray of float32, shape (pixels,)
        Baseline and standard deviation of all pixels, or of a sample.
    degrees : int
        Degrees of freedom of `spread_adu`; corrects the median of a chi distribution.
    """
    order = np.argsort(mean_adu, axis=None, kind="stable")
    means = mean_adu.ravel()[order]
    spreads = spread_adu.ravel()[order]
    pairs = list(itertools.pairwise(_bin_edges(len(means))))
    centres = np.array([np.median(means[a:b]) for a, b in pairs], np.float64)
    medians = np.array([np.median(spreads[a:b]) for a, b in pairs], np.float64)
    # Wilson-Hilferty: the median of chi-square over its degrees of freedom.
    chi = (1 - 2 / (9 * degrees)) ** 1.5
    return CommonNoise(centres, np.maximum.accumulate(np.maximum(medians / chi, QUANTISATION_ADU)))


def pixel_noise_adu(
    common_adu: NDArray[np.float32], spread_adu: NDArray[np.float32], degrees: int
) -> NDArray[np.float32]:
    """Noise to judge a pixel by: the larger of the common noise and the blend with its own.

    The error of the baseline itself (one part in the number of kept frames) is included.
    """
    blend = (PRIOR_FRAMES * np.square(common_adu) + degrees * np.square(spread_adu)) / (
        PRIOR_FRAMES + degrees
    )
    variance = np.maximum(np.square(common_adu), blend) * (1 + 1 / (degrees + 1))
    noise: NDArray[np.float32] = np.sqrt(variance).astype(np.float32)
    return noise


def _bin_edges(count: int) -> list[int]:
    """Equal bins over most pixels, finer ones over the brightest per cent."""
    wide = np.linspace(0, count, _BINS + 1).astype(int)
    fine = count - np.geomspace(1, max(count / _BINS, 2), _BRIGHT_BINS).astype(int)
    edges = [0]
    for edge in np.unique(np.concatenate([wide, fine])):
        if edge - edges[-1] >= _SMALLEST_BIN or (edge == count and len(edges) == 1):
            edges.append(int(edge))
    edges[-1] = count
    return edges
