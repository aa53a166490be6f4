"""Every setting of a rig: its default, its limits and what it means.

The TOML file has one table for each section of `Config`. Names carry their unit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from edge.config.clock import ClockConfig
from edge.config.section import ALLOWED, Section
from edge.config.values import (
    broker_url,
    default_state_dir,
    file_path,
    metrics_address,
    model_choice,
    source_url,
)

FilePath = Annotated[Path, BeforeValidator(file_path), Field(strict=False)]


class RigConfig(Section):
    """Who this rig is and where it keeps its state."""

    name: str = Field(
        "rig",
        pattern=r"^[a-z0-9-]{1,64}$",
        json_schema_extra={ALLOWED: "1 to 64 of a-z, 0-9 and -, in quotes"},
        description="Name of this camera and its computer; unique in a fleet.",
    )
    state_dir: FilePath = Field(
        default_factory=default_state_dir,
        description="Folder of the outbox and the calibrations; made if it is missing.",
    )


class SourceConfig(Section):
    """Where the frames come from."""

    url: Annotated[str, BeforeValidator(source_url)] = Field(
        "picamera:", description="Source: picamera:, webcam:0, sim:?seed=1, recording:/path."
    )
    stall_timeout_s: float = Field(
        5.0,
        gt=0,
        le=3600,
        description="A camera that is silent for longer is named as stalled; never less than "
        "five exposures.",
    )


class BrokerConfig(Section):
    """Where the messages go."""

    url: Annotated[str, BeforeValidator(broker_url)] = Field(
        "mqtt://localhost:1883",
        description="MQTT broker: mqtt://host[:port], or mqtts://host[:port] with TLS.",
    )
    ack: Literal["server", "broker"] = Field(
        "server",
        description="Who must confirm a message before the rig lets go of it: the server, once it "
        "has stored it, or the broker alone, where no server answers.",
    )
    ack_timeout_s: float = Field(
        30.0,
        ge=1,
        le=600,
        description="Wait for the server's confirmation before a message is sent again; doubles "
        "to 600.",
    )
    commands: bool = Field(
        True, description="Listen to what the server asks of the rig, such as to calibrate anew."
    )
    username: str | None = Field(None, min_length=1, description="User name at the broker.")
    password_file: FilePath | None = Field(
        None, description="File whose first line is the password at the broker."
    )
    ca_file: FilePath | None = Field(
        None, description="PEM file of the authority that mqtts:// trusts, if not the system's."
    )


class CalibrationConfig(Section):
    """How the rig learns its own camera before it looks for hits."""

    frames: int = Field(500, ge=3, le=65_536, description="Covered frames that make a calibration.")
    false_triggers_per_hour: float = Field(
        0.01, gt=0, le=1e6, description="Triggers by noise alone that are allowed, whole sensor."
    )
    follow: bool = Field(
        True, description="Let baselines, noise and thresholds follow the sensor while it looks."
    )
    reuse: bool = Field(
        True, description="Start with the last calibration where sensor and mode are the same."
    )
    temperature_tolerance_c: float = Field(
        5.0, ge=0, le=100, description="Largest difference of temperature at which one is reused."
    )
    defects_file: FilePath | None = Field(
        None,
        description="List of bad pixels of the sensor (CSV: x,y,kind): always masked.",
    )


class CoverConfig(Section):
    """When a frame counts as covered; what is not set comes from the calibration."""

    mean_limit_adu: float | None = Field(
        None, ge=0, le=65535, description="Largest mean of a covered frame."
    )
    black_adu: int | None = Field(
        None, ge=0, le=65535, description="A pixel above this value counts as bright."
    )
    bright_share_limit: float | None = Field(
        None, ge=0, le=1, description="Largest share of bright pixels in a covered frame."
    )
    settle_s: float = Field(
        0.3,
        ge=0,
        le=60,
        description="After light, three times as many frames must be dark before the rig looks "
        "again: 3 at least, at most 30 and those of this time; 0: at once. A frame that is longer "
        "stands for itself.",
    )


class TriggerConfig(Section):
    """Which pixels make a candidate."""

    preset: Literal["default", "credo"] = Field(
        "default",
        description="Rule: thresholds for each pixel, or the CREDO Detector's brightest pixel.",
    )
    seed_sigma: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="A pixel this far above its baseline starts a candidate; not set: from "
        "[calibration] false_triggers_per_hour.",
    )
    growth_sigma: float = Field(
        3.5,
        gt=0,
        le=1000,
        description="A neighbour this far above its baseline joins the candidate.",
    )
    max_candidates_per_frame: int = Field(
        1000, ge=1, le=1_000_000, description="More clusters than this in a frame are not cut out."
    )

    @model_validator(mode="after")
    def _growth_below_seed(self) -> TriggerConfig:
        if self.seed_sigma is not None and self.growth_sigma > self.seed_sigma:
            raise ValueError(
                f"growth_sigma ({self.growth_sigma:g}) must not be above seed_sigma "
                f"({self.seed_sigma:g})"
            )
        return self


class VetoConfig(Section):
    """Which candidates are the sensor's doing."""

    row_column: bool = Field(True, description="Reject candidates that fill a row or a column.")
    edge_px: int = Field(
        0, ge=0, le=10_000, description="Reject candidates this close to the frame's edge."
    )
    hot_repeat_count: int = Field(
        3, ge=2, le=1000, description="A place with this many candidates is a hot pixel."
    )
    hot_repeat_window_s: float = Field(
        180.0,
        gt=0,
        le=31_536_000,
        description="Time within which those are counted; rarer repeats are held against the "
        "sensor's own rate.",
    )
    burst: bool = Field(
        True, description="Reject hits beyond what 60 s hold at the rate the rig has learned."
    )
    flood_candidates: int = Field(
        50,
        ge=1,
        le=1_000_000,
        description="A frame with more candidates than this, beyond the particles that are "
        "expected, is a flood.",
    )


class HoldConfig(Section):
    """How long a particle may stay."""

    frames: int = Field(
        3, ge=1, le=100, description="What stays lit in more frames in a row is an artefact."
    )


class CropConfig(Section):
    """What is cut out around a hit."""

    size_px: int = Field(60, ge=8, le=512, description="Width and height of the crop.")


class ClassifyConfig(Section):
    """What gives a hit its class."""

    model: Annotated[
        Literal["shipped", "rules"] | Annotated[Path, Field(strict=False)],
        BeforeValidator(model_choice),
    ] = Field(
        "shipped",
        json_schema_extra={ALLOWED: '"shipped", "rules" or the path of a .tflite file'},
        description="The model that comes with the program, rules of shape, or a model of your "
        "own; where a model can't be used the rules decide.",
    )


class ExposureConfig(Section):
    """The records of how long the rig was really looking."""

    period_s: float = Field(60.0, ge=1, le=86_400, description="Time that one record covers.")


class ZeroBiasConfig(Section):
    """Windows of pixels that are kept whatever they hold, to know the noise (CRAYFIS' level 0)."""

    share: float = Field(
        0.001, ge=0, le=1, description="Share of the processed frames that give a window; 0: none."
    )
    window_px: int = Field(10, ge=1, le=1024, description="Edge of the square window.")
    seed: int = Field(1, ge=0, le=2**63 - 1, description="Of the choice of frames and places.")


class InjectionConfig(Section):
    """Synthetic particles in copies of frames: the rig measures its own efficiency."""

    share: float = Field(
        0.0,
        ge=0,
        le=0.1,
        description="Share of the processed frames that are copied and searched once more; 0: off.",
    )
    seed: int = Field(1, ge=0, le=2**63 - 1, description="Of the choice of frames and particles.")
    adu_per_e: float | None = Field(
        None,
        gt=0,
        le=65535,
        description="ADU that an electron gives, for the particles' shot noise; not set: unknown, "
        "and none is added.",
    )


class OutboxConfig(Section):
    """What is kept on disk until the server has it."""

    max_bytes: int = Field(
        2_000_000_000,
        ge=1_000_000,
        description="Size at which the outbox is full: what was delivered goes first, then the "
        "pictures of hits that were never sent, then whole hits, lowest score first, exposure "
        "records last; each loss is declared.",
    )
    max_days: int = Field(
        1000,
        ge=1,
        le=100_000,
        description="Days after which a message that nobody took is given up and declared lost, "
        "and one that was refused and set aside goes; told by clocks that know the time alone.",
    )
    group_commit_s: float = Field(
        1.0, gt=0, le=60, description="Longest time from a hit to its commit on disk."
    )
    checkpoint_s: float = Field(
        10.0,
        gt=0,
        le=60,
        description="Longest time between two checkpoints of the open exposure, beside those that "
        "hits bring: as much live time a crash costs, and each writes 12 kB to the card.",
    )
    group_commit_rows: int = Field(
        64, ge=1, le=10_000, description="Messages at which a commit is made at once."
    )


class PositionConfig(Section):
    """Where the rig stands; latitude and longitude are set together or not at all."""

    latitude_deg: float | None = Field(None, ge=-90, le=90, description="WGS 84, north positive.")
    longitude_deg: float | None = Field(None, ge=-180, le=180, description="WGS 84, east positive.")
    altitude_m: float | None = Field(None, ge=-1000, le=100_000, description="Above sea level.")
    accuracy_m: float | None = Field(None, ge=0, description="Uncertainty of the position.")
    provider: str = Field(
        "manual", min_length=1, description="How it is known, such as manual, gps or network."
    )
    geohash_letters: int | None = Field(
        None,
        ge=1,
        le=12,
        description="Tell only the geohash cell of so many letters: 4 is some 39 x 20 km, 6 is "
        "1.2 x 0.6 km; not set: the position as it is.",
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> PositionConfig:
        if (self.latitude_deg is None) != (self.longitude_deg is None):
            raise ValueError("latitude_deg and longitude_deg must be set together")
        return self


class DisplayConfig(Section):
    """How many muons to expect: "no hit yet" reads as normal, a long exposure is no flood."""

    sensor_area_cm2: float | None = Field(
        None, gt=0, le=10_000, description="Sensitive area; not set: from the pixel pitch."
    )
    pixel_pitch_um: float | None = Field(
        None, gt=0, le=1000, description="Size of a pixel; not set: from the camera, if it says."
    )
    muon_rate_per_cm2_min: float = Field(
        1.0, ge=0, le=1000, description="Muons per cm² and minute; about 1 at sea level."
    )


class MetricsConfig(Section):
    """Where Prometheus may ask how the rig is doing."""

    listen: Annotated[str | None, BeforeValidator(metrics_address)] = Field(
        None,
        description="Address to answer on, [HOST:]PORT such as 9101: on this computer alone where "
        "no host is said; not set: nowhere. Needs the extra metrics.",
    )


class Config(Section):
    """One rig's configuration. Every key has a default."""

    rig: RigConfig = Field(default_factory=RigConfig)
    source: SourceConfig = Field(default_factory=SourceConfig)
    broker: BrokerConfig = Field(default_factory=BrokerConfig)
    calibration: CalibrationConfig = Field(default_factory=CalibrationConfig)
    cover: CoverConfig = Field(default_factory=CoverConfig)
    trigger: TriggerConfig = Field(default_factory=TriggerConfig)
    veto: VetoConfig = Field(default_factory=VetoConfig)
    hold: HoldConfig = Field(default_factory=HoldConfig)
    crop: CropConfig = Field(default_factory=CropConfig)
    classify: ClassifyConfig = Field(default_factory=ClassifyConfig)
    exposure: ExposureConfig = Field(default_factory=ExposureConfig)
    zero_bias: ZeroBiasConfig = Field(default_factory=ZeroBiasConfig)
    injection: InjectionConfig = Field(default_factory=InjectionConfig)
    outbox: OutboxConfig = Field(default_factory=OutboxConfig)
    position: PositionConfig = Field(default_factory=PositionConfig)
    clock: ClockConfig = Field(default_factory=ClockConfig)
    display: DisplayConfig = Field(default_factory=DisplayConfig)
    metrics: MetricsConfig = Field(default_factory=MetricsConfig)

    @field_validator("injection")
    @classmethod
    def _noise_is_known(cls, value: InjectionConfig, info: ValidationInfo) -> InjectionConfig:
        trigger = info.data.get("trigger")
        if value.share > 0 and trigger is not None and trigger.preset == "credo":
            raise ValueError("share must be 0 with the credo preset: it knows no pixel's noise")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _table(cls, value: Any) -> Any:
        if not isinstance(value, dict | Section):
            raise ValueError("must be a table")
        return value
