"""The rules a frame is judged by: our own, and the CREDO Detector's."""

from __future__ import annotations

from edge.config.model import Config
from edge.detector import Learner
from edge.frame import SensorMode
from edge.presets.calibrated import CalibrationLearner
from edge.presets.credo import CredoLearner


def make_learner(config: Config, mode: SensorMode, *, frames: int | None = None) -> Learner:
    """Start to learn a sensor's mode by the configured preset.

    Parameters
    ----------
    frames : int or None
        Covered frames to learn from; None: as configured.
    """
    if config.trigger.preset == "credo":
        return CredoLearner(mode, config, frames=frames)
    return CalibrationLearner(mode, config, frames=frames)
