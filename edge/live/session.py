"""A run from its first frame to its summary: capture, loop, outbox and uplink put together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from calibration import kernel_cache
from edge.classification.awaited import awaited_classifier
from edge.classification.chosen import NONE_SHIPPED
from edge.clock import Clock, RecordedClock
from edge.clock.kept import KeptTime, read_floor_s
from edge.config.model import Config
from edge.delivery import KEEP, BrokerAddress, Keep, Outbox, OutboxWriter, Uplink
from edge.delivery.dating import Dating
from edge.detection import Draft
from edge.errors import Failed
from edge.frame import FrameSource
from edge.live.desk import CommandDesk
from edge.live.executor import RigExecutor
from edge.live.first_sync import FirstSync
from edge.live.in_order import InThread
from edge.live.loop import LiveLoop
from edge.live.parts import Moment, Parts
from edge.live.shelf import Shelf
from edge.live.start import uncollected
from edge.live.warmup import kinds_of, warm_up
from edge.live.warmup import problem as kernel_problem
from edge.live.watcher import Watcher, rounded
from edge.messages import encode
from edge.refused import RefusedLog
from edge.report import Reporter, summary_counts
from edge.sources.capture import Capture, SourceStalled
from edge.stages.exposure import UNSTORED
from edge.stages.order import order_stage
from edge.timeline import LiveTimeline, RecordedTimeline, Timeline, frame_duration_ns

DRAIN_S = 10.0
_POLL_S = 0.5
_CLOSE_S = 2.0
_PATIENT_EXPOSURES = 5
_NS = 1_000_000_000
_log = logging.getLogger(__name__)


class Session:
    """One run.

    Parameters
    ----------
    config : Config
    source : FrameSource
        Closed at the end.
    broker : BrokerAddress
    watch : callable, optional
        Called a few times a second with a `Moment`.
    """

    def __init__(
        self,
        config: Config,
        source: FrameSource,
        broker: BrokerAddress,
        *,
        watch: Callable[[Moment], None] | None = None,
    ) -> None:
        self._config = config
        self._source = source
        self._broker = broker
        self._watch = watch or (lambda moment: None)
        floor_s = read_floor_s(config.rig.state_dir)
        self._timeline, self._clock = _time_of(source, config, floor_s)
        self._kept_time = KeptTime(config.rig.state_dir, floor_s, self._clock)
        self._classifier = awaited_classifier(config)
        self._reporter = Reporter(
            config, self._timeline, self._clock, source.origin, self._classifier
        )
        self._note = ""
        self._live_stored_ns = 0

    def run(self, stop: threading.Event, duration_s: float | None = None) -> dict[str, Any]:
        """Watch until `stop`, the end of `duration_s` or of the source; drain; sum up.

        Raises
        ------
        Failed
            The state folder can't be used, or the source gave no frame at all.
        """
        rig, limits = self._config.rig, self._config.outbox
        with ExitStack() as ending:
            ending.callback(self._clock.close)
            outbox = Outbox.open(
                rig.state_dir, rig.name, max_bytes=limits.max_bytes, max_days=limits.max_days
            )
            ending.callback(self._kept_time.close)
            ending.callback(outbox.close)
            self._close_interrupted(outbox)
            return self._deliver(outbox, stop, duration_s)

    def _close_interrupted(self, outbox: Outbox) -> None:
        """Close the exposure a crash left open at its last checkpoint; the rest is dead time.

        Where it ended stays written down until a record of this session has told of the gap.
        """
        left = outbox.interrupted()
        if left is None:
            return
        body, origin = left.get("body"), left["origin"]
        end = _end_of(left if body is None else body, "until" if body is None else "to")
        goes_on = origin == self._source.origin and not self._source.pushes_back
        drafts = [] if body is None else [Draft("exposure", body, origin)]
        outbox.commit(drafts, {"origin": origin, **end} if goes_on else None)
        if goes_on:
            self._reporter.resume_after(end["until_utc"], end["boot_id"], end["until_boot_ns"])

    def _deliver(
        self, outbox: Outbox, stop: threading.Event, duration_s: float | None
    ) -> dict[str, Any]:
        settings = self._config.broker
        desk = CommandDesk(
            outbox.rig,
            outbox.session,
            self._clock,
            self._config.rig.state_dir,
        )
        uplink = Uplink(
            outbox,
            self._broker,
            outbox.rig,
            ack=settings.ack,
            ack_timeout_s=settings.ack_timeout_s,
            commanded=desk.take if settings.commands else None,
        )
        desk.answer_through(uplink.publish_reply)

        def on_commit(committed: list[tuple[int, Draft]]) -> None:
            uplink.wake()
            self._live_stored_ns += sum(
                draft.body["live_time_ns"] for _, draft in committed if draft.kind == "exposure"
            )

        first_sync = FirstSync(
            self._clock,
            self._source.origin,
            self._config.rig.state_dir,
            lambda draft: writer.put([draft], KEEP),
        )
        outbox.date_by(Dating(self._clock, self._config.clock.wait_s, first_sync.owe))
        writer = OutboxWriter(
            outbox,
            max_delay_s=self._config.outbox.group_commit_s,
            max_rows=self._config.outbox.group_commit_rows,
            on_commit=on_commit,
        )
        shelf = self._get_ready()
        uplink.start()
        try:
            parts = self._put_together(
                outbox, writer, uplink, shelf, desk=desk, first_sync=first_sync
            )
            return self._look(parts, stop, duration_s)
        finally:
            writer.close(_CLOSE_S)  # it was drained: what is left the disk would not take
            uplink.stop(_CLOSE_S)

    def _get_ready(self) -> Shelf:
        """Load and compile all that the first frame will need, before the camera starts."""
        state_dir = self._config.rig.state_dir
        shelf = Shelf(state_dir / "calibrations", self._config)
        shelf.read_ahead()
        kernel_cache.offer(state_dir)
        with uncollected():
            warm_up(kinds_of(self._source))
        if unkept := kernel_problem():
            _log.warning(unkept)
        return shelf

    def _put_together(
        self,
        outbox: Outbox,
        writer: OutboxWriter,
        uplink: Uplink,
        shelf: Shelf,
        *,
        desk: CommandDesk,
        first_sync: FirstSync,
    ) -> Parts:
        refused = RefusedLog(self._config.rig.state_dir, outbox.rig, outbox.epoch)
        self._reporter.on_refused = refused.add

        def sink(drafts: list[Draft], checkpoint: dict[str, Any] | Keep | None) -> bool:
            for draft in drafts:
                if draft.kind == "calibration":
                    uplink.publish_calibration_current(encode(draft.body))
            return writer.put(drafts, checkpoint)

        loop = LiveLoop(
            self._config,
            self._reporter,
            order_stage(self._config, self._timeline),
            sink,
            shelf,
            waits=self._source.pushes_back,
            reports=InThread("reports"),
            # A model is loaded no sooner: the first frame would come later.
            on_first=self._classifier.begin,
        )
        capture = Capture(self._source)
        return Parts(
            loop, self._reporter, outbox, writer, uplink, self._clock, capture, desk, first_sync,
            self._kept_time,
        )  # fmt: skip

    def _look(
        self, parts: Parts, stop: threading.Event, duration_s: float | None
    ) -> dict[str, Any]:
        started = time.monotonic()
        watcher = Watcher(self._watch, parts)
        executor = RigExecutor(
            self._config, parts.loop, lambda: watcher.health(_state(parts.loop)), stop.set
        )
        end = started + duration_s if duration_s is not None else float("inf")
        try:
            while (
                not stop.is_set()
                and time.monotonic() < end
                and self._step(parts, watcher, executor, end)
            ):
                pass
        finally:
            parts.capture.stop()
            parts.loop.finish()
        looked_s = time.monotonic() - started
        watcher.look("draining")
        watcher.report("stopped")
        drained = _drain(parts.writer, parts.uplink, DRAIN_S)
        if not stop.is_set():
            self._insist_on_frames(looked_s)
        return self._summary(parts, looked_s, drained)

    def _step(self, parts: Parts, watcher: Watcher, executor: RigExecutor, end: float) -> bool:
        """Take one item; False when no more can come."""
        try:
            item = parts.capture.get(min(_POLL_S, max(end - time.monotonic(), 0.01)))
        except SourceStalled as stalled:
            watcher.tick("waiting for frames")
            if parts.capture.silent_s >= self._patience_s():
                self._say("stalled", str(stalled))
                self._obey(parts, executor, None)
            return True
        except Exception as error:  # whatever a camera's driver raises, the rig ends in order
            if parts.capture.received == 0:
                raise
            self._say("ended", f"the source ended: {error or type(error).__name__}")
            return False
        if item is None:
            return False
        if self._note.startswith("stalled"):
            self._note = ""
        self._obey(parts, executor, item)
        parts.loop.push(item, behind=parts.capture.behind)
        watcher.tick(_state(parts.loop))
        return True

    def _obey(self, parts: Parts, executor: RigExecutor, item: object) -> None:
        """Do what the server asks, with the newest frame at hand."""
        if parts.desk.waits:
            executor.look_at(item)
            parts.desk.serve(executor)
            executor.look_at(None)

    def _patience_s(self) -> float:
        """How long a camera may be silent: as configured, and never less than five exposures."""
        mode = self._reporter.mode
        slot_ns = frame_duration_ns(mode) if mode is not None else 0
        return max(self._config.source.stall_timeout_s, _PATIENT_EXPOSURES * slot_ns / _NS)

    def _say(self, kind: str, note: str) -> None:
        """Log the first of a kind; a stall repeats twice a second for as long as it lasts."""
        if not self._note.startswith(kind):
            _log.warning(note)
        self._note = f"{kind}: {note}"

    def _insist_on_frames(self, seconds: float) -> None:
        """Say what is wrong when a run that nobody ended early saw nothing."""
        summary = summary_counts(self._reporter, seconds)
        if not summary["received"]:
            raise Failed(
                f"{self._source.name}: no frame came in {seconds:.0f} s; "
                "look at the camera, or ask cosmic-edge doctor"
            )
        if not (summary["processed"] + summary["calibrating"] + summary["uncovered"]):
            reasons = ", ".join(f"{n} {why}" for why, n in summary["bad_by_reason"].items())
            raise Failed(
                f"{self._source.name}: none of {summary['received']} frames could be used "
                f"({reasons.replace('_', ' ')})"
            )

    def _summary(self, parts: Parts, seconds: float, drained: bool) -> dict[str, Any]:
        summary = summary_counts(self._reporter, seconds)
        counts, detector = parts.outbox.counts(), parts.loop.detector
        stored = parts.writer.counts()
        unstored = stored.unstored + stored.broken + stored.waiting
        if unstored:
            _claim_only(summary, stored.made, self._live_stored_ns / _NS)
        notes = [self._note, parts.loop.note, parts.uplink.stats.last_error, stored.last_error]
        fell_back = self._reporter.classifier.fell_back
        notes.append(fell_back if fell_back and fell_back != NONE_SHIPPED else "")
        return {
            **summary,
            "calibration_id": detector.calibration_id if detector else None,
            "first_frame_s": rounded(parts.loop.first_frame_s),
            "published": parts.uplink.stats.published,
            "acknowledged": counts.hits_acknowledged,
            "outbox": counts.owed_total,
            "hits_lost": counts.hits_lost,
            "unstored": unstored,
            "drained": drained,
            "connected": parts.uplink.stats.connections > 0,
            "rig": parts.outbox.rig,
            "epoch": parts.outbox.epoch,
            "notes": [note for note in notes if note],
        }


def _claim_only(summary: dict[str, Any], hits: int, live_time_s: float) -> None:
    """Take back what is not on the disk: its hits were not made, its time was as good as dead."""
    lost_hits = summary["hits"] - hits
    lost_s = summary["live_time_s"] - live_time_s
    rejected, dead = summary["rejected"], summary["dead_time_by_cause_s"]
    rejected[UNSTORED] = rejected.get(UNSTORED, 0) + lost_hits
    dead[UNSTORED] = dead.get(UNSTORED, 0.0) + lost_s
    summary["hits"] = hits
    summary["live_time_s"] = live_time_s
    summary["dead_time_s"] += lost_s


def _drain(writer: OutboxWriter, uplink: Uplink, timeout_s: float) -> bool:
    """Commit, publish and wait for acknowledgements, `timeout_s` in all."""
    deadline = time.monotonic() + timeout_s
    committed = writer.flush(timeout_s)
    uplink.wake()
    return uplink.drain(max(deadline - time.monotonic(), 0.0)) and committed


def _end_of(written: Mapping[str, Any], which: str) -> dict[str, Any]:
    """Where an interrupted run ended, in UTC and, where it is known, on its boot's time."""
    return {
        "until_utc": written[f"{which}_utc"],
        "boot_id": written.get("boot_id"),
        "until_boot_ns": written.get(f"{which}_boot_ns"),
    }


def _state(loop: LiveLoop) -> str:
    if loop.last_fate == "uncovered":
        return "uncovered"
    return "watching" if loop.detector is not None else "calibrating"


def _time_of(source: FrameSource, config: Config, floor_s: int) -> tuple[Timeline, Clock]:
    """Time axis of a source: now for a camera, its own for a recording that waits for us."""
    if source.pushes_back:
        return RecordedTimeline(), RecordedClock()
    from edge.clock.live import live_clock

    return LiveTimeline(), live_clock(config.clock, floor_s)
