"""CREDO for Linux and Raspberry Pi (Plucinski 1.2.0): one fixed threshold.

Source: Credo-detector-for-linux-desktop-and-Raspberry-Pi 39b687d, `Credo-Linux_1.2.0.py`. Every
pixel above the threshold (the author advises 60 of 255) is a hit; sorted, one is left out when its
x is near that of the one before (y is not compared); x or y below 11 is dropped; a crop of
20 x 20 px is sent. No cover check, no memory.
"""

from __future__ import annotations

import numpy as np

from benchmarks.detection.rule import NO_BOXES, Image, Look, blocks_at

THRESHOLD = 60
HALF_PX = 10
KIND = (
    "a hit counts with its whole crop of 20 x 20 px; x is compared with the last hit that was kept "
    "(with the last pixel, hot ones would chain until one hit a frame is left)"
)


class CredoLinux:
    """The script."""

    def look(self, pixels: Image) -> Look:
        """Judge the next frame, 8 bits."""
        rows, cols = np.nonzero(pixels > THRESHOLD)
        if len(rows) == 0:
            return Look()
        inside = (cols > HALF_PX) & (rows > HALF_PX)
        rows, cols = rows[inside], cols[inside]
        kept: list[int] = []
        for i in np.lexsort((rows, cols)).tolist():
            if not kept or cols[i] - cols[kept[-1]] > HALF_PX:
                kept.append(i)
        return Look(blocks_at(rows[kept], cols[kept], HALF_PX, HALF_PX - 1) if kept else NO_BOXES)
