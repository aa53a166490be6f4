"""Dark frames in, one by one; a calibration out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibration.clipped import black_floor_adu
from calibration.correlation import NeighbourCorrelation
from calibration.cover import FrameLevel, frame_level, obviously_light
from calibration.derive import ThresholdRequest, derive
from calibration.level import shifted
from calibration.merge import ChunkedStatistics, lift
from calibration.model import Calibration
from calibration.screen_online import Sentinel

Verdict = Literal["used", "light", "unlike"]

_CLEANER_FRAMES = 6
_LEVEL_FRAMES = 64
_MOST_REFUSED = 200
"""So many frames unlike the others in a row are the usual ones from then on."""


class Calibrator:
    """Collects covered frames of one mode.

    The level of a frame (its mean) may wander from frame to frame, with temperature or the
    read-out's offset: each frame is brought to the first one's level, in whole ADU, so that the
    noise of a pixel is its own; should particles have made that one bright, in the end
    to that of the first 64.

    Frames that are light by a fixed rule are refused; so is a frame that is brighter than the
    ones before. A frame that is darker shows that the ones before were not dark: they are
    thrown away and the calibration starts again with it. So are frames of one value only, which
    some cameras deliver before they start, at the first picture of another level.

    Each frame gets a quick look as well (`calibration.screen_online`): light that leaks in, rows
    without picture, bands and floods of particles are refused. Frames that are cleaner than the
    ones before, with far fewer bright pixels or less noise, six in a row, show that those were
    not clean; those are thrown away. Statistics can't be taken back, so the last frames are held
    in a second set of them (`calibration.merge`): 46 bytes a pixel in all.

    Parameters
    ----------
    mode : dict
        What the calibration is valid for; holds at least ``width_px``, ``height_px``,
        ``bit_depth`` and ``black_level_adu``.
    """

    def __init__(self, mode: dict[str, Any]) -> None:
        self._mode = mode
        self._full_scale_adu = (1 << int(mode["bit_depth"])) - 1
        self._restart()
        self.refused = 0
        self.reasons: Counter[str] = Counter()
        self.reason = ""

    def _restart(self) -> None:
        self._chunks = ChunkedStatistics(self._mode["height_px"], self._mode["width_px"])
        self._correlation = NeighbourCorrelation()
        self._sentinel = Sentinel(self._full_scale_adu)
        self._used: list[_Used] = []
        self._level_adu = 0.0
        self._cleaner = 0
        self._refused_in_a_row = 0
        self._varied = False

    @property
    def frames_used(self) -> int:
        """Frames the calibration would be made of now."""
        return len(self._used)

    def add(self, pixels: NDArray[Any], temperature_c: float | None = None) -> Verdict:
        """Judge a frame, shape (height, width), and use it when it is dark like the others.

        `reason` says why the last one was refused that was, and `reasons` counts them, and the
        frames that were thrown away.
        """
        level = frame_level(pixels)
        if obviously_light(level, self._full_scale_adu, self._mode.get("black_level_adu")):
            return self._refuse("light", "cover")
        step = self._step_from_others(level)
        if step > 0:
            return self._refuse("unlike", "light")
        if step < 0:
            self._throw_away(self.frames_used)
            self._restart()
        standing, seen = self._sentinel.judge(pixels, level.bright_px)
        if standing == "unlike":
            self._refused_in_a_row += 1
            if self._refused_in_a_row <= _MOST_REFUSED:
                return self._refuse("unlike", self._sentinel.reason)
            self._throw_away(self.frames_used)  # nothing is as it was: this is usual now
            self._restart()
            standing, seen = self._sentinel.judge(pixels, level.bright_px)
        self._refused_in_a_row = 0
        self._mark_cleaner(standing == "cleaner")
        self._use(pixels, level, seen.level_adu, temperature_c)
        self._sentinel.remember(seen)
        if self._cleaner == _CLEANER_FRAMES:
            self._drop_before(_CLEANER_FRAMES)
        return "used"

    def _refuse(self, verdict: Verdict, reason: str) -> Verdict:
        self.refused += 1
        self.reasons[reason] += 1
        self.reason = reason
        return verdict

    def _throw_away(self, frames: int) -> None:
        self.refused += frames
        self.reasons["thrown_away"] += frames

    def _mark_cleaner(self, cleaner: bool) -> None:
        """Begin a chunk with the first frame that is cleaner than those before it."""
        if cleaner and self._cleaner == 0:
            self._chunks.join()
        self._cleaner = self._cleaner + 1 if cleaner else 0

    def _drop_before(self, kept: int) -> None:
        """Throw away all frames but the last `kept`, which are a chunk of their own."""
        dropped = self.frames_used - kept
        self._throw_away(dropped)
        self._chunks.drop_joined()
        del self._used[:dropped]
        self._sentinel.keep_last(kept)
        self._cleaner = 0

    def _use(
        self,
        pixels: NDArray[Any],
        level: FrameLevel,
        held_adu: float,
        temperature_c: float | None,
    ) -> None:
        if not self._used:
            self._level_adu = held_adu
        shift = round(held_adu - self._level_adu)
        leveled = shifted(pixels, -shift)
        # A chunk that may have to stand alone must stay apart.
        self._chunks.add(leveled, join=self._cleaner == 0)
        self._correlation.add(leveled)
        floor = black_floor_adu(pixels)
        maximum = int(pixels.max())
        self._used.append(
            _Used(
                level=level,
                held_adu=held_adu,
                residual_adu=level.mean_adu - shift,
                maximum_adu=maximum,
                floor_adu=None if floor is None else floor - shift,
                temperature_c=temperature_c,
            )
        )
        self._varied = self._varied or int(pixels.min()) != maximum

    def _step_from_others(self, level: FrameLevel) -> int:
        """+1: this frame is brighter than the others allow, -1: it shows that they were light."""
        if not self._used:
            return 0
        last = self._used[-1].level
        tolerance = min(level.tolerance_adu, last.tolerance_adu)
        difference = level.mean_adu - last.mean_adu
        if difference > tolerance and not self._varied and level.spread_adu > 0:
            return -1
        return int(difference > tolerance) - int(difference < -tolerance)

    def _floor_adu(self) -> int | None:
        """What black is clipped to, where most frames show that it is."""
        floors = [one.floor_adu for one in self._used if one.floor_adu is not None]
        return int(np.median(floors)) if 2 * len(floors) > len(self._used) else None

    def _usual_bright_px(self) -> float:
        """What nine in ten frames stay below."""
        counts = [one.level.bright_px for one in self._used]
        return float(np.quantile(counts, 0.9)) if counts else 0.0

    def _to_middle_adu(self) -> int:
        """How far the first frame's level, which all were brought to, is below the next ones'."""
        if not self._used:
            return 0
        middle = float(np.median([one.held_adu for one in self._used[:_LEVEL_FRAMES]]))
        return round(middle - self._level_adu)

    def finish(self, request: ThresholdRequest, created_utc: str = "") -> Calibration:
        """Make the calibration; raises `CalibrationError` with too few frames."""
        used = self._used
        statistics, floor = self._chunks.joined(), self._floor_adu()
        level = float(np.mean([one.residual_adu for one in used])) if used else 0.0
        shift = self._to_middle_adu() if floor is None else 0
        if shift:
            lift(statistics, shift)
            level += shift
        brightest = max((one.level.mean_adu for one in used), default=0.0)
        known = [one.temperature_c for one in used if one.temperature_c is not None]
        return derive(
            statistics,
            frame_maxima_adu=np.asarray([one.maximum_adu for one in used], np.float32),
            level_adu=level,
            level_range_adu=max(brightest - level, 0.0),
            bright_px=self._usual_bright_px(),
            floor_adu=floor,
            neighbour_correlation=self._correlation.result(),
            mode=self._mode,
            request=request,
            temperature_c=float(np.mean(known)) if known else None,
            created_utc=created_utc,
        )


@dataclass(frozen=True, slots=True)
class _Used:
    """What is kept of a frame in use."""

    level: FrameLevel
    held_adu: float
    residual_adu: float
    maximum_adu: int
    floor_adu: int | None
    temperature_c: float | None
