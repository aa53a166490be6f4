"""Which pixels are put under watch, and what is known of them then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.bands import sample_step, sampled
from calibration.model import Calibration
from calibration.surroundings import around_adu, stands_out
from calibration.watch import WARM_SIGMA, Watched, entries

_FIRED_TWICE = 2
_BRIGHT_SIGMA = 10.0
_LEAST_HOT = 20
_USUAL_SHOT_ADU = 1.0


def typical_noise_adu(base: Calibration) -> float:
    """Median noise of a pixel."""
    return float(np.median(sampled(base.sigma_adu, sample_step(base.sigma_adu.shape))))


def first_watched(base: Calibration) -> Watched:
    """Hot, warm and masked pixels of a calibration."""
    warm = stands_out(base.mean_adu, WARM_SIGMA * typical_noise_adu(base))
    index = np.flatnonzero(base.masked | base.hot | warm)
    masked = base.masked.reshape(-1)[index]
    return entries(
        index=index,
        around_adu=around_adu(base.mean_adu, index),
        mean_adu=base.mean_adu.reshape(-1)[index],
        sigma_adu=base.sigma_adu.reshape(-1)[index],
        degrees=float(base.frames_used),
        masked=masked,
        # A masked pixel fired again and again while it was calibrated.
        jumps=np.where(masked, _FIRED_TWICE, 0).astype(np.int32),
    )


def shot_adu(base: Calibration) -> float:
    """Variance that an ADU of dark signal brings with it, from the hot pixels of a calibration.

    The slope of the photon transfer curve (Janesick, Photon Transfer, SPIE 2007).
    """
    typical = typical_noise_adu(base)
    excess = base.mean_adu[base.hot] - np.float32(base.level_adu)
    bright = excess > _BRIGHT_SIGMA * typical
    if np.count_nonzero(bright) < _LEAST_HOT:
        return _USUAL_SHOT_ADU
    variance = np.square(base.sigma_adu[base.hot][bright]) - typical**2
    return max(float(np.median(variance / excess[bright])), 0.0)


def taken_up(
    index: NDArray[np.int64],
    suspect: NDArray[np.bool_],
    mean_adu: NDArray[np.float32],
    sigma_adu: NDArray[np.float32],
) -> Watched:
    """Pixels that come under watch later: a suspect one is masked until it was judged."""
    return entries(
        index=index,
        around_adu=around_adu(mean_adu, index),
        mean_adu=mean_adu.reshape(-1)[index],
        sigma_adu=sigma_adu.reshape(-1)[index],
        degrees=0.0,
        masked=suspect,
        jumps=np.zeros(len(index), np.int32),
    )
