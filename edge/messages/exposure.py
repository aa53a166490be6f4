"""The exposure record: how long the rig was really looking, and what became of every frame."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge.messages.envelope import Envelope
from edge.messages.fields import (
    Count,
    Counts,
    Durations,
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
from edge.messages.hit import ClockState

MAX_BINS = 4096
DEAD_TIME_CAUSES = (
    *("between_frames", "missing", "stalled", "dropped", "bad", "calibrating", "uncovered"),
    *("flood", "vetoed_area", "restart", "unstored"),
)
"""What a rig of this version tells dead time by."""


class FrameCounts(Strict):
    """Every frame in one bin: two sums that hold in every record."""

    expected: Count = Field(description="received + missing.")
    received: Count = Field(description="processed + calibrating + uncovered + dropped + bad.")
    missing: Count = Field(
        description="Never came: gaps in the source's frame counter, or in the sensor's own time."
    )
    processed: Count = Field(description="Searched for hits.")
    calibrating: Count = Field(description="Used to calibrate.")
    uncovered: Count = Field(description="Too bright: the cover was off.")
    dropped: Count = Field(description="Came, but the loop was late.")
    bad: Count = Field(description="Came, but could not be used.")

    @model_validator(mode="after")
    def _sums(self) -> Self:
        if self.expected != self.received + self.missing:
            raise ValueError(
                f"expected {self.expected} is not received {self.received} + missing {self.missing}"
            )
        parts = self.processed + self.calibrating + self.uncovered + self.dropped + self.bad
        if self.received != parts:
            raise ValueError(
                f"received {self.received} is not processed + calibrating + uncovered "
                f"+ dropped + bad = {parts}"
            )
        return self


class SensorArea(Strict):
    """What was looking."""

    name: Text = Field(description="Sensor or camera; empty where unknown.")
    width_px: int = Field(ge=1, le=2**20, description="Width of the frame.")
    height_px: int = Field(ge=1, le=2**20, description="Height of the frame.")
    area_cm2: float | None = Field(default=None, gt=0, description="Sensitive area, where known.")
    pixel_pitch_um: float | None = Field(default=None, gt=0, description="Where known.")
    masked_px: Count | None = Field(default=None, description="Pixels that can't make a hit.")
    hot_places_px: Count | None = Field(
        default=None,
        description="Pixels at which candidates are refused as hot, masked ones among them.",
    )


class ClockNote(Strict):
    """How good the times are."""

    state: ClockState = Field(description="State of the rig's clock.")
    uncertainty_s: Uncertainty | None = Field(
        default=None, description="Bound of its error; null: unknown."
    )


class ZeroBias(Strict):
    """Histogram of pixels in random windows, whatever they hold (CRAYFIS' zero-bias sample)."""

    window_px: int = Field(ge=1, le=1024, description="Edge of the square windows.")
    windows: Count = Field(description="How many windows were taken.")
    black_level_adu: float | None = Field(
        default=None, description="Raw value that the bins are told from; null: they are raw."
    )
    first_bin_adu: float = Field(
        description="Lower edge of the first bin, relative to the black level."
    )
    bin_width_adu: float = Field(gt=0, description="Width of a bin.")
    counts: Annotated[list[Count], Field(max_length=MAX_BINS)] = Field(
        description="Pixels in each bin; the first also holds what lies below, the last what lies "
        "above."
    )


class Found(Strict):
    """Synthetic particles, and how many of them were found."""

    injected: Count = Field(description="Laid into copies of frames.")
    found: Count = Field(description="Of these, those that would have become hits.")

    @model_validator(mode="after")
    def _no_more_than_injected(self) -> Self:
        if self.found > self.injected:
            raise ValueError(f"found {self.found} is more than injected {self.injected}")
        return self


class FoundAtPeak(Found):
    """Particles of one brightness."""

    from_sigma: float = Field(
        ge=0, description="Least signal of the brightest pixel, in units of its own noise."
    )
    to_sigma: float = Field(gt=0, description="Greatest; not included.")


class Injection(Found):
    """The rig's own efficiency: particles laid into copies of frames, counted nowhere else."""

    share: float = Field(gt=0, le=1, description="Share of the frames that are copied.")
    by_peak_sigma: Annotated[list[FoundAtPeak], Field(max_length=64)] = Field(
        description="By brightness; without the bins that got none."
    )
    by_class: Annotated[dict[Key, Found], Field(max_length=64)] = Field(
        description="By the shape they were made for."
    )
    missed: Counts = Field(description="Those not found, by reason.")

    @model_validator(mode="after")
    def _every_particle_in_one_bin(self) -> Self:
        for parts in (self.by_peak_sigma, list(self.by_class.values())):
            sums = sum(one.injected for one in parts), sum(one.found for one in parts)
            if sums != (self.injected, self.found):
                raise ValueError(
                    f"the parts hold {sums[0]} injected and {sums[1]} found, not {self.injected} "
                    f"and {self.found}"
                )
        missed = sum(self.missed.values())
        if self.injected != self.found + missed:
            raise ValueError(
                f"injected {self.injected} is not found {self.found} + missed {missed}"
            )
        return self


class ExposureProvenance(Strict):
    """What made the record."""

    calibration_id: Identifier | None = Field(
        description="Calibration in use; null before there is one."
    )
    config_hash: Identifier = Field(description="Hash of the configuration.")
    software: Identifier = Field(description="Name and version of the software.")


class ExposureMessage(Envelope):
    """One span of exposure: a minute of a live camera, or the rest of a series."""

    schema_: Literal["cosmic-edge/exposure/1"] = Field(
        alias="schema", description="Name and version of this message's schema."
    )
    series: Text = Field(description="Series of the recording; empty for a live camera.")
    from_utc: UtcNs = Field(description="Start of the span.")
    to_utc: UtcNs = Field(
        description="End of the span; before from_utc only where the clock was stepped back."
    )
    boot_id: Identifier | None = Field(
        default=None, description="Boot during which the boot times count."
    )
    from_boot_ns: Nanoseconds | None = Field(
        default=None, description="Start of the span on CLOCK_BOOTTIME."
    )
    to_boot_ns: Nanoseconds | None = Field(
        default=None, description="End of the span on CLOCK_BOOTTIME."
    )
    frames: FrameCounts = Field(description="What became of every frame.")
    live_time_ns: Nanoseconds = Field(
        description="Time in which a particle would have been seen, as of the whole sensor: "
        "hits / (live time x area) is a rate."
    )
    dead_time_ns: Durations = Field(
        description="Rest of the span, by cause. Frames' own time: calibrating, uncovered, flood "
        "(too much was lit), vetoed_area (the share of the looked time of pixels that can't make "
        "a hit: masked_px + hot_places_px and what is vetoed at the edge; one that is two of these "
        "counts twice). Gaps: between_frames, missing (the camera "
        "gave none), stalled (missing while the rig's own process stood still), dropped (the loop "
        "was late), bad. Beyond frames: restart (since an interrupted run), unstored (the disk "
        "took nothing)."
    )
    candidates: Count = Field(description="Candidates settled in this span: hits + rejected.")
    hits: Count = Field(description="Candidates that became hits.")
    rejected: Counts = Field(description="Candidates that did not, by reason.")
    thresholds: Numbers = Field(description="Thresholds in use, by name, units in the names.")
    sensor: SensorArea = Field(description="What was looking.")
    temperature_c: Temperature | None = Field(
        default=None, description="Mean of the sensor, where known."
    )
    clock: ClockNote = Field(description="How good the times are.")
    zero_bias: ZeroBias | None = Field(default=None, description="Sample of ordinary pixels.")
    injection: Injection | None = Field(
        default=None, description="Measured efficiency; absent where nothing is injected."
    )
    closed: Literal["minute", "series", "mode", "calibration", "clock", "end", "restart"] = Field(
        description="Why the span ended; restart: closed after a crash, at its last checkpoint."
    )
    provenance: ExposureProvenance = Field(description="What made it.")

    @model_validator(mode="after")
    def _every_candidate_in_one_bin(self) -> Self:
        binned = self.hits + sum(self.rejected.values())
        if self.candidates != binned:
            raise ValueError(f"candidates {self.candidates} is not hits + rejected = {binned}")
        return self
