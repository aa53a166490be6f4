"""cmosdetector (Hachaj and Piekarczyk, Sensors 23 (2023) 4858) on a Raspberry Pi.

Source: browarsoftware/cmosdetector 5775188, `raspberry_pi_code/image_capture.cpp`. R + G + B (0 to
765), 2 x 2 maximum, 3 x 3 Gaussian; running mean = 0.2 old + 0.8 new; after 100 frames a pixel
triggers when its blurred value is above four times its mean and its maximum above 255. Every
triggering pixel writes the whole frame once.
"""

from __future__ import annotations

import numpy as np

from benchmarks.detection.rule import Image, Look, brightest_of_clusters

WARM_UP_FRAMES = 100
OLD, NEW = 0.2, 0.8
FACTOR = 4.0
LEAST = 255.0
KIND = "its border of 30 px is kept; touching pixels are one hit, not one picture each; R = G = B"


class CmosDetector:
    """The program."""

    def __init__(self) -> None:
        self._frames = 0
        self._mean: Image | None = None

    def look(self, pixels: Image) -> Look:
        """Judge the next frame, 8 bits."""
        import cv2

        pool = pooled(pixels.astype(np.float32) * np.float32(3))
        blur = cv2.GaussianBlur(pool, (3, 3), 0)
        before = blur if self._mean is None else self._mean
        self._frames += 1
        live = self._frames > WARM_UP_FRAMES
        lit = (blur > FACTOR * before) & (pool > LEAST)
        self._mean = OLD * before + NEW * blur
        if not live or not lit.any():
            return Look(live=live)
        boxes = brightest_of_clusters(pool, lit) * 2
        boxes[:, 2:] += 1
        return Look(boxes)


def pooled(values: Image) -> Image:
    """Largest of each 2 x 2 pixels."""
    rows, cols = values.shape[0] // 2, values.shape[1] // 2
    inside = values[: 2 * rows, : 2 * cols]
    top = np.maximum(inside[::2, ::2], inside[::2, 1::2])
    return np.maximum(top, np.maximum(inside[1::2, ::2], inside[1::2, 1::2]))
