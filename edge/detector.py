"""How a frame is judged: a learner makes a detector, a detector reads frames."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from edge.frame import Frame, SensorMode
from edge.pixels.candidates import ScannedFrame

Verdict = Literal["used", "light", "unlike", "changed_size", "all_equal"]
"""What a learner makes of a frame: used, not dark, or bad for a reason."""


class Detector(Protocol):
    """Calibrated pixel pass; has no state, so that workers can share it."""

    @property
    def calibration_id(self) -> str:
        """What its thresholds come from."""

    @property
    def thresholds(self) -> dict[str, float]:
        """Thresholds by name, units in the names."""

    @property
    def black_level_adu(self) -> float | None:
        """Level of a dark pixel."""

    @property
    def masked_px(self) -> int:
        """Pixels that can't make a hit."""

    def scan(self, frame: Frame) -> ScannedFrame | str:
        """Read a frame once; a string is the reason why it is bad."""

    def message_body(self) -> dict[str, Any]:
        """Body of the `calibration` message, without provenance."""


class Learner(Protocol):
    """Takes covered frames of one mode until a detector can be made of them."""

    @property
    def frames_used(self) -> int:
        """Frames the detector would be made of now."""

    @property
    def wanted(self) -> int:
        """Frames it is to be made of."""

    @property
    def reason(self) -> str:
        """What was wrong with the last frame that was "light" or "unlike": a snake_case key."""

    def add(self, frame: Frame) -> Verdict:
        """Judge a frame, and use it when it is dark like the others."""

    def finish(self) -> Detector:
        """Make the detector; raises `calibration.model.CalibrationError` when it can't."""


def mode_note(mode: SensorMode) -> dict[str, Any]:
    """Write a mode as plain data: what a calibration is valid for."""
    return {
        "sensor": mode.sensor,
        "width_px": mode.width_px,
        "height_px": mode.height_px,
        "bit_depth": mode.bit_depth,
        "exposure_ns": mode.exposure_ns,
        "frame_duration_ns": mode.frame_duration_ns,
        "row_time_ns": mode.row_time_ns,
        "gain": mode.gain,
        "black_level_adu": mode.black_level_adu,
        "cfa": mode.cfa,
        "packing": mode.packing,
        "set_temperature_c": mode.set_temperature_c,
        "pixel_pitch_um": mode.pixel_pitch_um,
        "conversion": mode.conversion,
    }


def expected_shape(mode: SensorMode) -> tuple[int, int]:
    """Rows and columns of a plain frame of this mode."""
    return mode.height_px, mode.width_px
