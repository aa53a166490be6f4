"""What a frame tells about its sensor: a stripe of rows, and the pixels under watch.

Taken where the frame is read, so that a few thousand numbers are handed on and not the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.evenness import Evenness
from calibration.middle import middle
from calibration.model import Calibration
from calibration.stripe import look_at

STRIPES = 64
"""Each frame shows one stripe of rows: after so many frames in a row every pixel was seen once."""

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
    stripe_adu : ndarray of uint8 or uint16, shape (rows, width)
        As they were read, brought to the calibration's level.
    level_adu : float
        What its ordinary pixels lie above their baselines by.
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
    stripe_adu: NDArray[Any]
    level_adu: float
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
    pixels: Any,
    frame_offset_adu: float,
    shift_adu: int,
    calibration: Calibration,
    *,
    rows: slice,
    watched: NDArray[np.int64],
    evenness: Evenness | None = None,
) -> Sample:
    """Read a stripe and the pixels under watch.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width)
        Or what is indexed alike. Brought to the calibration's level by `shift_adu`.
    frame_offset_adu : float
        Mean of the frame as it came above the expected one.
    watched : ndarray of int64
        Flat indices.
    evenness : Evenness, optional
        Of this calibration, so that it need not be made for each frame.
    """
    left_adu = frame_offset_adu + shift_adu
    stripe = np.array(pixels[rows, :], order="C")  # a copy: the frame's buffer is given back
    mean, sigma = calibration.mean_adu[rows], calibration.sigma_adu[rows]
    middle_adu = _middle_adu(stripe, mean, left_adu)
    seen = look_at(stripe, mean, sigma, calibration.growth_sigma, middle_adu)
    level_adu = middle_adu + seen.rest_adu
    bias = level_adu - left_adu
    even = evenness or Evenness.of(calibration.mean_adu, calibration.sigma_adu)
    return Sample(
        rows=rows,
        stripe_adu=stripe,
        level_adu=level_adu,
        quiet=seen.quiet,
        watched_adu=_values(pixels, watched) - np.float32(level_adu),
        offset_adu=frame_offset_adu + bias,
        bias_adu=bias,
        noise_square=seen.noise_square,
        unevenness=even.unevenness(pixels),
    )


def _middle_adu(stripe: NDArray[Any], mean: NDArray[np.float32], left_adu: float) -> float:
    """From the middle: hot pixels, or one great particle, may have raised the mean of the frame."""
    if not stripe.size:  # a frame of few rows has stripes without any
        return left_adu
    step = max(1, stripe.size // _MIDDLE_PX)
    residual = stripe.reshape(-1)[::step].astype(np.float32)
    residual -= mean.reshape(-1)[::step]
    return middle(residual)


def _values(pixels: Any, watched: NDArray[np.int64]) -> NDArray[np.float32]:
    if isinstance(pixels, np.ndarray) and pixels.flags.c_contiguous:
        values: NDArray[Any] = pixels.reshape(-1)[watched]
    else:  # rows are padded, or packed
        values = pixels[np.divmod(watched, pixels.shape[1])]
    return values.astype(np.float32)
