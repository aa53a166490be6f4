"""A threshold for each pixel, and the lowest of each tile: most tiles need no closer look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.pixels.memory import as_map
from edge.pixels.packing import TILE_PX

_NEVER = np.iinfo(np.uint16).max


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdMap:
    """What a frame is compared with.

    Attributes
    ----------
    values : ndarray of uint16, shape (height, width)
        A pixel is lit when its value is above.
    lowest : ndarray of uint16, shape (height, tiles)
        Of each 512 pixels of a row; the last tile may be shorter.
    """

    values: NDArray[np.uint16]
    lowest: NDArray[np.uint16]

    @classmethod
    def of(cls, values: NDArray[np.uint16]) -> ThresholdMap:
        """Find the lowest thresholds; `values` must not be changed afterwards."""
        height, width = values.shape
        whole = width // TILE_PX
        lowest = np.full((height, -(-width // TILE_PX)), _NEVER, np.uint16)
        rows = as_map(values)
        if whole:
            tiles = rows[:, : whole * TILE_PX].reshape(height, whole, TILE_PX)
            tiles.min(axis=2, out=lowest[:, :whole])
        if whole < lowest.shape[1]:
            rows[:, whole * TILE_PX :].min(axis=1, out=lowest[:, whole])
        return cls(rows, as_map(lowest))
