"""New crops from old ones: turned, moved, mirrored, scaled, brighter, on another background.

DECO's augmentation (Winter et al., Astropart. Phys. 104 (2019) 42): shift of 0 to 8 px, rotation
of 0 to 360 degrees, reflection, scale of 0.9 to 1.1, in one warp. To it come gain, black level and
a background of its own, so that a phone's, a Pi's and a RAW crop look alike, and so that what is
learned is the hit and not the dark around it.

What stands out of its noise no more than noise does is no hit, whatever its shape. Labelled sets
hold few such crops, so some are made: dim copies in noise, called artefacts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.prepare import noise_adu

Values = NDArray[np.float32]

_SHIFT_PX = 8
_SCALE = 0.9, 1.1
_GAIN = 0.75, 1.3
_OTHER_BACKGROUND = 0.35
_NOISY = 0.6
_MOST_NOISE = 1.8
_CLEAR = 45.0
"""Noise is added up to this part of the peak: what was clearly a hit must stay so."""

_DIM_SIGMA = 4.0, 18.0
_LEVEL = 40.0
_SMOOTH = 1.9
"""A mean of 3 x 3 weighs noise down by about so much."""


def augmented(pixels: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Make another crop of the same hit.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)
    random : Generator

    Returns
    -------
    ndarray of the same dtype and shape
    """
    values = pixels.astype(np.float32)
    black = float(np.median(values))
    excess = values - black
    if random.random() < _OTHER_BACKGROUND:
        excess = np.where(_lit(excess), excess, 0).astype(np.float32)
        black = random.uniform(0, _LEVEL)
    excess = _warped(excess, random) * np.float32(random.uniform(*_GAIN))
    if random.random() < _NOISY:
        most = min(_MOST_NOISE * noise_unit(pixels), float(excess.max()) / _CLEAR)
        excess += _noise(excess.shape, random) * np.float32(random.uniform(0, max(most, 0)))
    return _counts(excess + black, pixels)


def on_other_ground(pixels: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Put what is lit on a ground of another level and texture, and of the same noise.

    Whoever calls it something else afterwards has read the ground.
    """
    excess = pixels.astype(np.float32) - np.float32(np.median(pixels))
    sigma = np.float32(noise_adu(excess))
    # Never so low that the noise is cut off at 0: it would be another.
    level = 4 * sigma + random.uniform(0, _LEVEL) * noise_unit(pixels)
    ground = _noise(excess.shape, random) * sigma + np.float32(level)
    return _counts(np.where(_lit(excess), excess, 0) + ground, pixels)


def dimmed(pixels: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Make a crop in which the hit does not stand out of the noise as a particle does."""
    excess = pixels.astype(np.float32) - np.float32(np.median(pixels))
    excess = np.where(_lit(excess), excess, 0)
    sigma = random.uniform(0.8, 3.0) * noise_unit(pixels)
    peak = max(float(excess.max()), 1.0)
    shown = _warped(excess.astype(np.float32), random) * (
        sigma * random.uniform(*_DIM_SIGMA) / peak
    )
    noise = _noise(excess.shape, random) * np.float32(sigma)
    return _counts(shown + noise + random.uniform(5, _LEVEL) * noise_unit(pixels), pixels)


def noise_unit(pixels: NDArray[Any]) -> float:
    """What a count of 8 bits is in a crop's own counts."""
    return 1.0 if pixels.dtype == np.uint8 else 4.0


def _lit(excess: Values) -> NDArray[np.bool_]:
    import cv2

    lit = (excess > max(4 * noise_adu(excess), 3.0)).astype(np.uint8)
    around: Any = cv2.dilate(lit, np.ones((3, 3), np.uint8))
    return np.asarray(around > 0)


def _warped(values: Values, random: np.random.Generator) -> Values:
    """Half of the time an exact turn: interpolation blurs what is a pixel wide."""
    import cv2

    height, width = values.shape
    if random.random() < 0.5:
        turned = np.rot90(values, int(random.integers(4)))
        turned = turned[:, ::-1] if random.random() < 0.5 else turned
        dx, dy = random.integers(-_SHIFT_PX, _SHIFT_PX + 1, 2)
        matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
        moved: Any = cv2.warpAffine(
            np.ascontiguousarray(turned), matrix, (turned.shape[1], turned.shape[0]),
            flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101,
        )  # fmt: skip
        return np.asarray(moved, np.float32)
    angle, scale = random.uniform(0, 2 * math.pi), random.uniform(*_SCALE)
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    mirror = random.choice([-1, 1])
    matrix = np.array([[cos * mirror, -sin, 0], [sin * mirror, cos, 0]])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = random.uniform(-_SHIFT_PX, _SHIFT_PX, 2)
    matrix[:, 2] = middle - matrix[:, :2] @ (middle + shift)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped: Any = cv2.warpAffine(
        values, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(warped, np.float32)


def _noise(shape: tuple[int, ...], random: np.random.Generator) -> Values:
    """White, or as a phone's noise reduction leaves it."""
    import cv2

    noise = random.standard_normal(shape, np.float32)
    if random.random() < 0.5:
        noise = np.asarray(cv2.GaussianBlur(noise, (3, 3), 0.8)) * np.float32(_SMOOTH)
    return noise


def _counts(values: Any, like: NDArray[Any]) -> NDArray[Any]:
    counts: NDArray[Any] = np.clip(np.rint(values), 0, np.iinfo(like.dtype).max)
    return counts.astype(like.dtype)
