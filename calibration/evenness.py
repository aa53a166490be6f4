"""Whether light came from a side: a coarse grid of a frame's pixels against the calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.middle import middle

FIELDS = 8
_SAMPLE_PX = 4096
_CLIP_SIGMA = np.float32(3.0)


@dataclass(frozen=True, slots=True, eq=False)
class Evenness:
    """Baseline and noise of the pixels of a grid, taken together once for many frames.

    Attributes
    ----------
    taken : tuple of slice
        Rows and columns of the grid: 8 x 8 fields of as many pixels each.
    mean_adu, sigma_adu : ndarray of float32, shape (8 * rows of a field, 8 * columns)
    """

    taken: tuple[slice, slice]
    mean_adu: NDArray[np.float32]
    sigma_adu: NDArray[np.float32]

    @classmethod
    def of(cls, mean_adu: NDArray[np.float32], sigma_adu: NDArray[np.float32]) -> Evenness:
        """Choose the grid: about 4096 pixels; none of a frame that is smaller than 8 x 8."""
        height, width = mean_adu.shape
        step = max(1, math.isqrt(height * width // _SAMPLE_PX))
        rows, cols = height // step // FIELDS, width // step // FIELDS
        down, across = FIELDS * rows * step, FIELDS * cols * step
        taken = (slice(0, down, step), slice(0, across, step))
        return cls(taken, mean_adu[taken].copy(), sigma_adu[taken].copy())

    def unevenness(self, pixels: Any) -> float:
        """How far the brightest of 8 strips of the frame lies above the middle one.

        The larger value of the upright strips and of those across, in units of a pixel's noise.

        Parameters
        ----------
        pixels : ndarray of uint8 or uint16, shape (height, width)
            Or what is indexed alike.
        """
        if not self.mean_adu.size:
            return 0.0
        excess = pixels[self.taken].astype(np.float32)
        excess -= self.mean_adu
        excess /= self.sigma_adu
        excess -= np.float32(middle(excess.reshape(-1)))
        np.minimum(excess, _CLIP_SIGMA, out=excess)  # a hit is no light
        np.maximum(excess, -_CLIP_SIGMA, out=excess)
        height, width = excess.shape
        rows, cols = height // FIELDS, width // FIELDS
        down = excess.reshape(FIELDS, rows, width).sum(axis=1, dtype=np.float64)
        fields = down.reshape(FIELDS, FIELDS, cols).sum(axis=2)
        upright, across = fields.sum(axis=0), fields.sum(axis=1)
        strip_px = FIELDS * rows * cols
        most: float = max(_above_middle(upright), _above_middle(across))
        return most / strip_px


def _above_middle(sums: NDArray[np.float64]) -> float:
    ranked = sorted(sums.tolist())
    half = len(ranked) // 2
    return float(ranked[-1] - (ranked[half - 1] + ranked[half]) / 2)
