"""The one place that calls the pixel pass, compiled and with NumPy alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from calibration.jit import numba_available
from calibration.model import Calibration
from edge.bench.dark import DarkFrames
from edge.bench.made import stamp_at
from edge.frame import Packing, Pixels
from edge.pixels.candidates import PixelPass, ScanLimits, ScannedFrame
from edge.pixels.picture import Picture
from edge.pixels.scan import MOST_SEEDS, Scan, scan, scan_numpy
from edge.pixels.thresholds import ThresholdMap

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
    known = ThresholdMap.of(thresholds)
    room = np.empty(MOST_SEEDS, np.int64)
    return lambda pixels: scan(pixels, known, black_adu, packing, room=room)


def fallback_pass(dark: DarkFrames) -> Pass:
    """Read a frame as the product does where numba is missing."""
    known = ThresholdMap.of(dark.seed_threshold)
    return lambda pixels: scan_numpy(pixels, known, dark.black_adu, dark.packing)


def our_look(calibration: Calibration, limits: ScanLimits) -> Callable[[Pixels], ScannedFrame]:
    """Judge a frame of plain pixels: pass, clusters and crops."""
    whole, stamp = PixelPass(calibration, limits), stamp_at(0, calibration.mode)
    return lambda pixels: whole.scan(Picture(pixels, pixels.shape[1]), stamp)
