"""Dark frames in, one by one; a calibration out."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibration.clipped import black_floor_adu
from calibration.correlation import NeighbourCorrelation
from calibration.cover import FrameLevel, frame_level, obviously_light
from calibration.derive import ThresholdRequest, derive
from calibration.level import shifted
from calibration.model import Calibration
from calibration.statistics import PixelStatistics

Verdict = Literal["used", "light", "unlike"]


class Calibrator:
    """Collects covered frames of one mode.

    The level of a frame (its mean) may wander from frame to frame, with temperature or the
    read-out's offset: each frame is brought to the first one's level, in whole ADU, so that the
    noise of a pixel is its own.

    Frames that are light by a fixed rule are refused; so is a frame that is brighter than the
    ones before. A frame that is darker shows that the ones before were not dark: they are
    thrown away and the calibration starts again with it. So are frames of one value only, which
    some cameras deliver before they start, at the first picture of another level.

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

    def _restart(self) -> None:
        self._statistics = PixelStatistics(self._mode["height_px"], self._mode["width_px"])
        self._correlation = NeighbourCorrelation()
        self._levels: list[FrameLevel] = []
        self._level_adu = 0.0
        self._residuals: list[float] = []
        self._maxima: list[int] = []
        self._floors: list[int] = []
        self._temperatures: list[float] = []
        self._varied = False

    @property
    def frames_used(self) -> int:
        """Frames the calibration would be made of now."""
        return self._statistics.count

    def add(self, pixels: NDArray[Any], temperature_c: float | None = None) -> Verdict:
        """Judge a frame, shape (height, width), and use it when it is dark like the others."""
        level = frame_level(pixels)
        if obviously_light(level, self._full_scale_adu, self._mode.get("black_level_adu")):
            self.refused += 1
            return "light"
        step = self._step_from_others(level)
        if step > 0:
            self.refused += 1
            return "unlike"
        if step < 0:
            self.refused += self.frames_used
            self._restart()
        if not self._levels:
            self._level_adu = level.mean_adu
        shift = round(level.mean_adu - self._level_adu)
        leveled = shifted(pixels, -shift)
        self._statistics.add(leveled)
        self._correlation.add(leveled)
        floor = black_floor_adu(pixels)
        if floor is not None:
            self._floors.append(floor - shift)
        self._residuals.append(level.mean_adu - shift)
        self._levels.append(level)
        self._maxima.append(int(pixels.max()))
        self._varied = self._varied or int(pixels.min()) != self._maxima[-1]
        if temperature_c is not None:
            self._temperatures.append(temperature_c)
        return "used"

    def _step_from_others(self, level: FrameLevel) -> int:
        """+1: this frame is brighter than the others allow, -1: it shows that they were light."""
        if not self._levels:
            return 0
        last = self._levels[-1]
        tolerance = min(level.tolerance_adu, last.tolerance_adu)
        difference = level.mean_adu - last.mean_adu
        if difference > tolerance and not self._varied and level.spread_adu > 0:
            return -1
        return int(difference > tolerance) - int(difference < -tolerance)

    def _floor_adu(self) -> int | None:
        """What black is clipped to, where most frames show that it is."""
        if 2 * len(self._floors) <= len(self._levels):
            return None
        return int(np.median(self._floors))

    def _usual_bright_px(self) -> float:
        """What nine in ten frames stay below."""
        counts = [level.bright_px for level in self._levels]
        return float(np.quantile(counts, 0.9)) if counts else 0.0

    def finish(self, request: ThresholdRequest, created_utc: str = "") -> Calibration:
        """Make the calibration; raises `CalibrationError` with too few frames."""
        level = float(np.mean(self._residuals)) if self._residuals else 0.0
        brightest = max((one.mean_adu for one in self._levels), default=0.0)
        temperature = float(np.mean(self._temperatures)) if self._temperatures else None
        return derive(
            self._statistics,
            frame_maxima_adu=np.asarray(self._maxima, np.float32),
            level_adu=level,
            level_range_adu=max(brightest - level, 0.0),
            bright_px=self._usual_bright_px(),
            floor_adu=self._floor_adu(),
            neighbour_correlation=self._correlation.result(),
            mode=self._mode,
            request=request,
            temperature_c=temperature,
            created_utc=created_utc,
        )
