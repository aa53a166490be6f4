"""Lost ranges, calibrations and clock maps."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from edge.messages.envelope import Envelope
from edge.messages.fields import (
    MAX_NS,
    Count,
    Counts,
    Epoch,
    Identifier,
    Nanoseconds,
    Numbers,
    Sequence,
    Strict,
    Temperature,
    Text,
    Uncertainty,
    UtcNs,
)
from edge.messages.hit import ClockState

MAX_RANGES = 1000


class SeqRange(Strict):
    """Consecutive messages."""

    first_seq: Sequence = Field(description="First of the range.")
    last_seq: Sequence = Field(description="Last of the range, inclusive.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first_seq > self.last_seq:
            raise ValueError(f"range {self.first_seq} to {self.last_seq} is empty")
        return self


class LostMessage(Envelope):
    """Messages that will never come, and why."""

    schema_: Literal["cosmic-edge/lost/1"] = Field(
        alias="schema", description="Name and version of this message's schema."
    )
    reason: Literal["outbox_full", "expired", "refused", "damaged"] = Field(
        description="outbox_full: the rig's disk or its cap. expired: older than the rig keeps "
        "what nobody took. refused: the broker or server would not take them. damaged: they could "
        "not be read back from the rig's disk."
    )
    ranges: Annotated[list[SeqRange], Field(max_length=MAX_RANGES)] = Field(
        description="Which messages; may be empty where nobody knows (damaged)."
    )
    lost_epoch: Epoch | None = Field(
        default=None, description="Epoch of the ranges; null: the message's own."
    )
    kinds: Counts = Field(description="How many messages of each kind, as far as known.")

    @model_validator(mode="after")
    def _before_itself(self) -> Self:
        if self.lost_epoch in (None, self.epoch):
            late = [part.last_seq for part in self.ranges if part.last_seq >= self.seq]
            if late:
                raise ValueError(f"seq {late[0]} can't be lost in message {self.seq}")
        return self


class ModeNote(Strict):
    """The sensor and how it is read: what the calibration is valid for."""

    sensor: Text = Field(description="Sensor or camera; empty where unknown.")
    width_px: int = Field(ge=1, le=2**20, description="Width of the frame.")
    height_px: int = Field(ge=1, le=2**20, description="Height of the frame.")
    bit_depth: int = Field(ge=1, le=16, description="Significant bits of a pixel.")
    exposure_ns: Nanoseconds | None = Field(default=None, description="Exposure of one row.")
    frame_duration_ns: Nanoseconds | None = Field(
        default=None, description="Nominal time from one frame to the next."
    )
    row_time_ns: Nanoseconds = Field(
        default=0, description="From one row's start to the next; 0: global shutter or unknown."
    )
    gain: float | None = Field(default=None, description="Analogue gain; 1.0 is unity.")
    black_level_adu: float | None = Field(
        default=None, description="Level of a pixel without light, where stated."
    )
    cfa: Text | None = Field(default=None, description="Bayer order; null: mono or luma.")
    packing: Text = Field(default="none", description="How the pixels lie in memory.")
    set_temperature_c: Temperature | None = Field(
        default=None, description="A cooled sensor is held at it."
    )
    pixel_pitch_um: float | None = Field(default=None, gt=0, description="Where known.")
    conversion: Text = Field(default="", description="What was done to colour: '' or luma.")


class CalibrationChange(Strict):
    """Why thresholds are no longer those that were told of last."""

    frame: Count = Field(description="Frame from which on they hold.")
    reasons: Annotated[
        list[Literal["level", "noise", "pixels"]], Field(min_length=1, max_length=3)
    ] = Field(description="What moved.")
    detail: Annotated[str, StringConstraints(max_length=256)] = Field(
        default="", description="The same in words and numbers."
    )


class CalibrationMessage(Envelope):
    """What the rig measured of its own sensor in the dark."""

    schema_: Literal["cosmic-edge/calibration/1"] = Field(
        alias="schema", description="Name and version of this message's schema."
    )
    calibration_id: Identifier = Field(description="Name of the calibration.")
    sensor: ModeNote = Field(description="What it is valid for.")
    made_utc: UtcNs | None = Field(default=None, description="When it was made, where known.")
    thresholds: Numbers = Field(description="Thresholds by name, units in the names.")
    noise: Numbers = Field(description="Noise of the sensor by name, units in the names.")
    hot_pixels: Count = Field(description="Pixels found hot.")
    masked_px: Count = Field(description="Pixels that can't make a hit.")
    frames_used: Count = Field(description="Dark frames it was made of.")
    expected_false_triggers_per_hour: float | None = Field(
        default=None, ge=0, description="From noise alone; null: unknown."
    )
    temperature_c: Temperature | None = Field(
        default=None, description="Of the sensor, where known."
    )
    change: CalibrationChange | None = Field(
        default=None, description="Why it follows another one; null: it was made anew."
    )
    config_hash: Identifier | None = Field(default=None, description="Hash of the configuration.")
    software: Identifier | None = Field(default=None, description="Name and version.")


class ClockMessage(Envelope):
    """A map from boot time to UTC: utc = reference_utc + (boot - reference) * (1 + rate)."""

    schema_: Literal["cosmic-edge/clock/1"] = Field(
        alias="schema", description="Name and version of this message's schema."
    )
    boot_id: Identifier = Field(description="Boot during which the boot times count.")
    reference_boot_ns: Nanoseconds = Field(description="CLOCK_BOOTTIME of the reference.")
    reference_utc: UtcNs = Field(description="UTC of the reference.")
    rate_ppm: float = Field(
        ge=-1000, le=1000, description="How much faster UTC runs than the boot clock."
    )
    from_boot_ns: Nanoseconds = Field(description="Start of the span the map holds for.")
    to_boot_ns: Annotated[int, Field(ge=0, le=MAX_NS)] | None = Field(
        default=None, description="End of that span; null: it still holds."
    )
    uncertainty_s: Uncertainty | None = Field(
        description="Bound of the error inside the span; null: unknown."
    )
    state: ClockState = Field(description="State of the clock that made the map.")
    source: Annotated[str, StringConstraints(max_length=128)] = Field(
        default="", description="Where the time came from, such as chrony or ntp."
    )
