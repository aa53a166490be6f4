"""One synthetic particle laid into the pixels of a frame's copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.frame import Pixels

if TYPE_CHECKING:
    from edge.sources.particles import ParticleShape

LEAST_PEAK_SIGMA, MOST_PEAK_SIGMA = 4.0, 60.0
_LEAST_NOISE_ADU = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Deposit:
    """What was laid in.

    Attributes
    ----------
    kind, particle : str
        As the simulator names them.
    peak_sigma : float
        Signal of the brightest pixel without noise, cut where the pixel is full, in units of
        that pixel's own noise.
    rows, cols : ndarray of int32, shape (n,)
        Pixels in which the signal is at least as large as their noise, and the brightest.
    """

    kind: str
    particle: str
    peak_sigma: float
    rows: NDArray[np.int32]
    cols: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Readout:
    """How the sensor's pixels are read.

    Attributes
    ----------
    sigma_adu : ndarray of float32, shape (height, width)
        Noise of each pixel.
    full_scale_adu : int
        Largest value of a pixel.
    adu_per_e : float or None
        Counts that an electron gives; None: unknown, and no shot noise is drawn.
    """

    sigma_adu: NDArray[np.float32]
    full_scale_adu: int
    adu_per_e: float | None = None


def draw_peak_sigma(random: np.random.Generator) -> float:
    """Brightness, log-uniform: the threshold's bins get as many as the bright ones together."""
    low, high = np.log(LEAST_PEAK_SIGMA), np.log(MOST_PEAK_SIGMA)
    return float(np.exp(random.uniform(low, high)))


def lay_in(
    pixels: Pixels,
    shape: ParticleShape,
    peak_sigma: float,
    readout: Readout,
    random: np.random.Generator,
) -> Deposit:
    """Add a particle at a random place; its brightest pixel is anywhere in the frame.

    The frame has its own noise already: the charge comes on top, with the shot noise of its own
    electrons (Poisson) where the counts of one are known. A pixel stops at full scale. The
    converter's rounding is drawn anew, since the frame holds whole counts only: value +
    rint(signal + u) with u uniform in (-1/2, 1/2) is distributed as the rounded sum would be.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)
        A copy; changed in place.
    shape : ParticleShape
    peak_sigma : float
        Brightness of its brightest pixel, in units of that pixel's noise.
    readout : Readout
    random : numpy.random.Generator
    """
    height, width = pixels.shape
    sigma_adu, adu_per_e = readout.sigma_adu, readout.adu_per_e
    y, x = int(random.integers(height)), int(random.integers(width))
    rows, inside_rows = _cut(y - shape.y_px, shape.charge.shape[0], height)
    cols, inside_cols = _cut(x - shape.x_px, shape.charge.shape[1], width)
    noise = np.maximum(sigma_adu[rows, cols].astype(np.float64), _LEAST_NOISE_ADU)
    peak_noise = max(float(sigma_adu[y, x]), _LEAST_NOISE_ADU)
    signal = shape.charge[inside_rows, inside_cols] * (peak_sigma * peak_noise)
    before = pixels[rows, cols].astype(np.float64)
    room = np.maximum(readout.full_scale_adu - before, 0.0)
    shown = np.minimum(signal, room)
    added = signal if adu_per_e is None else random.poisson(signal / adu_per_e) * adu_per_e
    dither = random.uniform(-0.5, 0.5, signal.shape)
    after = before + np.minimum(np.rint(added + dither), room) * (signal > 0)
    pixels[rows, cols] = after.astype(pixels.dtype)
    lit = shown >= noise
    lit[y - rows.start, x - cols.start] = True
    lit_rows, lit_cols = np.nonzero(lit)
    return Deposit(
        kind=shape.kind,
        particle=shape.particle,
        peak_sigma=float(shown[y - rows.start, x - cols.start] / peak_noise),
        rows=(lit_rows + rows.start).astype(np.int32),
        cols=(lit_cols + cols.start).astype(np.int32),
    )


def _cut(start: int, length: int, limit: int) -> tuple[slice, slice]:
    """Where a patch lies in the frame, and which part of the patch that is."""
    low, high = max(start, 0), min(start + length, limit)
    return slice(low, high), slice(low - start, high - start)
