"""The hit: one particle, with its crop, its time and how it was found."""

from __future__ import annotations

import struct
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, StringConstraints, model_validator

from edge.messages.base64_text import from_base64
from edge.messages.envelope import Envelope
from edge.messages.fields import (
    Count,
    Identifier,
    Key,
    Nanoseconds,
    Numbers,
    Strict,
    Temperature,
    Text,
    Uncertainty,
    UtcNs,
)

ClockState = Literal["synced", "holdover", "unsynced"]
Label = Literal["spot", "track", "worm", "artefact"]
MAX_CROP_PX = 512
MAX_CROP_BASE64 = 720_000
"""Room for 512 x 512 pixels of 16 bits that don't compress."""
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Crop(Strict):
    """Raw counts around the hit."""

    x0_px: Count = Field(description="Column of the crop's left edge in the frame.")
    y0_px: Count = Field(description="Row of the crop's upper edge in the frame.")
    width_px: int = Field(ge=1, le=MAX_CROP_PX, description="Width of the crop.")
    height_px: int = Field(ge=1, le=MAX_CROP_PX, description="Height of the crop.")
    bit_depth: int = Field(ge=1, le=16, description="Significant bits of a pixel.")
    black_level_adu: float | None = Field(
        default=None, description="Level of a pixel without light, where known."
    )
    encoding: Literal["png"] = Field(
        description="Lossless PNG, 8 or 16 bit greyscale, values as counted."
    )
    data: Annotated[str, StringConstraints(min_length=32, max_length=MAX_CROP_BASE64)] | None = (
        Field(description="The PNG file in base64; null where `dropped` says why.")
    )
    dropped: Literal["outbox_full"] | None = Field(
        default=None,
        description="Why the picture is gone: outbox_full, the rig gave it up before it was first "
        "sent, to keep the hit itself.",
    )

    _png: bytes = PrivateAttr(default=b"")

    @model_validator(mode="after")
    def _png_of_that_size(self) -> Self:
        if (self.data is None) != (self.dropped is not None):
            raise ValueError("crop needs data, or dropped where it has none")
        if self.data is None:
            return self
        try:
            self._png = from_base64(self.data)
        except ValueError as error:
            raise ValueError(f"crop data is not base64: {error}") from None
        header = self._png[:24]
        if len(header) < 24 or not header.startswith(_PNG_SIGNATURE):
            raise ValueError("crop data is not a PNG file")
        if struct.unpack(">II", header[16:24]) != (self.width_px, self.height_px):
            raise ValueError("the PNG has another size than the crop says")
        return self

    @property
    def png(self) -> bytes:
        """The PNG file; empty where the rig gave it up."""
        return self._png


class Position(Strict):
    """Where the rig stands."""

    latitude_deg: float = Field(ge=-90, le=90, description="WGS 84, north positive.")
    longitude_deg: float = Field(ge=-180, le=180, description="WGS 84, east positive.")
    altitude_m: float | None = Field(default=None, description="Above mean sea level.")
    accuracy_m: float | None = Field(default=None, ge=0, description="Radius of 68 % confidence.")
    provider: Text | None = Field(default=None, description="Such as manual, gps or network.")


class Orientation(Strict):
    """Where the sensor's normal points."""

    zenith_deg: float | None = Field(
        default=None, ge=0, le=180, description="Angle from the vertical; 0 lies flat, facing up."
    )
    azimuth_deg: float | None = Field(
        default=None, ge=0, lt=360, description="Of the normal, from true north over east."
    )
    roll_deg: float | None = Field(
        default=None, ge=-180, le=180, description="Turn around the normal."
    )


class HitProvenance(Strict):
    """What made the hit."""

    calibration_id: Identifier | None = Field(description="Calibration it was found with.")
    model_id: Identifier | None = Field(
        default=None,
        description="What classified it: rules/<version>, or a model's name and the first 12 hex "
        "digits of its file's SHA-256; null: the shape rules.",
    )
    config_hash: Identifier = Field(description="Hash of the configuration.")
    software: Identifier = Field(description="Name and version of the software.")


class Scores(Strict):
    """Probability of each class, 0 to 1; absent where no model has looked."""

    spot: float | None = Field(default=None, ge=0, le=1, description="A round, small blob.")
    track: float | None = Field(default=None, ge=0, le=1, description="A straight line.")
    worm: float | None = Field(default=None, ge=0, le=1, description="A bent line.")
    artefact: float | None = Field(default=None, ge=0, le=1, description="No particle.")


class Votes(Strict):
    """Share of human judges expected to vote for each class, 0 to 1, summing to about 1."""

    spot: float = Field(ge=0, le=1, description="For a round, small blob.")
    track: float = Field(ge=0, le=1, description="For a straight line.")
    worm: float = Field(ge=0, le=1, description="For a bent line.")
    artefact: float = Field(ge=0, le=1, description="For no particle.")


class HitMessage(Envelope):
    """One hit."""

    schema_: Literal["cosmic-edge/hit/1"] = Field(
        alias="schema", description="Name and version of this message's schema."
    )
    time_utc: UtcNs = Field(description="Middle of the window.")
    time_uncertainty_s: Uncertainty | None = Field(
        description="The clock's bound alone, without the window; null: unknown."
    )
    window_start_utc: UtcNs = Field(description="Start of exposure of the brightest pixel's row.")
    window_end_utc: UtcNs = Field(description="End of exposure of the brightest pixel's row.")
    clock: ClockState = Field(description="State of the rig's clock at that time.")
    boot_id: Identifier | None = Field(
        default=None, description="Boot during which time_boot_ns counts."
    )
    time_boot_ns: Nanoseconds | None = Field(
        default=None,
        description="time_utc on CLOCK_BOOTTIME; a clock message resolves it to UTC later.",
    )
    series: Text = Field(description="Series of the recording; empty for a live camera.")
    frame: Count = Field(description="0-based position of the frame in its series.")
    frames_lit: int = Field(
        default=1, ge=1, le=1000, description="Consecutive frames it was seen in."
    )
    x_px: Count = Field(description="Column of the brightest pixel.")
    y_px: Count = Field(description="Row of the brightest pixel.")
    peak_adu: Count = Field(description="Raw counts of the brightest pixel.")
    sum_adu: float = Field(description="Counts above the baseline, over all its pixels.")
    area_px: int = Field(ge=1, le=2**31, description="Number of its pixels.")
    crop: Crop = Field(description="Raw counts around it.")
    features: Numbers = Field(description="Shape features by name; px, ratios or deg.")
    class_: Label = Field(alias="class", description="What it looks like.")
    scores: Scores = Field(description="Probability of each class; empty without a model.")
    votes: Votes | None = Field(
        default=None, description="What judges would say; null where what classified it can't tell."
    )
    anomaly: float | None = Field(
        default=None, description="How unlike the known it is; null without a model."
    )
    temperature_c: Temperature | None = Field(default=None, description="Of the sensor.")
    position: Position | None = Field(default=None, description="Where the rig stands.")
    orientation: Orientation | None = Field(default=None, description="Where the sensor looks.")
    provenance: HitProvenance = Field(description="What made it.")
    rejected: Key | None = Field(
        default=None,
        description="Why it is no hit: only in a rig's or a replay's own file of refused "
        "candidates, never sent.",
    )

    @model_validator(mode="after")
    def _time_in_window(self) -> Self:
        # Texts of fixed width sort like the instants they name.
        if not self.window_start_utc <= self.time_utc <= self.window_end_utc:
            raise ValueError("time_utc lies outside window_start_utc to window_end_utc")
        return self
