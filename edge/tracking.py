"""Which detector judges a frame: thresholds change at fixed frame numbers, in frame order.

`turn` is called between two blocks of frames, when none is being read; `note` and `suspect` for
each frame in order. So the same frames are judged alike by any number of workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from calibration.change import Change
from calibration.model import Calibration
from calibration.tracker import Tracker
from edge.config.model import Config
from edge.detector import Detector
from edge.presets.calibrated import CalibratedDetector
from edge.stages.outcome import Outcome, Suspect

_MOST_CHANGES = 999
_TELLING_FRAMES = 100
_MIXED_CORRELATION = 0.2
"""Demosaicking and noise reduction make neighbours alike; row noise of a sensor stays below."""

_MIXED_PX = 6


class Tracking(Protocol):
    """Gives each frame its detector."""

    @property
    def detector(self) -> Detector:
        """What judges the frames of the present block."""

    @property
    def changes(self) -> Sequence[Change]:
        """What was worth a word, the latest of it."""

    @property
    def unstable_px(self) -> int:
        """Pixels that the calibration found to light again and again."""

    @property
    def pixel_px(self) -> int:
        """What a single pixel lights: more than itself where the camera mixes neighbours."""

    def turns_at(self, index: int) -> bool:
        """Whether frame `index` begins another block."""

    def turn(self, index: int) -> Change | None:
        """Begin the block of frame `index`; a change that is worth a word."""

    def note(self, outcome: Outcome) -> None:
        """Learn from a frame."""

    def suspect(self, suspects: Sequence[Suspect]) -> None:
        """Learn which pixels the later stages found to light again or for long."""


class FixedTracking:
    """One detector for all frames."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.changes: list[Change] = []
        self.unstable_px, self.pixel_px = 0, 1

    def turns_at(self, index: int) -> bool:
        """Never."""
        del index
        return False

    def turn(self, index: int) -> Change | None:
        """Nothing changes."""
        del index
        return None

    def note(self, outcome: Outcome) -> None:
        """Nothing is learned."""

    def suspect(self, suspects: Sequence[Suspect]) -> None:
        """Nothing is learned."""


class CalibratedTracking:
    """Thresholds that follow the sensor (`calibration.tracker`)."""

    def __init__(self, detector: CalibratedDetector) -> None:
        self._limits = detector.limits
        self._tracker = Tracker(detector.calibration)
        self._width = int(detector.calibration.mode["width_px"])
        self.detector: Detector = self._made()
        self.changes: list[Change] = []
        self.unstable_px = _unstable_px(detector.calibration)
        mixed = detector.calibration.neighbour_correlation > _MIXED_CORRELATION
        self.pixel_px = _MIXED_PX if mixed else 1

    def turns_at(self, index: int) -> bool:
        """Every 64th frame number."""
        return self._tracker.turns_at(index)

    def turn(self, index: int) -> Change | None:
        """Begin the block of frame `index`."""
        change = self._tracker.turn(index)
        if change is not None:
            self.changes = [*self.changes[-_MOST_CHANGES:], change]
        self.detector = self._made()
        return change

    def note(self, outcome: Outcome) -> None:
        """Learn from a frame."""
        if outcome.stamp is not None:
            stamp = outcome.stamp
            self._tracker.note(stamp.index, outcome.sample, stamp.temperature_c)

    def suspect(self, suspects: Sequence[Suspect]) -> None:
        """Put the pixels under watch."""
        for one in suspects:
            self._tracker.suspect(np.asarray(one.rows, np.int64) * self._width + one.cols)

    def _made(self) -> CalibratedDetector:
        tracker = self._tracker
        return CalibratedDetector(
            tracker.calibration,
            self._limits,
            watched=tracker.watched,
            most_noise_square=tracker.common.most_noise_square,
            most_uneven=tracker.common.most_uneven,
        )


def _unstable_px(calibration: Calibration) -> int:
    """Masked pixels that are not just too bright; of few frames, particles make some."""
    if calibration.frames_used < _TELLING_FRAMES:
        return 0
    wide_adu = np.float32(calibration.seed_sigma) * calibration.sigma_adu[calibration.masked]
    dark = calibration.mean_adu[calibration.masked] + wide_adu < calibration.full_scale_adu
    return int(np.count_nonzero(dark))


def tracking(detector: Detector, config: Config) -> Tracking:
    """Follow the sensor where the detector can and the configuration wants it."""
    if config.calibration.follow and isinstance(detector, CalibratedDetector):
        return CalibratedTracking(detector)
    return FixedTracking(detector)
