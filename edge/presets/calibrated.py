"""Our own rules: a threshold for each pixel, from a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.calibrator import Calibrator
from calibration.cover import CoverRule
from calibration.defects import Defect, DefectError, read_defects, with_defects
from calibration.derive import ThresholdRequest
from calibration.model import Calibration, CalibrationError
from calibration.noise import QUANTISATION_ADU
from edge.config.model import Config, CoverConfig
from edge.detector import Verdict, expected_shape, mode_note
from edge.errors import BadUse
from edge.frame import Frame, Pixels, SensorMode, plausible_temperature_c
from edge.pixels.candidates import PixelPass, ScanLimits, ScannedFrame, plain_pixels, stamp_of
from edge.pixels.picture import Picture
from edge.pixels.sampler import FrameSampler
from edge.timeline import frame_duration_ns

_NS_PER_HOUR = 3_600_000_000_000
_NS_PER_MINUTE = 60_000_000_000
_FLOOD_MARGIN = 20
"""A long exposure gathers particles: this many times the expected muons are not yet a flood."""

_USUAL_MARGIN = 2
"""A frame may hold so many times the candidates that the calibration's frames were rich in."""

_UNKNOWN_PITCH_UM = 10.0
_GROWTH_SIGMA = 3.5


class CalibratedDetector:
    """Per-pixel thresholds, clusters, crops.

    Parameters
    ----------
    calibration : Calibration
    limits : ScanLimits
    watched : ndarray of int64, optional
        Flat indices of the pixels that a sample of each frame is to hold; None: no samples.
    most_noise_square : float, optional
        A frame whose sample is noisier has light in it (`leak`).
    most_uneven : float, optional
        So has one that is more uneven.
    """

    def __init__(
        self,
        calibration: Calibration,
        limits: ScanLimits,
        *,
        watched: NDArray[np.int64] | None = None,
        most_noise_square: float | None = None,
        most_uneven: float = np.inf,
    ) -> None:
        self.calibration = calibration
        self.limits = limits
        usual = int(_USUAL_MARGIN * calibration.cover.lit_px)
        most = limits.most_candidates + usual
        sampler = None
        if watched is not None:
            sampler = FrameSampler(calibration, watched, most_noise_square, most_uneven)
        self._pass = PixelPass(calibration, replace(limits, most_candidates=most), sampler)
        self._shape = (calibration.mode["height_px"], calibration.mode["width_px"])
        self._noisy = calibration.noise_adu > 2 * QUANTISATION_ADU
        # Once at most: every checkpoint asks for them.
        self._thresholds: dict[str, float] = {}
        self._masked_px = calibration.masked_px

    @property
    def calibration_id(self) -> str:
        """Hash of the calibration."""
        return self.calibration.id

    @property
    def thresholds(self) -> dict[str, float]:
        """Thresholds by name."""
        if not self._thresholds:
            self._thresholds = self.calibration.thresholds()
        return self._thresholds

    @property
    def black_level_adu(self) -> float | None:
        """Level of a dark pixel."""
        return round(self.calibration.black_level_adu, 4)

    @property
    def masked_px(self) -> int:
        """Pixels that can't make a hit."""
        return self._masked_px

    def scan(self, frame: Frame) -> ScannedFrame | str:
        """Read a frame once; a frame of another size or of one value only is bad."""
        if expected_shape(frame.mode) != self._shape:
            return "changed_size"
        picture = Picture.of(frame)
        if not picture.holds(self._shape):
            return "changed_size"
        scanned = self._pass.scan(picture, stamp_of(frame))
        # A mean that is no whole number is not that of equal pixels.
        if self._noisy and scanned.mean_adu.is_integer() and _of_one_value(picture.plain()):
            return "all_equal"
        return scanned

    def message_body(self) -> dict[str, Any]:
        """Body of the `calibration` message."""
        return message_body(self.calibration)


class CalibrationLearner:
    """Collects the first covered frames of a mode."""

    def __init__(self, mode: SensorMode, config: Config, *, frames: int | None = None) -> None:
        self._mode = mode
        self._config = config
        configured_defects(config)  # a slip in the list must not cost a calibration
        self._calibrator = Calibrator(mode_note(mode))
        self._varied = False
        self._shape = expected_shape(mode)
        self.wanted = frames or config.calibration.frames

    @property
    def frames_used(self) -> int:
        """Frames the calibration would be made of now."""
        return self._calibrator.frames_used

    @property
    def reason(self) -> str:
        """What was wrong with the last frame that was refused: a key of `calibration.screen`."""
        return self._calibrator.reason

    def add(self, frame: Frame) -> Verdict:
        """Use a frame when it is dark like the others."""
        if expected_shape(frame.mode) != self._shape:
            return "changed_size"
        pixels = plain_pixels(frame)
        constant = _of_one_value(pixels)
        if constant and pixels[0, 0] > 0:
            return "all_equal"
        self._varied |= not constant
        return self._calibrator.add(pixels, plausible_temperature_c(frame.temperature_c))

    def calibration(self) -> Calibration:
        """Make the calibration; raises `CalibrationError` when it can't."""
        if self.frames_used and not self._varied:
            raise CalibrationError(
                f"all {self.frames_used} dark frames hold one value only: the camera delivers no "
                "picture, or clips black; raise its black level or gain"
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        made = self._calibrator.finish(threshold_request(self._config, self._mode), now)
        return as_configured(made, self._config)

    def finish(self) -> CalibratedDetector:
        """Make the detector; raises `CalibrationError` when it can't."""
        return CalibratedDetector(self.calibration(), scan_limits(self._config, self._mode))


def threshold_request(config: Config, mode: SensorMode) -> ThresholdRequest:
    """Ask for the configured rate of false triggers at the mode's frame rate."""
    return ThresholdRequest(
        false_triggers_per_hour=config.calibration.false_triggers_per_hour,
        frames_per_hour=_NS_PER_HOUR / frame_duration_ns(mode),
        growth_sigma=config.trigger.growth_sigma or _GROWTH_SIGMA,
        seed_sigma=config.trigger.seed_sigma,
    )


def scan_limits(config: Config, mode: SensorMode) -> ScanLimits:
    """Crop size, and how many candidates are a flood at this exposure and area."""
    pitch = mode.pixel_pitch_um or config.display.pixel_pitch_um or _UNKNOWN_PITCH_UM
    area_cm2 = mode.width_px * mode.height_px * (pitch * 1e-4) ** 2
    minutes = (mode.exposure_ns or 0) / _NS_PER_MINUTE
    expected = area_cm2 * minutes * config.display.muon_rate_per_cm2_min
    flood = config.veto.flood_candidates + int(_FLOOD_MARGIN * expected)
    return ScanLimits(
        crop_size_px=config.crop.size_px,
        most_candidates=min(flood, max(config.trigger.max_candidates_per_frame, 1)),
    )


def as_configured(calibration: Calibration, config: Config) -> Calibration:
    """Bring in what the configuration states: the cover rule, and the list of defects.

    Raises
    ------
    BadUse
        The list can't be read, or is of another sensor.
    """
    covered = with_cover(calibration, config.cover)
    defects = configured_defects(config)
    if defects is None:
        return covered
    try:
        return with_defects(covered, defects)
    except DefectError as error:
        raise BadUse(str(error)) from None


def configured_defects(config: Config) -> list[Defect] | None:
    """Read the configured list of defects, if there is one; raises BadUse where it is none."""
    if config.calibration.defects_file is None:
        return None
    try:
        return read_defects(config.calibration.defects_file)
    except DefectError as error:
        raise BadUse(str(error)) from None


def with_cover(calibration: Calibration, cover: CoverConfig) -> Calibration:
    """Replace what the configuration states of the cover rule."""
    rule = calibration.cover
    if not any(value is not None for value in cover.model_dump().values()):
        return calibration
    return calibration.with_cover(
        CoverRule(
            rule.mean_limit_adu if cover.mean_limit_adu is None else cover.mean_limit_adu,
            rule.black_adu if cover.black_adu is None else cover.black_adu,
            rule.bright_share_limit
            if cover.bright_share_limit is None
            else cover.bright_share_limit,
            # A stated limit of the mean holds for every frame.
            rule.particle_share if cover.mean_limit_adu is None else 0.0,
            rule.lit_px,
        ),
    )


MATCHED: Sequence[str] = (
    "sensor",
    "width_px",
    "height_px",
    "bit_depth",
    "exposure_ns",
    "gain",
    "packing",
    "cfa",
    "conversion",
)
"""What of a mode must be the same for a calibration to be used."""


def mismatch(calibration: Calibration, mode: SensorMode) -> str | None:
    """Say in what a calibration differs from a mode, or None when it fits."""
    note = mode_note(mode)
    for key in MATCHED:
        if calibration.mode.get(key) != note[key]:
            return f"{key} is {note[key]}, the calibration's is {calibration.mode.get(key)}"
    return None


def message_body(calibration: Calibration) -> dict[str, Any]:
    """Body of the `calibration` message."""
    summary = calibration.summary()
    return {
        "calibration_id": calibration.id,
        "sensor": summary["mode"],
        "thresholds": summary["thresholds"],
        "noise": summary["noise"],
        "hot_pixels": summary["hot_pixels"],
        "masked_px": summary["masked_px"],
        "frames_used": summary["frames_used"],
        "expected_false_triggers_per_hour": summary["expected_false_triggers_per_hour"],
        "temperature_c": summary["temperature_c"],
    }


def _of_one_value(pixels: Pixels) -> bool:
    """Whether every pixel is the same; two corners that differ spare the look at all."""
    return bool(pixels[0, 0] == pixels[-1, -1]) and bool(np.all(pixels == pixels[0, 0]))
