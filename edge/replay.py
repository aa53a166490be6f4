"""A recording through the whole way, as fast as it goes, the same bytes every time."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibration.change import Change
from calibration.model import Calibration, CalibrationError
from edge import __version__
from edge.calibrating import Teaching
from edge.classification.chosen import NONE_SHIPPED, classifier_of
from edge.classification.classes import Classifier
from edge.clock import RecordedClock
from edge.config.digest import message_hash
from edge.config.model import Config
from edge.detector import Detector
from edge.errors import Failed
from edge.frame import BadFrame, Frame, Recording, Series
from edge.hitfile import HitFile
from edge.lost_area import LostArea
from edge.monitor.monitor import monitor_of
from edge.pixels.candidates import stamp_of
from edge.presets import make_learner
from edge.presets.calibrated import CalibratedDetector, as_configured, mismatch, scan_limits
from edge.report import Reporter, summary_counts
from edge.stages.frames import scan_all
from edge.stages.gaps import GapCounter
from edge.stages.order import order_stage
from edge.stages.outcome import Outcome, Settled
from edge.timeline import RecordedTimeline, Timeline
from edge.tracking import tracking

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class ReplayResult:
    """What a replay found.

    Attributes
    ----------
    summary : dict
        The contract's JSON.
    notes : list of str
        One line for what of the recording can't be read, and for each series that could not be
        looked at.
    interrupted : bool
        It was stopped: the sums hold for the frames read until then.
    """

    summary: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False


class Replay:
    """One replay of a recording.

    Parameters
    ----------
    recording : Recording
    config : Config
    calibration : Calibration or None
        None: each series is calibrated on its own first frames, then read again from the start.
    out : Path or None
        Hits go here, a line each; exposure records beside it.
    workers : int
        Threads of the pixel pass.
    progress : callable, optional
        Told (frames done, frames in all), calibration passes included.
    stop : threading.Event, optional
        Once it is set no further frame is read, and what was read is settled.
    keep_refused : bool
        Write some refused candidates beside the hits.
    """

    def __init__(
        self,
        recording: Recording,
        config: Config,
        *,
        calibration: Calibration | None = None,
        out: Path | None = None,
        workers: int = 1,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
        keep_refused: bool = True,
    ) -> None:
        self._keep_refused = keep_refused
        self._recording = recording
        self._config = config
        self._calibration = calibration
        self._out = out
        self._workers = workers
        self._progress = progress or (lambda done, total: None)
        self._calibration_ids: list[str] = []
        self._stop = stop or threading.Event()
        self._result = ReplayResult(notes=list(recording.warnings))
        self._failures: list[str] = []
        self._changes: list[tuple[str, Change]] = []
        self._done = 0
        self._total = 0
        self._epoch = ""

    def run(self) -> ReplayResult:
        """Read everything.

        Raises
        ------
        Failed
            No series can be calibrated, or the hits can't be written.
        BadUse
            There is something else than hits where the hits are to be written.
        """
        started = time.perf_counter()
        series = self._recording.series()
        passes = 1 if self._calibration is not None else 2
        self._total = passes * sum(one.count for one in series)
        timeline = RecordedTimeline()
        classifier, note = classifier_of(self._config)
        # A version without a model is no fault of this replay; its summary says what decided.
        if note and classifier.standing().fell_back != NONE_SHIPPED:
            self._result.notes.append(note)
        reporter = Reporter(
            self._config, timeline, RecordedClock(), self._recording.origin, classifier
        )
        self._epoch = self._epoch_with(classifier)
        with HitFile(self._out, self._config.rig.name, self._epoch) as file:
            if self._out is not None and self._keep_refused:
                reporter.on_refused = file.keep_refused
            for one in series:
                if self._stop.is_set():
                    self._result.interrupted = True
                    break
                self._replay_series(one, reporter, timeline, file)
            if not self._calibration_ids and self._failures:
                raise Failed(f"{self._recording.path}: {self._failures[0]}")
        self._summarise(reporter, time.perf_counter() - started)
        return self._result

    def _epoch_with(self, classifier: Classifier) -> str:
        """Same recording, configuration, calibration, model and software: same epoch."""
        calibration = self._calibration.id if self._calibration is not None else "own"
        parts = [self._recording.digest, message_hash(self._config), calibration, __version__]
        standing = classifier.standing()
        parts += [standing.model_id, standing.runtime or ""]
        return hashlib.sha256("/".join(parts).encode()).hexdigest()[:16]

    def _replay_series(
        self, series: Series, reporter: Reporter, timeline: Timeline, file: HitFile
    ) -> None:
        try:
            detector = self._detector(series)
        except CalibrationError as error:
            if self._stop.is_set():
                return
            where = f"series {series.name!r}: " if series.name else ""
            self._failures.append(f"{where}{error}")
            self._result.notes.append(self._failures[-1])
            reporter.use(None, series.mode)
            for outcome in self._unlooked(series):
                file.write(reporter.take(Settled(outcome)))
            file.write(reporter.close("series", continued=False))
            return
        self._calibration_ids.append(detector.calibration_id)
        followed = tracking(detector, self._config)
        order = order_stage(self._config, timeline)
        order.expect(followed.unstable_px, followed.pixel_px)
        lost = LostArea()

        def take_over() -> None:
            """Name the present thresholds, and say so where too much of the sensor is lost."""
            hot_px, used = order.hot_places_px, followed.detector
            reporter.use(used, series.mode, hot_px)
            if lost.tell(used.masked_px, hot_px, series.mode):
                where = f"series {series.name!r}: " if series.name else ""
                self._result.notes.append(f"{where}{lost.note}")

        take_over()
        monitor = monitor_of(self._config)
        frames = self._counted(series.frames())
        judge = followed.detector
        for outcome in scan_all(frames, followed, self._workers, monitor):
            if judge is not followed.detector:
                judge = followed.detector
                take_over()
            followed.note(outcome)
            for settled in order.push(outcome):
                file.write(reporter.take(settled))
            followed.suspect(order.take_suspects())
        self._changes += [(series.name, change) for change in followed.changes]
        for settled in order.flush():
            file.write(reporter.take(settled))
        take_over()
        file.write(reporter.close("series", continued=False))

    def _detector(self, series: Series) -> Detector:
        if self._calibration is not None:
            differs = mismatch(self._calibration, series.mode)
            if differs is not None:
                raise CalibrationError(f"the calibration is of another mode: {differs}")
            limits = scan_limits(self._config, series.mode)
            known = as_configured(self._calibration, self._config)
            return CalibratedDetector(known, limits)
        learner = make_learner(self._config, series.mode)
        teaching = Teaching()
        for item in self._counted(series.frames()):
            if isinstance(item, BadFrame):
                teaching.note_bad(item)
                continue
            teaching.show(learner, item)
            if learner.frames_used >= learner.wanted:
                break
        if self._stop.is_set():
            raise CalibrationError("stopped")
        try:
            return learner.finish()
        except CalibrationError as error:
            raise CalibrationError(teaching.explain(str(error))) from None

    def _unlooked(self, series: Series) -> Iterator[Outcome]:
        """Frames of a series without a calibration: counted, none of them live."""
        gaps = GapCounter()
        for item in self._until_stopped(series.frames()):
            if missing := gaps.missing_before(item):
                yield Outcome("missing", count=missing)
            if isinstance(item, Frame):
                yield Outcome("calibrating", stamp_of(item))
                if item.release is not None:
                    item.release()
            else:
                yield Outcome("bad", reason=item.reason)

    def _counted(self, frames: Iterator[Frame | BadFrame]) -> Iterator[Frame | BadFrame]:
        for item in self._until_stopped(frames):
            yield item
            self._done += 1
            self._progress(self._done, self._total)

    def _until_stopped(self, frames: Iterator[Frame | BadFrame]) -> Iterator[Frame | BadFrame]:
        for item in frames:
            if self._stop.is_set():
                self._result.interrupted = True
                if isinstance(item, Frame) and item.release is not None:
                    item.release()
                return
            yield item

    def _summarise(self, reporter: Reporter, seconds: float) -> None:
        self._result.summary = {
            **summary_counts(reporter, seconds),
            "calibration_id": self._calibration_ids[0] if self._calibration_ids else None,
            "calibration_ids": self._calibration_ids,
            "calibration_changes": [
                {"series": name, "frame": one.index, "reasons": list(one.reasons)}
                for name, one in self._changes
            ],
            "series": [one.name for one in self._recording.series()],
            "epoch": self._epoch,
            "notes": self._result.notes,
            "interrupted": self._result.interrupted,
        }
