"""When is a frame dark enough: before a calibration, among its frames, and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIGHT_SHARE = 40 / 255
"""CREDO Detector: a frame whose mean is at 40 of 255 or above is not covered."""

BRIGHT_SHARE = 0.001
"""CREDO Detector: at least 999 per mille of the pixels are dark."""

LEVEL_SIGMA = 10.0
"""How far a dark frame's level may lie from the others, in units of a pixel's noise."""


@dataclass(frozen=True, slots=True)
class CoverRule:
    """A frame is covered when both hold.

    Attributes
    ----------
    mean_limit_adu : float
        The frame's mean is not above it.
    black_adu : int
        A pixel above it is bright.
    bright_share_limit : float
        The share of bright pixels is not above it.
    particle_share : float
        So few bright pixels are particles, however bright they make the mean of a small frame.
    lit_px : float
        Mean number of pixels above their seed threshold in a frame of the calibration: many in a
        long exposure, which particles gather in. What is usual for a sensor is no flood.
    """

    mean_limit_adu: float
    black_adu: int
    bright_share_limit: float
    particle_share: float = 0.0
    lit_px: float = 0.0

    def covered(self, mean_adu: float, bright_share: float) -> bool:
        """Whether a frame with this mean and share of bright pixels is dark."""
        dark = mean_adu <= self.mean_limit_adu or bright_share < self.particle_share
        return dark and bright_share <= self.bright_share_limit


@dataclass(frozen=True, slots=True)
class FrameLevel:
    """Mean and robust spread of one frame, in ADU, and its pixels that stand far out."""

    mean_adu: float
    spread_adu: float
    bright_px: int = 0

    @property
    def tolerance_adu(self) -> float:
        """How far another dark frame's mean may lie from this one's."""
        return LEVEL_SIGMA * max(self.spread_adu, 1.0)


def frame_level(pixels: NDArray[Any]) -> FrameLevel:
    """Mean of all pixels and 1.4826 x the median absolute deviation of a sample of them.

    Bright are the pixels further than `LEVEL_SIGMA` above the sample's median.
    """
    step = max(1, int(np.sqrt(pixels.size / 65_536)))
    sample = pixels[::step, ::step].astype(np.float32)
    middle = float(np.median(sample))
    spread = 1.4826 * float(np.median(np.abs(sample - middle)))
    limit = min(int(middle + LEVEL_SIGMA * max(spread, 1.0)), np.iinfo(pixels.dtype).max)
    bright_px = int(np.count_nonzero(pixels > limit))
    return FrameLevel(float(pixels.mean(dtype=np.float64)), spread, bright_px)


def obviously_light(level: FrameLevel, full_scale_adu: int, black_level_adu: float | None) -> bool:
    """CREDO's fixed rule, for the time before there is a calibration."""
    black = black_level_adu or 0.0
    return level.mean_adu - black >= LIGHT_SHARE * (full_scale_adu - black)


def cover_rule(
    level_adu: float,
    level_range_adu: float,
    noise_adu: float,
    mean_adu: NDArray[np.float32],
    full_scale_adu: int,
    *,
    bright_px: float = 0.0,
    lit_px: float = 0.0,
) -> CoverRule:
    """Cover rule of a calibrated sensor, from the level and noise of its dark frames.

    The pixels that are bright in every dark frame (hot ones, amplifier glow) are allowed for
    twice over, and the levels of the dark frames themselves are covered. So is a track across
    the whole frame, which in a small one lights more than a pixel in a thousand. And so are
    `bright_px`, what nine in ten of the dark frames stay below: in a long exposure most of them
    are particles.
    """
    step = LEVEL_SIGMA * max(noise_adu, 1.0) + level_range_adu
    black = min(int(level_adu + step), full_scale_adu)
    always_bright_px = int(np.count_nonzero(mean_adu > black))
    particle_share = sum(mean_adu.shape) / mean_adu.size
    allowed = 2 * max(always_bright_px, bright_px) / mean_adu.size
    return CoverRule(
        mean_limit_adu=level_adu + step,
        black_adu=black,
        bright_share_limit=allowed + max(BRIGHT_SHARE, particle_share),
        particle_share=particle_share,
        lit_px=lit_px,
    )
