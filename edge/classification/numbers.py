"""What a model is told in numbers beside the crop: features, and how far it stands out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.classification.prepare import LEAST_NOISE_ADU, noise_adu
from edge.features.image import FEATURE_NAMES, image_features
from edge.frame import Pixels

NAMES = (*FEATURE_NAMES, "stands_out_log", "light_log")
"""Names of the numbers, in their order."""

_LIT_SIGMA = 4.0


def numbers(pixels: Pixels) -> NDArray[np.float32]:
    """Measure a crop for a model.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)

    Returns
    -------
    ndarray of float32, shape (len(NAMES),)
        `edge.features.image.image_features`; the logarithm of the brightest pixel's excess in units
        of the noise; that of the light that stands out of it.
    """
    excess = pixels.astype(np.float32)
    excess -= np.float32(np.median(excess))
    noise = max(noise_adu(excess), LEAST_NOISE_ADU)
    stands_out = math.log(max(float(excess.max()), 1.0) / noise)
    light = float(np.maximum(excess - np.float32(_LIT_SIGMA * noise), 0).sum(dtype=np.float64))
    told = np.append(image_features(pixels), (stands_out, math.log1p(light)))
    return told.astype(np.float32)
