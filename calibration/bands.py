"""Large maps in bands of rows, and samples of them: a 1 GB computer calibrates 12 megapixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

BAND_PX = 262_144
"""Pixels worked on at once: few MB of temporary arrays, and long enough for NumPy."""

SAMPLE_PX = 1_500_000
"""Medians and quantiles of a whole sensor need no more."""


def row_bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of a map of `shape` (height, width), about `BAND_PX` pixels at a time, all in turn."""
    height, width = shape
    rows = max(1, BAND_PX // max(width, 1))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def sample_step(shape: tuple[int, ...], most_px: int = SAMPLE_PX) -> int:
    """Take every so many-th pixel of a map of `shape` (height, width), counted along the rows.

    1 up to `most_px`; beyond, without common factor with the width, so that the sample has
    all columns and all colours of a mosaic in it.
    """
    height, width = shape
    step = math.ceil(height * width / most_px)
    while math.gcd(step, width) > 1:
        step += 1
    return max(step, 1)


def sampled(values: NDArray[Any], step: int) -> NDArray[Any]:
    """Every `step`-th pixel of a contiguous map, as a view of one dimension."""
    return values.reshape(-1)[::step]
