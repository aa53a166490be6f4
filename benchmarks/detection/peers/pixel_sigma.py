"""A mean and a sigma for each pixel, measured once: hit when any pixel is k sigma above.

The rule of adrian154/cosmic-ray-detector (a z-score for each pixel over a stack) and of many
notebooks, here run forward in time: the first frames are measured, then kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.detection.rule import Image, Look, brightest_of_clusters

CALIBRATION_FRAMES = 500
CURVE_SIGMA: Sequence[float] = (5, 6, 8, 10)
KIND = "single pixels count as well (the original drops them, and with them its faint spots)"


class PixelSigma:
    """Hit: a group of pixels more than k of their own sigma above their own mean."""

    def __init__(self, k_sigma: float, frames: int = CALIBRATION_FRAMES) -> None:
        self._k_sigma = k_sigma
        self._wanted = frames
        self._count = 0
        self._sum: Image | None = None
        self._squares: Image | None = None
        self._limit: Image | None = None

    def look(self, pixels: Image) -> Look:
        """Judge the next frame; the first ones are measured."""
        if self._limit is None:
            self._add(pixels)
            return Look(live=False)
        return Look(brightest_of_clusters(pixels, pixels > self._limit))

    def _add(self, counts: Image) -> None:
        pixels = counts.astype(np.float64)
        if self._sum is None or self._squares is None:
            self._sum, self._squares = np.zeros_like(pixels), np.zeros_like(pixels)
        self._sum += pixels
        self._squares += pixels**2
        self._count += 1
        if self._count >= self._wanted:
            mean = self._sum / self._count
            spread = np.sqrt(np.maximum(self._squares / self._count - mean**2, 1 / 12))
            limit = np.floor(mean + self._k_sigma * spread)
            self._limit = np.minimum(limit, np.iinfo(counts.dtype).max).astype(counts.dtype)
