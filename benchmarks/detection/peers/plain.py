"""One threshold for all pixels, set once: mean and sigma of the first frames.

The rule of most first attempts, and of pietkuip/raspberrypi_muon_microscope (2016: raw counts
above 50). Here with every threshold at once, so that the whole trade-off is seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.detection.rule import Boxes, Image, Look, brightest_of_clusters

CALIBRATION_FRAMES = 500
KIND = "touching pixels are one hit; sigma is that of a typical pixel, hot ones left out"


class GlobalLevel:
    """Mean and noise over all pixels of the first frames; shared by all thresholds.

    The noise is measured on the difference of one frame to the next (its median absolute value,
    so that hot pixels do not widen it).
    """

    def __init__(self, frames: int = CALIBRATION_FRAMES) -> None:
        self._wanted = frames
        self._means: list[float] = []
        self._sigmas: list[float] = []
        self._last: Image | None = None
        self.mean_adu = 0.0
        self.sigma_adu = 0.0

    @property
    def ready(self) -> bool:
        """Whether mean and sigma are known."""
        return len(self._means) >= self._wanted

    def add(self, pixels: Image) -> None:
        """Take a frame in, until there are enough."""
        now = pixels.astype(np.int32)
        self._means.append(float(np.median(now)))
        if self._last is not None:
            self._sigmas.append(float(np.std(np.clip(now - self._last, -50, 50)) / np.sqrt(2)))
        self._last = now
        if self.ready:
            self.mean_adu = float(np.mean(self._means))
            # 8-bit noise may be less than a count: no noise is less than its digits'.
            self.sigma_adu = max(float(np.median(self._sigmas)), 12**-0.5)
            self._last = None


class PlainThreshold:
    """Hit: a group of pixels above mean + k sigma."""

    def __init__(self, k_sigma: float, frames: int = CALIBRATION_FRAMES) -> None:
        self._k_sigma = k_sigma
        self._level = GlobalLevel(frames)

    def look(self, pixels: Image) -> Look:
        """Judge the next frame; the first ones are for the level."""
        if not self._level.ready:
            self._level.add(pixels)
            return Look(live=False)
        limit = self._level.mean_adu + self._k_sigma * self._level.sigma_adu
        return Look(hits_above(pixels, limit))


def hits_above(pixels: Image, limit_adu: float) -> Boxes:
    """Brightest pixel of each group above a limit."""
    # Whole counts compare several times faster than a fraction, and give the same.
    limit = min(int(limit_adu), int(np.iinfo(pixels.dtype).max))
    return brightest_of_clusters(pixels, pixels > limit)


CURVE_SIGMA: Sequence[float] = (5, 8, 12, 20, 35, 60, 120, 220)
"""Thresholds of the curve, in sigma of a typical pixel's noise."""
