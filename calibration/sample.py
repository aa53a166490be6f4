"""What a frame tells about its sensor: a stripe of rows, and the pixels under watch.

Taken where the frame is read, so that a few thousand numbers are handed on and not the frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.model import Calibration

STRIPES = 64
"""Each frame shows one stripe of rows: after so many frames in a row every pixel was seen once."""

FIELDS = 8
_FIELD_SAMPLE_PX = 4096
_FIELD_CLIP_SIGMA = 3.0
_MIDDLE_PX = 1024
_LEAST_PX = 512
"""Noise of fewer pixels than these is too uncertain to judge a frame by."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Part of one covered frame.

    Attributes
    ----------
    rows : slice
        The stripe's rows.
    residual_adu : ndarray of float32, shape (rows, width)
        Above each pixel's baseline, the frame's own level taken off.
    quiet : ndarray of bool, same shape
        Neither lit nor dark, and not beside a lit pixel: these may move the baseline.
    watched_adu : ndarray of float32, shape (pixels under watch,)
        Values at the calibration's level.
    offset_adu : float
        Level of this frame's ordinary pixels above the calibration's.
    bias_adu : float
        How much of that the mean of the whole frame does not show: hot pixels grow by themselves.
    noise_square : float
        Mean square of the quiet residuals in units of the pixels' noise.
    unevenness : float
        How far the brightest of 8 strips of the frame, upright or across, lies above the middle
        one, in units of a pixel's noise: light comes from a side.
    """

    rows: slice
    residual_adu: NDArray[np.float32]
    quiet: NDArray[np.bool_]
    watched_adu: NDArray[np.float32]
    offset_adu: float
    bias_adu: float
    noise_square: float
    unevenness: float

    @property
    def judges_noise(self) -> bool:
        """Whether the stripe is large enough to tell a frame that is noisier than the others."""
        return self.quiet.size >= _LEAST_PX


def stripe_rows(height_px: int, index: int) -> slice:
    """Rows of the stripe that frame `index` shows."""
    number = index % STRIPES
    return slice(number * height_px // STRIPES, (number + 1) * height_px // STRIPES)


def take_sample(
    pixels: NDArray[Any],
    frame_offset_adu: float,
    shift_adu: int,
    calibration: Calibration,
    *,
    rows: slice,
    watched: NDArray[np.int64],
) -> Sample:
    """Read a stripe and the pixels under watch.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)
        Brought to the calibration's level by `shift_adu`.
    frame_offset_adu : float
        Mean of the frame as it came above the expected one.
    watched : ndarray of int64
        Flat indices.
    """
    left_adu = frame_offset_adu + shift_adu
    sigma = calibration.sigma_adu[rows]
    residual = pixels[rows].astype(np.float32)
    residual -= calibration.mean_adu[rows]
    # From the middle: hot pixels, or one great particle, may have raised the mean of the frame.
    step = max(1, residual.size // _MIDDLE_PX)
    # A frame of few rows has stripes without any.
    middle = float(np.median(residual.reshape(-1)[::step])) if residual.size else left_adu
    residual -= np.float32(middle)
    limit = sigma * np.float32(calibration.growth_sigma)
    quiet = np.abs(residual) <= limit
    if not quiet.all():
        _spare_neighbours(quiet, residual > limit)
    count = int(np.count_nonzero(quiet))
    rest = float(residual.mean(dtype=np.float64, where=quiet)) if count else 0.0
    residual -= np.float32(rest)
    bias = middle + rest - left_adu
    scaled = residual / sigma
    square = float(np.square(scaled).mean(dtype=np.float64, where=quiet)) if count else 1.0
    return Sample(
        rows=rows,
        residual_adu=residual,
        quiet=quiet,
        watched_adu=_values(pixels, watched) - np.float32(left_adu + bias),
        offset_adu=frame_offset_adu + bias,
        bias_adu=bias,
        noise_square=square,
        unevenness=_unevenness(pixels, calibration),
    )


def _unevenness(pixels: NDArray[Any], calibration: Calibration) -> float:
    height, width = pixels.shape
    step = max(1, math.isqrt(height * width // _FIELD_SAMPLE_PX))
    rows, cols = height // step // FIELDS, width // step // FIELDS
    if not rows or not cols:
        return 0.0
    taken = (slice(0, FIELDS * rows * step, step), slice(0, FIELDS * cols * step, step))
    excess = pixels[taken].astype(np.float32)
    excess -= calibration.mean_adu[taken]
    excess /= calibration.sigma_adu[taken]
    excess -= np.median(excess)
    np.clip(excess, -_FIELD_CLIP_SIGMA, _FIELD_CLIP_SIGMA, out=excess)  # a hit is no light
    fields = excess.reshape(FIELDS, rows, FIELDS, cols).mean(axis=(1, 3), dtype=np.float64)
    strips = np.stack([fields.mean(axis=0), fields.mean(axis=1)])
    return float(np.max(strips.max(axis=1) - np.median(strips, axis=1)))


def _spare_neighbours(quiet: NDArray[np.bool_], lit: NDArray[np.bool_]) -> None:
    """Leave out what is beside a lit pixel: the faint rim of a hit."""
    quiet[:, 1:] &= ~lit[:, :-1]
    quiet[:, :-1] &= ~lit[:, 1:]
    quiet[1:] &= ~lit[:-1]
    quiet[:-1] &= ~lit[1:]


def _values(pixels: NDArray[Any], watched: NDArray[np.int64]) -> NDArray[np.float32]:
    if pixels.flags.c_contiguous:
        values: NDArray[Any] = pixels.reshape(-1)[watched]
    else:  # rows are padded
        values = pixels[np.divmod(watched, pixels.shape[1])]
    return values.astype(np.float32)
