"""What a model is told in numbers beside the crop: features, and how far it stands out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.classification.prepare import LEAST_NOISE_ADU, noise_adu
from edge.features.hit import HIT_NAMES, Place, hit_features
from edge.features.image import FEATURE_NAMES, image_features
from edge.frame import Pixels

NAMES = (*FEATURE_NAMES, "stands_out_log", "light_log", *HIT_NAMES, "place_known")
"""Names of the numbers, in their order."""

PLACE_KNOWN = len(NAMES) - 1
FIRST_OF_HIT = NAMES.index(HIT_NAMES[0])

_LIT_SIGMA = 4.0


def numbers(pixels: Pixels, place: Place | None = None) -> NDArray[np.float32]:
    """Measure a crop for a model.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)
    place : (row, column), optional
        Where the hit's brightest pixel lies in the crop; None where no rig has said it.

    Returns
    -------
    ndarray of float32, shape (len(NAMES),)
        `edge.features.image.image_features`; the logarithm of the brightest pixel's excess in units
        of the noise; that of the light that stands out of it; `edge.features.hit.hit_features`;
        1 where the place is known, else 0.
    """
    excess = pixels.astype(np.float32)
    excess -= np.float32(np.median(excess))
    noise = max(noise_adu(excess), LEAST_NOISE_ADU)
    stands_out = math.log(max(float(excess.max()), 1.0) / noise)
    light = float(np.maximum(excess - np.float32(_LIT_SIGMA * noise), 0).sum(dtype=np.float64))
    values = pixels.astype(np.float64)
    hit = hit_features(values - np.median(values), place)
    known = float(place is not None)
    told = np.concatenate((image_features(pixels), (stands_out, math.log1p(light)), hit, (known,)))
    return told.astype(np.float32)
