"""The rules of the field's programs on one frame of 8 bits, each in a few lines of NumPy or OpenCV.

They are written anew from public code, to see what a rule of that kind costs here; the programs
are written in Kotlin, Java, Objective-C, C++ and Python. What a rule needs of earlier frames is
taken from the frames it is made with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import Pixels

Rule = Callable[[Pixels], int]
"""Takes a frame; gives how much of it is lit: hits, pixels or blocks, as the program counts."""

_CROP_PX = 60
_BLOCK_PX = 20


def credo_android(seen: Sequence[Pixels]) -> Rule:
    """CREDO Detector 1.3.4 for Android (credo-science/credo-detector-android e33e13e).

    Mean and count of black pixels say whether it is covered; the brightest pixel is a hit, its
    crop is blanked, up to six times.
    """
    mean = float(np.mean([one.mean() for one in seen]))
    brightest = float(np.mean([one.max() for one in seen]))
    black = min(max(int(mean + 20), 10), 60)
    most = min(max(int(brightest * 3), 80, black), 160)

    def look(pixels: Pixels) -> int:
        left, hits = pixels, 0
        for _ in range(6):
            dark = np.count_nonzero(left <= black) * 1000 >= 980 * left.size
            if left.mean() >= black or not dark or left.max() <= most:
                break
            left = pixels.copy() if left is pixels else left
            y, x = np.unravel_index(int(np.argmax(left)), left.shape)
            y0, x0 = max(int(y) - _CROP_PX // 2, 0), max(int(x) - _CROP_PX // 2, 0)
            left[y0 : y0 + _CROP_PX, x0 : x0 + _CROP_PX] = 0
            hits += 1
        return hits

    return look


def credo_linux(seen: Sequence[Pixels]) -> Rule:
    """CREDO for Linux 1.2.0 (Credo-detector-for-linux-desktop-and-Raspberry-Pi 39b687d).

    Every pixel above 60 of 255.
    """
    del seen
    return lambda pixels: len(np.nonzero(pixels > 60)[0])


def credo_ios(seen: Sequence[Pixels]) -> Rule:
    """CREDO for iOS (credo-science/credo-cosmic-ray-detector-ios 803927e).

    Squares of what is above four times a pixel's running mean, summed over blocks of 20 x 20 px;
    a block 2.2 times above the second biggest of before is an event.
    """
    heat = np.mean(list(seen), axis=0, dtype=np.float32) * np.float32(3)
    second = 0.0

    def look(pixels: Pixels) -> int:
        nonlocal heat, second
        total = pixels.astype(np.float32) * np.float32(3)
        over = total - heat
        scores = np.where((total > 4) & (over > 4 * heat), over * over, np.float32(0))
        heat += np.float32(0.03) * over
        rows, cols = (size // _BLOCK_PX * _BLOCK_PX for size in scores.shape)
        cut = scores[:rows, :cols].reshape(rows // _BLOCK_PX, _BLOCK_PX, -1, _BLOCK_PX)
        blocks = cut.sum(axis=(1, 3))
        lit = int(np.count_nonzero(blocks > max(2.2 * second, 1.0)))
        second = 0.9 * second + 0.1 * float(np.partition(blocks.ravel(), -2)[-2])
        return lit

    return look


def credo_webcam(seen: Sequence[Pixels]) -> Rule:
    """CREDO_webcam (zarnecki/CREDO_webcam 391d145).

    A pixel more than four times as far above its running mean as its running maximum, and 10.
    """
    mean = np.mean(list(seen), axis=0, dtype=np.float32)
    most = np.max(list(seen), axis=0).astype(np.float32)

    def look(pixels: Pixels) -> int:
        nonlocal mean, most
        gray = pixels.astype(np.float32)
        lit = int(np.count_nonzero(gray - mean > 4.0 * (most - mean) + 10.0))
        most = np.maximum(0.99 * most + 0.01 * mean, gray)
        mean = 0.99 * mean + 0.01 * gray
        return lit

    return look


def cmosdetector(seen: Sequence[Pixels]) -> Rule:
    """Do as cmosdetector (browarsoftware/cmosdetector 5775188).

    Largest of each 2 x 2 pixels, a 3 x 3 Gaussian, four times the running mean of that.
    """
    import cv2

    def pooled(pixels: Pixels) -> Any:
        rows, cols = (size // 2 * 2 for size in pixels.shape)
        top = np.maximum(pixels[:rows:2, :cols:2], pixels[:rows:2, 1:cols:2])
        low = np.maximum(pixels[1:rows:2, :cols:2], pixels[1:rows:2, 1:cols:2])
        return np.maximum(top, low).astype(np.float32) * np.float32(3)

    mean = np.mean([cv2.GaussianBlur(pooled(one), (3, 3), 0) for one in seen], axis=0)

    def look(pixels: Pixels) -> int:
        nonlocal mean
        pool = pooled(pixels)
        blur = cv2.GaussianBlur(pool, (3, 3), 0)
        lit = int(np.count_nonzero((blur > 4.0 * mean) & (pool > 255.0)))
        mean = 0.2 * mean + 0.8 * blur
        return lit

    return look


def crayfis(seen: Sequence[Pixels]) -> Rule:
    """CRAYFIS (crayfis/crayfis-android acd76a7).

    Mean; hot pixels (their second-largest value is high) masked; the brightest of the rest against
    a threshold from a wanted rate, here just above what is usual; then all pixels above it.
    """
    second: NDArray[Any] = np.partition(np.stack(seen), -2, axis=0)[-2]
    hot = second > np.quantile(second, 0.99)
    limit = int(np.median([np.where(hot, 0, one).max() for one in seen]))

    def look(pixels: Pixels) -> int:
        if pixels.mean() > 255 / 10:
            return 0
        masked = np.where(hot, 0, pixels)
        return int(np.count_nonzero(masked > limit)) if masked.max() > limit else 0

    return look


def pixel_sigma(seen: Sequence[Pixels]) -> Rule:
    """A mean and a sigma for each pixel (adrian154/cosmic-ray-detector): above 5 of its own."""
    stack = np.stack(seen).astype(np.float32)
    spread = np.maximum(stack.std(axis=0), 1.0)
    limit = np.minimum(np.floor(stack.mean(axis=0) + 5 * spread), 255).astype(seen[0].dtype)
    return lambda pixels: len(np.argwhere(pixels > limit))


RULES: Mapping[str, Callable[[Sequence[Pixels]], Rule]] = {
    "CREDO Android": credo_android,
    "CREDO-Linux": credo_linux,
    "CREDO iOS": credo_ios,
    "CREDO_webcam": credo_webcam,
    "cmosdetector": cmosdetector,
    "CRAYFIS": crayfis,
    "sigma of each pixel": pixel_sigma,
}
