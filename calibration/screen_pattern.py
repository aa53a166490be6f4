"""Where a frame's fixed pattern lies: whether it agrees with the others, and at which offset.

Phase correlation (Kuglin & Hines 1975) of the frame with the median of the others: only the phases
of the spectrum count, so that pick-up noise, which is a few strong lines of it, weighs as little
as any other frequency. Hot pixels and pixel response show in two dimensions; a sensor without
them still has columns and rows of its own, which show in their profiles.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BANDS = 16
_WINDOW_PX = 1448
"""Larger frames are compared in a window of so many rows and columns in the middle."""

_SMALL_PX = 512
_CLIP_SIGMA = 6.0
_SMOOTH_PX = 17


@dataclass(frozen=True, slots=True)
class Agreement:
    """One channel: correlation at no offset and at the best other one, in sigma of all offsets."""

    here: float
    elsewhere: float
    offset_px: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Agreement of a frame with the others.

    Attributes
    ----------
    pixels, rows, columns : Agreement
        By pixel, and by the profiles of rows and columns.
    bands, bands_sigma : ndarray of float64, shape (BANDS,)
        Share of the pattern that bands of rows from top to bottom hold, and its error.
    """

    pixels: Agreement
    rows: Agreement
    columns: Agreement
    bands: NDArray[np.float64]
    bands_sigma: NDArray[np.float64]


def compare(pixels: NDArray[Any], reference: NDArray[np.float32], noise_adu: float) -> Pattern:
    """Compare a frame with the median of others, both of shape (height, width)."""
    frame = _flattened(pixels, noise_adu)
    other = _flattened(reference, noise_adu)
    window = tuple(_middle(size) for size in frame.shape)
    bands, error = _by_bands(frame, other)
    return Pattern(
        pixels=_agreement(frame[window], other[window]),
        rows=_agreement(_profile(frame, 1, noise_adu), _profile(other, 1, noise_adu)),
        columns=_agreement(_profile(frame, 0, noise_adu), _profile(other, 0, noise_adu)),
        bands=bands,
        bands_sigma=error,
    )


def sharp_window(pixels: NDArray[Any], noise_adu: float) -> NDArray[np.float32]:
    """Fixed pattern and noise of the middle of a frame, at most 512 x 512 pixels."""
    height, width = (
        slice(max(0, (n - _SMALL_PX) // 2), (n + _SMALL_PX) // 2) for n in pixels.shape
    )
    return _sharpened(_flattened(pixels[height, width], noise_adu))


def _flattened(pixels: NDArray[Any], noise_adu: float) -> NDArray[np.float32]:
    """Differences from a median, with hot pixels and particles held down."""
    step = max(1, int(np.sqrt(pixels.size / 65_536)))
    limit = _CLIP_SIGMA * max(noise_adu, 0.3)
    flat = pixels.astype(np.float32)
    flat -= np.float32(np.median(pixels[::step, ::step]))
    return np.clip(flat, -limit, limit, out=flat)


def _middle(size: int) -> slice:
    start = max(0, (size - _WINDOW_PX) // 2)
    return slice(start, start + min(size, _WINDOW_PX))


def _agreement(frame: NDArray[Any], other: NDArray[Any]) -> Agreement:
    """Phase correlation; sharp structure only, so that gradients do not count."""
    axes = tuple(range(frame.ndim))
    size = tuple(frame.shape)
    product = np.fft.rfftn(frame - frame.mean(), axes=axes)
    product *= np.conj(np.fft.rfftn(other - other.mean(), axes=axes))
    product /= np.abs(product) + 1e-12
    if product.ndim == 2:  # whole rows and columns have channels of their own
        product[0, :] = 0
        product[:, 0] = 0
    surface = np.fft.irfftn(product, size, axes=axes)
    scale = float(surface.std()) or 1.0
    here = float(surface.flat[0]) / scale
    surface.flat[0] = -np.inf
    best = int(surface.argmax())
    place = (int(n) for n in np.unravel_index(best, size))
    offset = tuple(
        n - length if n > length // 2 else n for n, length in zip(place, size, strict=True)
    )
    return Agreement(here, float(surface.flat[best]) / scale, offset)


def _profile(flat: NDArray[np.float32], axis: int, noise_adu: float) -> NDArray[np.float64]:
    """Means of rows or columns, without what is smooth in them and without single outliers."""
    means = flat.mean(axis=axis, dtype=np.float64)
    width = min(_SMOOTH_PX, max(1, means.size // 2 * 2 - 1))
    padded = np.pad(means, width // 2, mode="edge")
    sharp: NDArray[np.float64] = means - np.convolve(padded, np.full(width, 1 / width), "valid")
    spread = 1.4826 * float(np.median(np.abs(sharp))) or noise_adu
    return np.clip(sharp, -5 * spread, 5 * spread)


def _by_bands(
    frame: NDArray[np.float32], other: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope of the frame on the pattern in each band of rows, and its standard error."""
    edges = np.linspace(0, frame.shape[0], BANDS + 1).astype(int)
    slope = np.zeros(BANDS)
    error = np.full(BANDS, np.inf)
    for n, (top, bottom) in enumerate(itertools.pairwise(edges)):
        if bottom <= top:
            continue
        ours = _sharpened(frame[top:bottom])
        theirs = _sharpened(other[top:bottom])
        power = float(np.vdot(theirs, theirs))
        if power > 0:
            slope[n] = float(np.vdot(ours, theirs)) / power
            product = ours * theirs
            error[n] = float(np.sqrt(np.vdot(product, product))) / power
    return slope, error


def _sharpened(band: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the means of columns and rows: those are the same after a shift along them."""
    flat: NDArray[np.float32] = band - band.mean(axis=0, keepdims=True)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat
