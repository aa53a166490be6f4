"""Frames of a camera through the stages, one by one: the heart of `run`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from calibration.model import CalibrationError
from edge.background import in_background
from edge.clock import boottime_ns
from edge.config.model import Config
from edge.delivery import KEEP, Keep
from edge.detection import Draft
from edge.detector import Detector, Learner, expected_shape
from edge.frame import BadFrame, Frame, SensorMode
from edge.live.in_order import AtOnce, InOrder, Work
from edge.live.memory import give_back_the_rest
from edge.live.shelf import Shelf
from edge.live.start import seconds_since_start
from edge.lost_area import LostArea
from edge.monitor.monitor import monitor_of
from edge.pixels.candidates import stamp_of
from edge.presets import make_learner
from edge.presets.calibrated import MATCHED, CalibratedDetector, scan_limits
from edge.report import Reporter
from edge.sources.capture import Dropped, Item
from edge.stages.exposure import STALLED
from edge.stages.frames import scan_one
from edge.stages.gaps import GapCounter
from edge.stages.order import OrderStage
from edge.stages.outcome import Fate, Outcome, Settled
from edge.timeline import exposure_ns
from edge.tracking import Tracking
from edge.tracking import tracking as tracking_of

Sink = Callable[[list[Draft], dict[str, Any] | Keep | None], bool]
_NO_FAULT = ("used", "light", "unlike")
_NS = 1_000_000_000
_FINISH_S = 10.0
_GATHERED_FRAMES = 30
"""Frames without a hit are counted so many at a time."""

_FRAMES_OF_A_NEW_SIZE = 30
"""So many frames of another size in a row are no fault: the camera has changed its mode."""

_log = logging.getLogger(__name__)


class LiveLoop:
    """Calibrates, looks, reports; `push` takes what the capture thread hands on.

    Each mode and each series is judged by a calibration of its own: where one changes, what
    waits is settled, the exposure ends, and a calibration is looked for or made anew.

    Parameters
    ----------
    sink : callable
        Takes drafts and the checkpoint that goes with them (None clears it); must not wait.
        False: it could not take them, and they are lost.
    shelf : Shelf or None
        Where calibrations are kept; None: always calibrate anew.
    waits : bool
        The source waits for the loop: so the loop waits for a calibration to be worked out,
        which takes seconds on a large sensor, and misses nothing. A camera goes on meanwhile.
    reports : InOrder or None
        Where hits are described, classified and written down; None: before the next frame.
    on_first : callable, optional
        Called once, when the first frame has been processed.

    Attributes
    ----------
    first_frame_s : float or None
        From the start of the process to the end of the first processed frame's pixel pass.
    """

    def __init__(
        self,
        config: Config,
        reporter: Reporter,
        order: OrderStage,
        sink: Sink,
        shelf: Shelf | None = None,
        *,
        waits: bool = True,
        reports: InOrder | None = None,
        on_first: Callable[[], object] = lambda: None,
    ) -> None:
        self._on_first = on_first
        self._config = config
        self._reporter = reporter
        self._order = order
        self._sink = sink
        self._shelf = shelf
        self._monitor = monitor_of(config)
        self._gaps = GapCounter()
        self._learner: Learner | None = None
        self._worked_out: Future[Tracking] | None = None
        self._waits = waits
        self._reports = reports or AtOnce()
        self._settled: list[Settled] = []
        self._last_checkpoint_ns = 0
        self._judged: tuple[str, SensorMode] | None = None
        self._of_another_size = 0
        self._tracking: Tracking | None = None
        self._failure = ""
        self._lost = LostArea()
        self._anew = False
        self.last_fate: Fate | None = None
        self.first_frame_s: float | None = None

    def push(self, item: Item, *, behind: bool = False) -> None:
        """Take the next frame, bad frame, or word of dropped ones.

        `behind` says that this process stood still shortly before: frames missing before the item
        are its own loss, not the camera's.
        """
        for outcome in self._outcomes(item, behind):
            self._settle(outcome)
        now_ns = boottime_ns()
        if now_ns - self._last_checkpoint_ns >= self._config.outbox.checkpoint_s * _NS:
            self._last_checkpoint_ns = now_ns
            self._report(lambda: self._emit([]))

    def finish(self) -> None:
        """Let the hold go and close the exposure: no frame follows."""
        self._settled += self._order.flush()

        def close() -> None:
            self._emit([])
            self._close_last()

        try:
            self._report(close)
        finally:
            if not self._reports.finish(_FINISH_S):
                # Nor is their time claimed: the next start closes the exposure at its checkpoint.
                self._failure = f"the last hits could not be described in {_FINISH_S:.0f} s: lost"
                _log.warning(self._failure)

    def _close_last(self) -> None:
        last = self._reporter.close("end")
        # An end in order leaves nothing to close, unless a crash before it is still to be told of.
        self._sink(last, KEEP if self._reporter.owes_restart else None)

    def start_anew(self, config: Config) -> None:
        """Measure the dark anew, by a configuration; what is kept of it is not taken."""
        self._config = config
        if self._shelf is not None:
            self._shelf = Shelf(self._shelf.folder, config)
        self._anew = True
        self._start_anew("calibration")
        # After the hold and the open exposure: those were seen by the configuration before.
        self._report(lambda: self._reporter.use_config(config))

    @property
    def detector(self) -> Detector | None:
        """What judges the frames now; None while calibrating."""
        return None if self._tracking is None else self._tracking.detector

    @property
    def note(self) -> str:
        """What a person should know; empty when all is well."""
        return self._failure or self._lost.note

    @property
    def calibration_progress(self) -> tuple[int, int] | None:
        """Frames used and wanted while calibrating; None afterwards."""
        if self.detector is not None or self._learner is None:
            return None
        return self._learner.frames_used, self._learner.wanted

    def _outcomes(self, item: Item, behind: bool) -> Iterator[Outcome]:
        if isinstance(item, Dropped):
            missing = self._gaps.missing_among(item.first_sequence, item.last_sequence, item.count)
        else:
            missing = self._gaps.missing_before(item)
        if missing:
            yield Outcome("missing", count=missing, reason=STALLED if behind else "")
        if isinstance(item, Dropped):
            yield Outcome("dropped", count=item.count)
        elif isinstance(item, BadFrame):
            _log.info("bad frame %d: %s", item.sequence, item.detail)
            yield Outcome("bad", reason=item.reason)
        else:
            # A source that waits has its own time, not that of this machine.
            yield self._look(item if self._waits else _timed(item))

    def _look(self, frame: Frame) -> Outcome:
        change = self._change_at(frame)
        if change is not None:
            self._start_anew(change)
        if self.detector is None:
            self._begin(frame)
        outcome = self._scan(frame) if self.detector is not None else self._learn(frame)
        self.last_fate = outcome.fate
        if self.first_frame_s is None and outcome.fate == "processed":
            self.first_frame_s = seconds_since_start()
            self._on_first()
        return outcome

    def _scan(self, frame: Frame) -> Outcome:
        tracking = self._tracking
        if tracking is None:
            raise RuntimeError("no detector to judge the frame by")
        if tracking.turns_at(frame.index):
            self._turn(tracking, frame)
        outcome = scan_one(frame, tracking.detector, self._monitor)
        tracking.note(outcome)
        return outcome

    def _turn(self, tracking: Tracking, frame: Frame) -> None:
        """Let what was learned hold from this frame on; say what changed."""
        change = tracking.turn(frame.index)
        self._take_over(tracking.detector, frame)
        if change is not None:
            _log.info("calibration follows the sensor: %s", change.detail)
            draft = self._reporter.calibration_draft(tracking.detector, change)
            self._report(lambda: self._emit([draft]))

    def _take_over(self, detector: Detector, frame: Frame) -> None:
        """Name what judges from here on, and say so where too much of the sensor is lost."""
        hot_px, mode = self._order.hot_places_px, frame.mode
        named = _named(detector)
        self._report(lambda: self._reporter.use(named, mode, hot_px))
        self._tell_lost(detector, hot_px, mode)

    def _tell_lost(self, detector: Detector, hot_px: int, mode: SensorMode) -> None:
        if self._lost.tell(detector.masked_px, hot_px, mode):
            _log.warning(self._lost.note)

    def _change_at(self, frame: Frame) -> str | None:
        """Say what is new with this frame: "series", "mode", or None."""
        if self._judged is None:
            self._judged = frame.series, frame.mode
        series, mode = self._judged
        if frame.series == series and is_same_mode(frame.mode, mode):
            self._of_another_size = 0
            return None
        if frame.series == series and expected_shape(frame.mode) != expected_shape(mode):
            self._of_another_size += 1
            if self._of_another_size < _FRAMES_OF_A_NEW_SIZE:
                return None  # a fault of the camera as yet: the frame is bad
        self._judged = frame.series, frame.mode
        self._of_another_size = 0
        return "mode" if frame.series == series else "series"

    def _start_anew(self, reason: str) -> None:
        """End what belongs to the mode or series before."""
        _log.info("%s: calibrating anew", reason)
        self._settled += self._order.restart()
        self._report(lambda: self._close_before(reason))
        self._tracking = self._learner = self._worked_out = None

    def _close_before(self, reason: str) -> None:
        # A camera's time goes on; a series of a recording has its own, so that nothing is open.
        drafts = self._reporter.close(reason, continued=not self._waits)
        if self._waits:
            self._reporter.handed_over(drafts, kept=self._sink(drafts, None))
        else:
            self._emit(drafts)

    def _begin(self, frame: Frame) -> None:
        """Look for a calibration of this mode when the first frame comes."""
        if self._learner is not None:
            return
        self._learner = make_learner(self._config, frame.mode)
        mode = frame.mode
        self._report(lambda: self._reporter.use(None, mode))
        known = None
        if self._shelf is not None and self._config.trigger.preset == "default" and not self._anew:
            known = self._shelf.find(frame.mode, frame.temperature_c)
        if known is not None:
            detector = CalibratedDetector(known, scan_limits(self._config, frame.mode))
            self._use(tracking_of(detector, self._config), frame)

    def _learn(self, frame: Frame) -> Outcome:
        learner = self._learner
        if learner is None:
            raise RuntimeError("no learner before the first frame")
        try:
            verdict = learner.add(frame) if self._worked_out is None else "used"
        finally:
            if frame.release is not None:
                frame.release()
        if learner.frames_used >= learner.wanted:
            self._work_out(learner, frame)
        if verdict not in _NO_FAULT:
            return Outcome("bad", reason=verdict)
        if verdict == "used":
            return Outcome("calibrating", stamp_of(frame))
        reason = learner.reason if verdict == "unlike" else verdict
        _log.info("frame %d is kept out of the calibration: %s", frame.index, reason)
        return Outcome("uncovered", stamp_of(frame), reason=reason)

    def _work_out(self, learner: Learner, frame: Frame) -> None:
        """Make the detector, in a thread of its own; take it when it is ready."""
        if self._worked_out is None:
            self._worked_out = in_background(lambda: self._finished(learner), "calibration")
        if not (self._waits or self._worked_out.done()):
            return
        try:
            self._use(self._worked_out.result(), frame)
        except CalibrationError as error:
            self._failure = f"calibration failed, starting again: {error}"
            _log.warning(self._failure)
            self._learner = make_learner(self._config, frame.mode)
        finally:
            self._worked_out = None

    def _finished(self, learner: Learner) -> Tracking:
        detector = learner.finish()
        if self._shelf is not None and isinstance(detector, CalibratedDetector):
            self._shelf.keep(detector.calibration)
        return tracking_of(detector, self._config)

    def _use(self, tracking: Tracking, frame: Frame) -> None:
        detector = tracking.detector
        self._tracking = tracking
        self._order.expect(tracking.unstable_px, tracking.pixel_px)
        self._failure = ""
        self._anew = False
        hot_px, draft = self._order.hot_places_px, self._reporter.calibration_draft(detector)
        mode, named = frame.mode, _named(detector)

        def begin() -> None:
            drafts = self._reporter.close("calibration")
            self._reporter.use(named, mode, hot_px)
            self._emit([*drafts, draft])

        self._report(begin)
        self._tell_lost(detector, hot_px, mode)
        self._learner = None  # what it collected is large
        give_back_the_rest()

    def _settle(self, outcome: Outcome) -> None:
        settled = list(self._order.push(outcome))
        if self._tracking is not None:
            self._tracking.suspect(self._order.take_suspects())
        self._settled += settled
        told = any(one.hits or one.refused for one in settled)
        if told or not self._reports.gathers or len(self._settled) >= _GATHERED_FRAMES:
            self._report(None)

    def _report(self, then: Work | None) -> None:
        """Have the frames taken that are settled, and something done after them."""
        settled, self._settled = self._settled, []

        def work() -> None:
            drafts: list[Draft] = []
            for one in settled:
                drafts += self._reporter.take(one)
            if drafts:
                self._emit(drafts)
            if then is not None:
                then()

        if settled or then is not None:
            self._reports.call(work)

    def _emit(self, drafts: list[Draft]) -> None:
        self._last_checkpoint_ns = boottime_ns()
        checkpoint = self._reporter.checkpoint()
        kept = self._sink(drafts, KEEP if checkpoint is None else checkpoint)
        self._reporter.handed_over(drafts, kept=kept)


def _named(detector: Detector) -> Detector:
    """The detector with its thresholds read: its maps are written anew when the block turns."""
    _ = detector.thresholds
    return detector


def is_same_mode(one: SensorMode, other: SensorMode) -> bool:
    """Whether a calibration of one mode holds for the other."""
    return one is other or all(getattr(one, key) == getattr(other, key) for key in MATCHED)


def _timed(frame: Frame) -> Frame:
    """Give a frame without a time the one it came at, less its exposure."""
    if frame.sensor_time_ns is not None or frame.utc_ns is not None:
        return frame
    return replace(frame, sensor_time_ns=boottime_ns() - exposure_ns(frame))
