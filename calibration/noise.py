"""Noise of each pixel from few frames: its own spread, held up by that of pixels like it.

With 5 to 500 frames a pixel's own standard deviation is a poor number: one in a thousand is half
the truth, and thresholds set by it fire for ever. Pixels of like dark signal share their noise
(photon transfer: variance grows with signal), so the common spread at that signal is the floor,
and the pixel's own spread counts by its degrees of freedom.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.trim import mean_of_lower

QUANTISATION_ADU = 1 / np.sqrt(12.0)
"""Noise of rounding to whole ADU: no pixel is quieter."""

PRIOR_FRAMES = 2.0
"""Degrees of freedom given to the common noise when a pixel's own is blended in."""

_LEAST_DEGREES = 50
"""Below, pixels' own spreads are too uncertain to tell how alike the pixels are."""

_MOST_PRIOR = 1e6
_CHANCE_SIGMA, _OWN_SIGMA = 3.0, 5.0
"""A spread above the common one by less than the first, in units of its own error, is chance; by
more than the second, it is the pixel's own."""

_MOST_BINS = 100
"""Fewer for few degrees of freedom: there the order of the means is mostly chance, and with
coarse digits pixels of one mean have nearly all one spread."""

_COARSE_ADU = 1.0
"""Digits are coarse for less noise."""

_BRIGHT_SHARE = 0.01
_BRIGHT_BINS = 40
_SMALLEST_BIN = 50
_DEGREES_IN_BIN = 400
"""Degrees of freedom in a bin, which make its noise right to 5 %."""


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
    mean_adu: NDArray[np.float32],
    spread_adu: NDArray[np.float32],
    degrees: int,
    lower_mean_square: float,
) -> CommonNoise:
    """Noise that most pixels of like mean share, never below the quantisation noise.

    The squares of the lower spreads are averaged: a median of few degrees of freedom and coarse
    digits is one of a handful of numbers, and the highest spreads are of pixels that are hot,
    flicker or were struck. Where the averages fall with the mean they are pooled (isotonic
    regression by pooling adjacent violators: Barlow et al., Statistical Inference under Order
    Restrictions, 1972), since with few frames a pixel with a low mean has one by chance, together
    with a large spread.

    Parameters
    ----------
    mean_adu, spread_adu : ndarray of float32, shape (pixels,)
        Mean and standard deviation of all pixels, or of a sample.
    degrees : int
        Degrees of freedom of `spread_adu`.
    lower_mean_square : float
        Mean square of the lower spreads of normal noise of unit variance (`calibration.trim`).
    """
    order = np.argsort(mean_adu, axis=None, kind="stable")
    means = mean_adu.ravel()[order]
    spreads = spread_adu.ravel()[order]
    typical = np.sqrt(mean_of_lower(np.square(spreads, dtype=np.float64)) / lower_mean_square)
    bins = min(degrees + int(typical >= _COARSE_ADU), _MOST_BINS)
    smallest = max(_SMALLEST_BIN, _DEGREES_IN_BIN // degrees)
    pairs = list(itertools.pairwise(_bin_edges(len(means), bins, smallest)))
    centres = np.array([np.median(means[a:b]) for a, b in pairs], np.float64)
    squares = [mean_of_lower(np.square(spreads[a:b], dtype=np.float64)) for a, b in pairs]
    variance = _not_falling(squares, [b - a for a, b in pairs]) / lower_mean_square
    return CommonNoise(centres, np.maximum(np.sqrt(variance), QUANTISATION_ADU))


def blended_noise_adu(
    common_adu: NDArray[np.float32], spread_adu: NDArray[np.float32], degrees: int
) -> NDArray[np.float32]:
    """Best guess of a pixel's noise: its own and the common one, by degrees of freedom."""
    blend: NDArray[np.float32] = np.sqrt(
        (PRIOR_FRAMES * np.square(common_adu) + degrees * np.square(spread_adu))
        / (PRIOR_FRAMES + degrees)
    ).astype(np.float32)
    return blend


def likeness_degrees(
    common_adu: NDArray[np.float32], spread_adu: NDArray[np.float32], degrees: int
) -> float:
    """How alike pixels are in their noise, as the degrees of freedom the common noise is worth.

    Spreads of pixels that share one noise scatter as chi-square does; what they scatter more is
    their own (empirical Bayes: Smyth (2004), Stat. Appl. Genet. Mol. Biol. 3, article 3, section
    6.2). Taken from the lower half of the spreads, where no restless pixel is.

    Parameters
    ----------
    common_adu, spread_adu : ndarray of float32, shape (pixels,)
        Noise expected of each pixel, and its own standard deviation.
    degrees : int
        Degrees of freedom of `spread_adu`.

    Returns
    -------
    float
        `PRIOR_FRAMES` where there are too few degrees to tell; up to 10^6 for pixels all alike.
    """
    if degrees < _LEAST_DEGREES:
        return PRIOR_FRAMES
    ratio = np.maximum(spread_adu, np.float32(1e-6)) / common_adu
    low, middle = np.quantile(2 * np.log(ratio.astype(np.float64)), [0.1587, 0.5])
    half = degrees / 2
    chance = 1 / half + 1 / (2 * half * half)  # trigamma
    own = max(float(middle - low) ** 2 - chance, 2 / _MOST_PRIOR)
    return max(2 / own + 1, PRIOR_FRAMES)


def pixel_noise_adu(
    common_adu: NDArray[np.float32],
    blended_adu: NDArray[np.float32],
    degrees: int,
    likeness: float = PRIOR_FRAMES,
) -> NDArray[np.float32]:
    """Noise to judge a pixel by: the larger of the common noise and the blend with its own.

    A pixel no noisier than chance allows is blended by how alike the pixels are: its own spread
    is then mostly chance, and the larger of two numbers would be too large for most pixels. The
    error of the baseline itself (one part in the number of kept frames) is included.
    """
    stretch = np.float32(np.sqrt(1 + 1 / (degrees + 1)))
    noise = np.maximum(common_adu, blended_adu)
    if likeness > PRIOR_FRAMES:
        share = (PRIOR_FRAMES + degrees) / (likeness + degrees)
        common, blend = np.square(common_adu), np.square(blended_adu)
        alike = np.sqrt(common + np.float32(share) * np.maximum(blend - common, 0))
        errors = (blended_adu / common_adu - 1) * np.float32(np.sqrt(2 * degrees))
        own = np.clip((errors - _CHANCE_SIGMA) / (_OWN_SIGMA - _CHANCE_SIGMA), 0, 1)
        noise = alike + own * (noise - alike)
    judged: NDArray[np.float32] = (noise * stretch).astype(np.float32)
    return judged


def _not_falling(values: list[float], weights: list[int]) -> NDArray[np.float64]:
    """Nearest values (weighted least squares) that nowhere fall."""
    blocks: list[tuple[float, int, int]] = []  # mean, weight, length
    for value, weight in zip(values, weights, strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            mean, held, length = blocks.pop()
            both = held + block[1]
            pooled = (mean * held + block[0] * block[1]) / both
            block = (pooled, both, length + block[2])
        blocks.append(block)
    return np.repeat([mean for mean, _, _ in blocks], [length for _, _, length in blocks])


def _bin_edges(count: int, bins: int, smallest: int) -> list[int]:
    """Equal bins over most pixels, finer ones over the brightest per cent."""
    wide = np.linspace(0, count, bins + 1).astype(int)
    bright = max(count * _BRIGHT_SHARE, 2)
    fine = count - np.geomspace(1, bright, _BRIGHT_BINS).astype(int)
    edges = [0]
    for edge in np.unique(np.concatenate([wide, fine])):
        if edge - edges[-1] >= smallest or (edge == count and len(edges) == 1):
            edges.append(int(edge))
    edges[-1] = count
    return edges
