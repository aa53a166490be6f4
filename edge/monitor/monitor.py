"""What a frame is sampled for beside the search, put together from the configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.config.model import Config
from edge.detector import Detector
from edge.frame import Frame
from edge.injection.injector import Injector
from edge.monitor.choice import Choice
from edge.monitor.zero_bias import ZeroBiasSampler
from edge.stages.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Monitor:
    """Samples frames in the pixel pass; has no state, so that workers can share it."""

    zero_bias: ZeroBiasSampler
    injector: Injector

    def look(self, frame: Frame, outcome: Outcome, detector: Detector) -> Outcome:
        """Add to a frame's outcome what it was chosen for; the frame itself is only read.

        Parameters
        ----------
        frame : Frame
            Not yet given back.
        outcome : Outcome
            Of its pixel pass. Only what was searched for hits is sampled: not a flood, nor a
            frame with light in it.
        detector : Detector
            What searched it.
        """
        if outcome.fate != "processed" or outcome.flood:
            return outcome
        window = self.zero_bias.sample(frame)
        injected = self.injector.inject(frame, detector)
        if window is None and injected is None:
            return outcome
        return replace(outcome, zero_bias=window, injected=injected)


def monitor_of(config: Config) -> Monitor:
    """Sample as configured."""
    zero_bias, injection = config.zero_bias, config.injection
    return Monitor(
        ZeroBiasSampler(
            Choice(zero_bias.share, zero_bias.seed, "zero_bias"),
            zero_bias.window_px,
        ),
        Injector(
            Choice(injection.share, injection.seed, "injection"),
            config.display.pixel_pitch_um,
            injection.adu_per_e,
        ),
    )
