"""A calibration, stamps and hit messages for the benchmarks, by the product's own parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from calibration.calibrator import Calibrator
from calibration.derive import ThresholdRequest
from calibration.model import Calibration
from edge.clock import RecordedClock
from edge.config.model import Config
from edge.detection import Candidate, Draft, FrameStamp
from edge.detector import mode_note
from edge.frame import Pixels, SensorMode
from edge.report import Reporter
from edge.stages.outcome import Accepted, Outcome, Settled
from edge.timeline import RecordedTimeline

_FRAME_NS = 33_000_000


def mode_of(width_px: int, height_px: int, bit_depth: int) -> SensorMode:
    """Sensor mode of made-up frames at 30 frames/s."""
    return SensorMode(
        "benchmark", width_px, height_px, bit_depth,
        exposure_ns=_FRAME_NS, frame_duration_ns=_FRAME_NS, pixel_pitch_um=1.4,
    )  # fmt: skip


def calibration_of(frames: Sequence[Pixels], bit_depth: int) -> Calibration:
    """Calibrate on dark frames."""
    height, width = frames[0].shape
    calibrator = Calibrator(mode_note(mode_of(width, height, bit_depth)))
    for pixels in frames:
        calibrator.add(pixels)
    return calibrator.finish(ThresholdRequest())


def stamp_at(index: int, mode: Mapping[str, Any]) -> FrameStamp:
    """Stamp of a simulated frame of the mode a calibration was made for."""
    sensor = mode_of(mode["width_px"], mode["height_px"], mode["bit_depth"])
    return FrameStamp(
        sequence=index, index=index, series="", mode=sensor, sensor_time_ns=index * _FRAME_NS,
        utc_ns=None, exposure_ns=_FRAME_NS, temperature_c=None, origin="simulation",
    )  # fmt: skip


def draft_maker(stamp: FrameStamp) -> Callable[[Sequence[Candidate]], list[Draft]]:
    """Make what writes hits down: features, class, time, PNG; as in a run without the vetoes."""
    reporter = Reporter(Config(), RecordedTimeline(), RecordedClock(), "simulation")
    reporter.use(None, stamp.mode)

    def write(candidates: Sequence[Candidate]) -> list[Draft]:
        hits = tuple(Accepted(candidate, 1) for candidate in candidates)
        settled = Settled(Outcome("processed", stamp, tuple(candidates)), hits)
        return [draft for draft in reporter.take(settled) if draft.kind == "hit"]

    return write
