"""The one place that calls the pixel pass, compiled and with NumPy alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from calibration.jit import numba_available
from edge.bench.dark import DarkFrames
from edge.frame import Packing, Pixels
from edge.pixels.scan import Scan, scan, scan_numpy
from edge.pixels.unpack import unpack

COMPILED = "scan (numba)"
FALLBACK = "scan (NumPy)"

Pass = Callable[[Pixels], Scan]


def ours() -> str:
    """What the product runs here."""
    return COMPILED if numba_available() else FALLBACK


def our_pass(dark: DarkFrames) -> Pass:
    """Read a frame as the product does."""
    return our_pass_of(dark.seed_threshold, dark.black_adu, dark.packing)


def our_pass_of(thresholds: NDArray[np.uint16], black_adu: int, packing: Packing) -> Pass:
    """The same for a map of thresholds, shape (height, width)."""
    if packing == "none":
        return lambda pixels: scan(pixels, thresholds, black_adu)
    width = thresholds.shape[1]
    return lambda packed: scan(unpack(packed.view(np.uint8), width, packing), thresholds, black_adu)


def fallback_pass(dark: DarkFrames) -> Pass:
    """Read a frame as the product does where numba is missing."""
    thresholds, black_adu, packing = dark.seed_threshold, dark.black_adu, dark.packing
    if packing == "none":
        return lambda pixels: scan_numpy(pixels, thresholds, black_adu)
    width = thresholds.shape[1]
    return lambda packed: scan_numpy(
        unpack(packed.view(np.uint8), width, packing), thresholds, black_adu
    )
