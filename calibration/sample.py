"""What a frame tells about its sensor: a stripe of rows, and the pixels under watch.

Taken where the frame is read, so that a few thousand numbers are handed on and not the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.evenness import Evenness
from calibration.glance import Glance, Seen
from calibration.model import Calibration
from calibration.stripe import look_at

STRIPES = 64
"""Each frame shows one stripe of rows: after so many frames in a row every pixel was seen once."""

_SUMMED_PX = 8192
"""The first rows with so many pixels tell a stripe's level and noise to a hundredth of a sigma."""

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
    mean_adu, sigma_adu : ndarray of float32, same shape
        Baselines and noise of the calibration: views, which hold for as long as it does.
    growth_sigma, middle_adu : float
        What tells quiet pixels (`calibration.stripe`).
    level_adu : float
        What its ordinary pixels lie above their baselines by.
    watched_adu : ndarray of uint8 or uint16, shape (pixels under watch,)
        As they were read, brought to the calibration's level.
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
    mean_adu: NDArray[np.float32]
    sigma_adu: NDArray[np.float32]
    growth_sigma: float
    middle_adu: float
    level_adu: float
    watched_adu: NDArray[Any]
    offset_adu: float
    bias_adu: float
    noise_square: float
    unevenness: float

    @property
    def judges_noise(self) -> bool:
        """Whether the stripe is large enough to tell a frame that is noisier than the others."""
        return self.stripe_adu.size >= _LEAST_PX

    @property
    def quiet(self) -> NDArray[np.bool_]:
        """Pixels that may move their baseline: neither lit nor dark, nor beside a lit one.

        Worked out when it is asked for: a frame is looked at without.
        """
        maps = self.mean_adu, self.sigma_adu
        return look_at(self.stripe_adu, *maps, self.growth_sigma, self.middle_adu).quiet


def stripe_rows(height_px: int, index: int) -> slice:
    """Rows of the stripe that frame `index` shows."""
    number = index % STRIPES
    return slice(number * height_px // STRIPES, (number + 1) * height_px // STRIPES)


class Sampler:
    """Reads stripes, and the pixels under watch, of the frames that one calibration judges.

    Parameters
    ----------
    calibration : Calibration
    watched : ndarray of int64
        Flat indices.
    """

    def __init__(self, calibration: Calibration, watched: NDArray[np.int64]) -> None:
        self._calibration = calibration
        self._watched = watched
        self._even = Evenness.of(calibration.mean_adu, calibration.sigma_adu)
        self._glance = Glance(calibration, self._even, watched)

    def take(
        self,
        pixels: Any,
        frame_offset_adu: float,
        shift_adu: int,
        rows: slice,
        plain: NDArray[Any] | None = None,
    ) -> Sample:
        """Read a frame's sample.

        Parameters
        ----------
        pixels : ndarray of uint8 or uint16, shape (height, width)
            Or what is indexed alike. Brought to the calibration's level by `shift_adu`.
        frame_offset_adu : float
            Mean of the frame as it came above the expected one.
        shift_adu : int
        rows : slice
            The stripe's.
        plain : ndarray of uint8 or uint16, optional
            The very pixels, as a read-only C-contiguous array, where there is one; it may be
            wider. Only spares time.
        """
        left_adu = frame_offset_adu + shift_adu
        stripe = np.array(pixels[rows, :], order="C")  # a copy: the frame's buffer is given back
        mean, sigma = self._calibration.mean_adu[rows], self._calibration.sigma_adu[rows]
        most = max(_SUMMED_PX // max(stripe.shape[1], 1), 1)
        if plain is not None and self._glance.takes(plain, rows):
            seen = self._glance.at(plain, slice(rows.start, min(rows.stop, rows.start + most)))
        else:
            some = stripe[:most], mean[:most], sigma[:most]
            seen = self._seen(pixels, left_adu, *some)
        # A frame of few rows has stripes without any.
        level_adu = seen.level_adu if stripe.size else left_adu
        bias = level_adu - left_adu
        return Sample(
            rows=rows,
            stripe_adu=stripe,
            mean_adu=mean,
            sigma_adu=sigma,
            growth_sigma=self._calibration.growth_sigma,
            middle_adu=seen.middle_adu,
            level_adu=level_adu,
            watched_adu=seen.watched_adu,
            offset_adu=frame_offset_adu + bias,
            bias_adu=bias,
            noise_square=seen.noise_square,
            unevenness=seen.unevenness,
        )

    def _seen(
        self,
        pixels: Any,
        left_adu: float,
        stripe: NDArray[Any],
        mean_adu: NDArray[np.float32],
        sigma_adu: NDArray[np.float32],
    ) -> Seen:
        """Look at the grid, the stripe and the watched pixels one after the other."""
        # From the middle: hot pixels, or one great particle, may have raised the mean of the frame.
        middle_adu, unevenness = self._even.look(pixels)
        middle_adu = left_adu if middle_adu is None else middle_adu
        seen = look_at(stripe, mean_adu, sigma_adu, self._calibration.growth_sigma, middle_adu)
        level_adu = seen.level_adu if stripe.size else left_adu
        watched = _values(pixels, self._watched)
        return Seen(middle_adu, unevenness, level_adu, seen.noise_square, watched)


def _values(pixels: Any, watched: NDArray[np.int64]) -> NDArray[Any]:
    if isinstance(pixels, np.ndarray):
        return np.asarray(pixels[np.divmod(watched, pixels.shape[1])])
    return np.asarray(pixels.take(watched))
