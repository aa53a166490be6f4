"""Hears from the hold what lit as no particle does, and names the pixels to the calibration."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

from edge.detection import Candidate
from edge.stages.chain import Chain
from edge.stages.hold import MULTI_FRAME
from edge.stages.outcome import Suspect
from edge.stages.places import TELEGRAPH, Places

_MOST_PX = 64
_MOST_SUSPECTS = 4096
LONE_PIXEL = "lone_pixel"
_LEAST_BLINKING = 10
_FEW_FLASHES, _FLASHES_SHARE = 8, 0.08
_MOST_BLINKING = 100_000
_USUAL_STEP_SIGMA = 50.0
_PROVEN = 3
"""So many telegraph pixels make a sensor one that has them."""


class PixelWatch:
    """Marks telegraph pixels; gathers suspects.

    A lone pixel that stays at its level for two or three frames is most probably a telegraph
    pixel; but on a sensor that has shown none it gets the benefit of the doubt, as the hold
    allows, and counts as one of the three that show it has some.

    A lone pixel that is lit in one frame alone may be either. If it stood out of the noise shortly
    before or after (above about 4 sigma, in one of six frames: noise does that once in ten
    thousand), it is a pixel that switched by less than the threshold. Else the sensor's own record
    decides. Pixels that stay lit are no particles; a share of the pixels that blink are short of
    it the first time. While there are ten or more of the former and no more lone flashes than
    that, flashes no brighter than theirs are explained by them, and refused; but no more than a
    few (8), and one for every dozen hits of more than a pixel. On a sensor whose particles light
    lone pixels, those are soon too many for that, and pass.
    """

    def __init__(self) -> None:
        self.places: Places | None = None
        self.now_ns = 0
        self._known = self._proven = self._flashes = self._particles = 0
        self._blinking: dict[tuple[int, int], None] = {}
        self._brightest_sigma = 0.0
        self._suspects: deque[Suspect] = deque(maxlen=_MOST_SUSPECTS)

    def stayed(self, chain: Chain) -> None:
        """Take a pixel that outlasted the hold for a telegraph pixel, more of them for suspect."""
        self.suspect(chain.last, TELEGRAPH if chain.is_pixel else MULTI_FRAME)
        if chain.is_pixel:
            self._count_blinking(chain.first)
            self._mark(chain.last)

    def switched(self, chain: Chain) -> str | None:
        """Mark the pixel; reject it where this sensor is known for such."""
        known = self._proven >= _PROVEN
        self.suspect([chain.first], TELEGRAPH)
        self._count_blinking(chain.first)
        self._mark([chain.first])
        return TELEGRAPH if known else None

    def passed(self) -> None:
        """Count a hit of more than a pixel."""
        self._particles += 1

    def flashed(self, candidate: Candidate, raised: bool) -> str | None:
        """Say why a lone pixel that was lit in one frame is no hit, or None."""
        if raised:
            self.suspect([candidate], TELEGRAPH)
            self._count_blinking(candidate)
            self._mark([candidate])
            return TELEGRAPH
        self._flashes += 1
        blinking = self._known + len(self._blinking)
        few = self._flashes <= min(blinking, _FEW_FLASHES + _FLASHES_SHARE * self._particles)
        explained = blinking >= _LEAST_BLINKING and few
        usual = candidate.peak_sigma <= self._brightest_sigma
        return LONE_PIXEL if explained and usual else None

    def _count_blinking(self, pixel: Candidate) -> None:
        if len(self._blinking) < _MOST_BLINKING:
            self._blinking[pixel.y_px, pixel.x_px] = None
        self._brightest_sigma = max(self._brightest_sigma, pixel.peak_sigma)

    def suspect(self, candidates: Iterable[Candidate], reason: str) -> None:
        """Name their pixels; not those of something large, which is no pixel's fault."""
        for one in candidates:
            if one.area_px <= _MOST_PX:
                rows, cols = one.rows.astype(np.int32), one.cols.astype(np.int32)
                self._suspects.append(Suspect(rows, cols, reason))

    def take(self) -> list[Suspect]:
        """Suspects since this was last asked; the newest 4096."""
        suspects = list(self._suspects)
        self._suspects.clear()
        return suspects

    def begin(self, places: Places | None, unstable_px: int = 0) -> None:
        """Forget what was: another sensor or mode follows, with pixels known to be unstable."""
        self.places = places
        self._known = unstable_px
        self._proven = unstable_px
        self._flashes = self._particles = 0
        self._blinking = {}
        self._brightest_sigma = _USUAL_STEP_SIGMA if unstable_px else 0.0
        if places is not None:
            places.flickers = self._proven >= _PROVEN

    def _mark(self, candidates: Iterable[Candidate]) -> None:
        self._proven += 1
        if self.places is not None:
            self.places.flickers = self._proven >= _PROVEN
            for one in candidates:
                self.places.mark(one, self.now_ns)
