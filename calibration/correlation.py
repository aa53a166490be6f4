"""How much of their noise neighbouring pixels share.

Row noise, demosaicing, noise reduction and JPEG make neighbours rise and fall together. What lies
above the noise in two of them is then no two independent pieces of evidence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SAMPLE_PX = 65_536
_MOST_WIDTH_PX = 2048
_CLIP_SIGMA = 4.0
"""Particles and telegraph pixels count no more than noise can."""

_MOST_PAIRS = 1024
_MAD_TO_SIGMA = 1.4826


class NeighbourCorrelation:
    """Correlation of the noise of neighbours in four directions, over dark frames one by one.

    From differences of frames that follow one another, which no baseline is left in, on pairs of
    rows spread over the sensor. Of the correlations of all pairs of frames the median counts: a
    flash of light or a particle across the sensor does not.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.int32] | None = None
        self._found: list[tuple[float, ...]] = []

    def add(self, pixels: NDArray[Any]) -> None:
        """Take a frame of uint8 or uint16, shape (height, width), at the level of the others."""
        if len(self._found) >= _MOST_PAIRS or min(pixels.shape) < 2:
            return
        rows = _sample(pixels)
        if self._last is not None and self._last.shape == rows.shape:
            found = _correlations(rows - self._last)
            if found is not None:
                self._found.append(found)
        self._last = rows

    def result(self) -> float:
        """Return the largest of the four, at least 0; 0 without frames that differ."""
        if not self._found:
            return 0.0
        middle = np.median(np.array(self._found), axis=0)
        return round(max(float(middle.max()), 0.0), 4)


def _sample(pixels: NDArray[Any]) -> NDArray[np.int32]:
    """Pairs of rows, shape (pairs, 2, width), about `_SAMPLE_PX` pixels of them."""
    height, full_width = pixels.shape
    width = min(full_width, _MOST_WIDTH_PX)
    left = (full_width - width) // 2
    pairs = max(1, min(height // 2, _SAMPLE_PX // (2 * width)))
    tops = np.linspace(0, height - 2, pairs).astype(int)
    chosen = np.stack([tops, tops + 1], axis=1)
    return pixels[chosen, left : left + width].astype(np.int32)


def _correlations(difference: NDArray[np.int32]) -> tuple[float, ...] | None:
    """Right, below, below right, below left; None where nothing changed."""
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(difference)))
    spread = spread or float(difference.std())
    if spread == 0:
        return None
    clipped = np.clip(difference / np.float32(spread), -_CLIP_SIGMA, _CLIP_SIGMA)
    upper, lower = clipped[:, 0], clipped[:, 1]
    pairs = (
        (upper[:, :-1], upper[:, 1:]),
        (upper, lower),
        (upper[:, :-1], lower[:, 1:]),
        (upper[:, 1:], lower[:, :-1]),
    )
    variance = float(np.mean(np.square(clipped), dtype=np.float64))
    return tuple(float(np.mean(a * b, dtype=np.float64)) / variance for a, b in pairs)
