"""A raw frame as the different programs would get to see it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.rule import Image, View

_BITS = 8


class Eye:
    """Makes the views of a stream's frames.

    A program that reads 8-bit pictures gets them from a camera that has already taken off its
    black level; what noise lies below becomes 0. ``linear8`` keeps the upper 8 bits of what is
    left, as a raw or linear mode would give. ``srgb8`` puts the usual transfer curve of previews
    and webcams on top (IEC 61966-2-1), which lifts faint light. A stream that has 8 bits already
    is what the programs see; nothing is done to it.

    Parameters
    ----------
    bit_depth : int
    black_adu : float
        Level of a pixel without light.
    """

    def __init__(self, bit_depth: int, black_adu: float) -> None:
        self.views: tuple[View, ...] = ("native",)
        self._tables: dict[View, NDArray[np.uint8]] = {}
        if bit_depth > _BITS:
            self.views = ("native", "linear8", "srgb8")
            light = np.maximum(np.arange(1 << bit_depth) - round(black_adu), 0)
            self._tables["linear8"] = (light >> (bit_depth - _BITS)).astype(np.uint8)
            share = light / light[-1]
            curved = np.where(share <= 0.0031308, 12.92 * share, 1.055 * share ** (1 / 2.4) - 0.055)
            self._tables["srgb8"] = np.rint(255 * curved).astype(np.uint8)

    def see(self, pixels: Image, view: View) -> Image:
        """One view of a frame, shape (height, width)."""
        table = self._tables.get(view)
        return pixels if table is None else table[pixels]
