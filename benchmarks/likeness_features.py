"""What hits look like in numbers: the same for real and simulated ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.likeness_real import Crop
from edge.describe import describe
from edge.detection import Candidate
from edge.detection import Crop as RawCrop

FEATURES = ("area_px", "length_px", "peak_adu", "ellipticity", "solidity")

# A pixel is lit above so many counts, this many sigma of the crop's own noise, and this share of
# the peak; the peak is looked for so near the middle.
_LEAST_ADU = 8.0
_LEAST_SIGMA = 4.0
_LEAST_SHARE = 0.15
_NEAR_PX = 10

Floats = NDArray[np.float64]


def measure(crops: list[Crop]) -> dict[str, Floats]:
    """Measure area, length, peak, ellipticity and solidity of each crop's hit.

    Brightness is that of the brightest colour. Shapes are `edge.describe.describe`'s.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        By the names of `FEATURES`; crops without a lit pixel are left out.
    """
    found = [features for crop in crops if (features := _measure_one(crop)) is not None]
    return {name: np.array([features[name] for features in found]) for name in FEATURES}


def distance(one: Floats, other: Floats) -> float:
    """Kolmogorov and Smirnov's distance: the largest gap between two cumulative distributions."""
    both = np.concatenate([one, other])
    shares = [
        np.searchsorted(np.sort(part), both, side="right") / len(part) for part in (one, other)
    ]
    return float(np.abs(shares[0] - shares[1]).max())


def chance(one: Floats, other: Floats) -> float:
    """Distance that two samples of this size from one distribution stay below in 95 of 100."""
    return float(1.358 * np.sqrt((len(one) + len(other)) / (len(one) * len(other))))


def lit_pixels(excess: Floats) -> NDArray[np.bool_]:
    """Tell which pixels of a crop belong to the hit in its middle, shape (height, width).

    `excess` is the brightness above the crop's median.
    """
    import cv2

    sigma = _sigma(excess)
    middle = excess.shape[0] // 2
    near = np.s_[middle - _NEAR_PX : middle + _NEAR_PX, middle - _NEAR_PX : middle + _NEAR_PX]
    peak = float(excess[near].max())
    lit = excess >= max(_LEAST_ADU, _LEAST_SIGMA * sigma, _LEAST_SHARE * peak)
    # Gaps of a pixel don't part a hit.
    grown = cv2.dilate(lit.astype(np.uint8), np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(grown)
    row, col = divmod(int(excess[near].argmax()), 2 * _NEAR_PX)
    return np.asarray(lit & (labels == labels[near][row, col]))


def _sigma(excess: Floats) -> float:
    return 1.4826 * float(np.median(np.abs(excess))) + 0.5


def _measure_one(crop: Crop) -> dict[str, float] | None:
    brightest = crop.max(axis=2)
    excess = brightest.astype(np.float64) - float(np.median(brightest))
    own = lit_pixels(excess)
    rows, cols = np.nonzero(own)
    if not len(rows):
        return None
    values = excess[own]
    candidate = Candidate(
        rows=rows.astype(np.int32),
        cols=cols.astype(np.int32),
        values_adu=brightest[own].astype(np.uint16),
        excess_adu=values.astype(np.float32),
        peak=int(values.argmax()),
        peak_sigma=float(values.max()) / _sigma(excess),
        crop=RawCrop(brightest, 0, 0),
    )
    return {**describe(candidate), "peak_adu": float(values.max())}
