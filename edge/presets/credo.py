"""The CREDO Detector's rules as a detector: see `edge.credo` for the rules and departures."""

from __future__ import annotations

import hashlib
from typing import Any

from calibration.model import CalibrationError
from edge.config.model import Config
from edge.credo import CALIBRATION_FRAMES, CredoCalibrator, CredoThresholds, scan
from edge.detector import Verdict, expected_shape, mode_note
from edge.frame import Frame, SensorMode
from edge.pixels.candidates import ScannedFrame, plain_pixels, stamp_of


class CredoDetector:
    """One threshold for the whole frame; the brightest pixel first."""

    masked_px = 0

    def __init__(
        self, thresholds: CredoThresholds, mode: SensorMode, frames_used: int, crop_size_px: int
    ) -> None:
        self._thresholds = thresholds
        self._mode = mode
        self._frames_used = frames_used
        self._crop_size_px = crop_size_px

    @property
    def calibration_id(self) -> str:
        """Hash of the thresholds and the mode."""
        text = f"credo {self._thresholds} {mode_note(self._mode)}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def thresholds(self) -> dict[str, float]:
        """Return the app's four numbers, on its 8-bit scale."""
        return {
            "average_8bit": float(self._thresholds.average),
            "black_8bit": float(self._thresholds.black),
            "black_count_permille": float(self._thresholds.black_count_permille),
            "max_8bit": float(self._thresholds.max_),
        }

    @property
    def black_level_adu(self) -> float | None:
        """Level of a dark pixel, where the camera states it; the app measures none."""
        return self._mode.black_level_adu

    def scan(self, frame: Frame) -> ScannedFrame | str:
        """Judge a frame as the app would."""
        if expected_shape(frame.mode) != expected_shape(self._mode):
            return "changed_size"
        pixels = plain_pixels(frame)
        found = scan(pixels, frame.mode.bit_depth, self._thresholds, self._crop_size_px)
        return ScannedFrame(
            stamp=stamp_of(frame),
            mean_adu=found.mean,
            bright_share=1 - found.blacks_permille / 1000,
            covered=found.covered,
            flood=False,
            candidates=found.candidates,
        )

    def message_body(self) -> dict[str, Any]:
        """Body of the `calibration` message."""
        return {
            "calibration_id": self.calibration_id,
            "sensor": mode_note(self._mode),
            "thresholds": self.thresholds,
            "noise": {},
            "hot_pixels": 0,
            "masked_px": 0,
            "frames_used": self._frames_used,
            "expected_false_triggers_per_hour": None,
            "temperature_c": None,
        }


class CredoLearner:
    """The app's autocalibration over the first covered frames."""

    def __init__(self, mode: SensorMode, config: Config, *, frames: int | None = None) -> None:
        self._mode = mode
        self._crop_size_px = config.crop.size_px
        self.wanted = frames or CALIBRATION_FRAMES
        self._calibrator = CredoCalibrator(self.wanted)

    @property
    def frames_used(self) -> int:
        """Covered frames taken so far."""
        return self._calibrator.covered

    @property
    def reason(self) -> str:
        """A frame that is not covered has light in it."""
        return "light"

    def add(self, frame: Frame) -> Verdict:
        """Take a covered frame in."""
        if expected_shape(frame.mode) != expected_shape(self._mode):
            return "changed_size"
        found = scan(plain_pixels(frame), frame.mode.bit_depth)
        self._calibrator.add(found)
        return "used" if found.covered else "light"

    def finish(self) -> CredoDetector:
        """Make the detector; raises `CalibrationError` when no frame was covered."""
        thresholds = self._calibrator.finish()
        if thresholds is None:
            raise CalibrationError(
                "no frame is covered (mean below 40 of 255, 999 per mille of the pixels at or "
                "below 40): the credo preset has nothing to calibrate on"
            )
        return CredoDetector(thresholds, self._mode, self.frames_used, self._crop_size_px)
