"""From the same read of a frame: what the calibration learns from, and whether light fell in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.model import Calibration
from calibration.sample import Sample, Sampler, stripe_rows
from edge.pixels.memory import as_rows
from edge.pixels.picture import Picture


class FrameSampler:
    """Samples the frames that one calibration judges; has no state, so that workers share it.

    Parameters
    ----------
    calibration : Calibration
    watched : ndarray of int64
        Flat indices of the pixels that a sample of each frame is to hold.
    most_noise_square : float or None
        A frame whose sample is noisier has light in it; None: not known yet.
    most_uneven : float
        So has one that is more uneven.
    """

    def __init__(
        self,
        calibration: Calibration,
        watched: NDArray[np.int64],
        most_noise_square: float | None,
        most_uneven: float,
    ) -> None:
        self._sampler = Sampler(calibration, watched)
        self._expected_mean_adu = calibration.expected_mean_adu
        self._noise_limit = np.inf if most_noise_square is None else most_noise_square
        self._uneven_limit = most_uneven

    def take(self, level: Picture, mean_adu: float, index: int) -> Sample:
        """Read a part of frame `index`.

        Parameters
        ----------
        level : Picture
            Brought to the calibration's level.
        mean_adu : float
            Of the frame as it came.
        """
        as_it_is = level.packing == "none" and level.shift_adu == 0
        return self._sampler.take(
            level,
            mean_adu - self._expected_mean_adu,
            level.shift_adu,
            stripe_rows(level.shape[0], index),
            as_rows(level.data) if as_it_is else None,
        )

    def is_leak(self, sample: Sample) -> bool:
        """Whether light fell on the frame, too faint for the cover rule."""
        noisy = sample.judges_noise and sample.noise_square > self._noise_limit
        return noisy or sample.unevenness > self._uneven_limit
