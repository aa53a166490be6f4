"""One thing that is lit over consecutive frames: particle, afterglow, or a pixel that switched.

A particle leaves its charge in one exposure. What a later frame still shows of it is image lag
and afterglow, which fade from frame to frame; what stays at its level was not a particle. (Lag of
pinned photodiodes: Fossum and Hondongwa, IEEE J. Electron Devices Soc. 2 (2014) 33; persistence
of CCDs fades as a power of time: Janesick, Scientific Charge-Coupled Devices, 2001.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

import numpy as np

from edge.detection import Candidate

_FADES_TO = 0.85
"""Afterglow falls by this factor a frame or faster, over all the frames that are judged."""

_FADES_SIGMA = 6.0
_STAYS_SIGMA = 4.0
_GLOWS_ON = 0.5
_STAYS_SHARE = 0.05
_MOST_PIXEL_PX = 2
_ACROSS_PX = 3


class Verdict(Enum):
    """What a chain was."""

    HIT = "hit"
    AFTERGLOW = "afterglow"
    SWITCHED = "switched"
    STAYED = "stayed"


@dataclass(slots=True, eq=False)
class Chain:
    """Frames in which it was seen, where it was in the last, and how bright in each.

    Attributes
    ----------
    first : Candidate
        The one it began with.
    last : list of Candidate
        Its parts in the newest frame.
    levels_adu : list of float
        Excess over the baseline, all its parts, in the first frames.
    most_px : int
        Of one candidate.
    pixel_px : int
        What a single pixel lights: more than itself where a camera mixes neighbours.
    """

    first: Candidate
    length: int = 0
    last: list[Candidate] = field(default_factory=list)
    levels_adu: list[float] = field(default_factory=list)
    most_px: int = 0
    pixel_px: int = 1
    repeated: bool = False

    def go_on(self, candidates: list[Candidate], frames: int) -> None:
        """Add a frame; levels are kept for as many as decide, one more than `frames`."""
        self.length += 1
        if self.length == 2:
            self.repeated = _is_copy(self.first, candidates[0])
        self.last = candidates
        self.most_px = max(self.most_px, *(one.area_px for one in candidates))
        if len(self.levels_adu) <= frames:
            self.levels_adu.append(sum(one.sum_adu for one in candidates))

    def stand(self) -> None:
        """Add a frame in which it is hidden under something larger."""
        self.length += 1

    @property
    def is_pixel(self) -> bool:
        """Whether it never was more than a pixel or two."""
        return self.most_px <= _MOST_PIXEL_PX * self.pixel_px

    @property
    def is_lone(self) -> bool:
        """Whether it never was more than what one pixel lights."""
        return self.most_px <= self.pixel_px

    @property
    def is_alone(self) -> bool:
        """Whether nothing around it is raised; known only where neighbours are not mixed."""
        return self.pixel_px > 1 or is_alone(self.first)

    def is_across(self, candidate: Candidate) -> bool:
        """Whether a candidate is too large to be the pixel alone: a particle fell on it."""
        return self.is_pixel and candidate.area_px >= 2 * self.most_px + _ACROSS_PX

    def verdict(self, frames: int) -> Verdict:
        """Say what it was, from as many frames as it may last and one more."""
        if self.length > frames:
            # What glows on for so long was bright, and lit more than one pixel.
            glows = not self.is_lone and self._fades()
            return Verdict.AFTERGLOW if glows else Verdict.STAYED
        if self.length > 1 and self.is_lone and not self.repeated:
            return Verdict.SWITCHED if self._stays() and self.is_alone else Verdict.HIT
        return Verdict.HIT

    def _fades(self) -> bool:
        levels = self.levels_adu
        if len(levels) < 2 or any(b >= a for a, b in pairwise(levels)):
            return False
        fallen = levels[0] - levels[-1]
        noise = noise_adu(self.first) * math.sqrt(self.first.area_px)
        return levels[-1] <= levels[0] * _FADES_TO ** (len(levels) - 1) and (
            fallen >= _FADES_SIGMA * noise
        )

    def _stays(self) -> bool:
        """Whether it does not fade as an afterglow does; it may come and go amid an exposure."""
        first, then = self.levels_adu[0], max(self.levels_adu[1:])
        return then > _GLOWS_ON * first + _STAYS_SIGMA * noise_adu(self.first) / 2


def noise_adu(candidate: Candidate) -> float:
    """Noise of its brightest pixel, as the calibration has it."""
    excess = float(candidate.excess_adu[candidate.peak])
    return excess / candidate.peak_sigma if candidate.peak_sigma > 0 else 0.0


def is_alone(candidate: Candidate) -> bool:
    """Whether a single pixel has neighbours at the level of all around: no charge spread."""
    crop, y, x = candidate.crop, candidate.y_px, candidate.x_px
    top, left = y - crop.y0_px, x - crop.x0_px
    height, width = crop.pixels.shape
    if not (0 <= top < height and 0 <= left < width):
        return True
    around = crop.pixels[max(top - 1, 0) : top + 2, max(left - 1, 0) : left + 2].astype(np.int64)
    neighbours = int(around.sum()) - int(crop.pixels[top, left])
    mean = neighbours / max(around.size - 1, 1) - float(np.median(crop.pixels))
    return mean < noise_adu(candidate) + _STAYS_SHARE * candidate.sum_adu


def _is_copy(one: Candidate, other: Candidate) -> bool:
    """Whether all around is the same to the last bit: the camera gave one frame twice."""
    return one.crop.pixels.size > 1 and bool(np.array_equal(one.crop.pixels, other.crop.pixels))
