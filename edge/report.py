"""Settled frames in, messages out: describes, classifies, stamps and keeps the accounts."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from calibration.change import Change
from edge import __version__
from edge.classification.classes import Classifier, Standing
from edge.classification.rules import RuleClassifier
from edge.clock import Clock
from edge.compose import hit_body
from edge.config.digest import config_hash
from edge.config.model import Config
from edge.describe import describe
from edge.detection import Candidate, Draft, FrameStamp, Hit
from edge.detector import Detector
from edge.expected import sensor_area_cm2
from edge.frame import SensorMode
from edge.messages.utc import format_utc_ns, parse_utc_ns
from edge.position import stated_position
from edge.stages.exposure import RESTART, UNSTORED, Exposure, ExposureAccount
from edge.stages.outcome import Settled
from edge.timeline import Timeline

SOFTWARE = f"cosmic-edge {__version__}"
_NS = 1_000_000_000


@dataclass(slots=True)
class Totals:
    """Sums over a whole run, for the summary and the display."""

    exposure: Exposure = field(default_factory=Exposure)
    classes: Counter[str] = field(default_factory=Counter)
    last_hits: list[Hit] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Restart:
    """Time since an interrupted run's last checkpoint that no record has told of yet.

    A computer without a clock of its own may start in the past: the gap is then only known once
    its clock is set, some records later.
    """

    until_utc_ns: int
    boot_id: str | None = None
    until_boot_ns: int | None = None
    told_ns: int = 0

    def gap_ns(self, begin_utc_ns: int, begin_boot_ns: int, boot_id: str | None) -> int:
        """Dead time before a record that begins then; in one boot no clock has to be set for it."""
        if boot_id is not None and boot_id == self.boot_id and self.until_boot_ns is not None:
            return begin_boot_ns - self.until_boot_ns - self.told_ns
        return begin_utc_ns - self.until_utc_ns - self.told_ns

    def later(self, span_ns: int) -> _Restart:
        """Go on after a record that could not tell."""
        return replace(self, told_ns=self.told_ns + span_ns)


class Reporter:
    """Makes `hit` and `exposure` drafts, in order.

    Parameters
    ----------
    config : Config
    timeline, clock
        Where frames lie in time, and what that is in UTC.
    origin : str
        Of the source, for exposure records.
    classifier : Classifier or None
        Gives hits their class; None: the rules of shape.
    """

    def __init__(
        self,
        config: Config,
        timeline: Timeline,
        clock: Clock,
        origin: str,
        classifier: Classifier | None = None,
    ) -> None:
        self.totals = Totals()
        # One thread hands frames over, others ask how far it is.
        self._counting = threading.RLock()
        self._config = config
        self._clock = clock
        self._origin = origin
        self._classifier: Classifier = classifier or RuleClassifier()
        self._timeline = timeline
        self._account = ExposureAccount(timeline)
        self._detector: Detector | None = None
        self._mode: SensorMode | None = None
        self._hot_places_px: int | None = None
        self._config_hash = config_hash(config)
        self._position = stated_position(config.position)
        self._restart: _Restart | None = None
        self._closed: deque[tuple[Exposure, _Restart | None]] = deque(maxlen=64)
        self.on_refused: Callable[[Draft], None] | None = None
        """Takes the refused candidates that are kept; they are no messages."""

    @property
    def mode(self) -> SensorMode | None:
        """Mode of the frames; None before the first."""
        return self._mode

    def use_config(self, config: Config) -> None:
        """Name the configuration that holds from here on."""
        self._config = config
        self._config_hash = config_hash(config)

    def use(
        self, detector: Detector | None, mode: SensorMode, hot_places_px: int | None = None
    ) -> None:
        """Name what judges the frames from here on (None: still calibrating).

        `hot_places_px` are the pixels at which the order stage refuses candidates.
        """
        self._detector = detector
        self._mode = mode
        self._hot_places_px = hot_places_px
        masked_px = detector.masked_px if detector is not None else 0
        pixels = mode.width_px * mode.height_px
        vetoed_px = masked_px + (hot_places_px or 0) + pixels - self._inner_px(mode)
        with self._counting:
            self._account.veto(vetoed_px, pixels)

    def _inner_px(self, mode: SensorMode) -> int:
        """Pixels that are not vetoed for lying at the frame's edge."""
        edge_px = 0 if self._config.trigger.preset == "credo" else self._config.veto.edge_px
        return max(mode.width_px - 2 * edge_px, 0) * max(mode.height_px - 2 * edge_px, 0)

    def resume_after(
        self, to_utc: str, boot_id: str | None = None, to_boot_ns: int | None = None
    ) -> None:
        """Count the time since an interrupted run's last checkpoint as dead: ``restart``."""
        self._restart = _Restart(parse_utc_ns(to_utc), boot_id, to_boot_ns)

    def take(self, settled: Settled) -> list[Draft]:
        """Count a frame and write down its hits; an exposure record when its time is over."""
        drafts = self._hits(settled)
        if self.on_refused is not None:
            for draft in self._refused(settled):
                self.on_refused(draft)
        with self._counting:
            self._account.add(settled)
            if self._account.span_ns() >= self._config.exposure.period_s * _NS:
                drafts += self.close("minute")
        return drafts

    def close(self, reason: str, *, continued: bool = True) -> list[Draft]:
        """End the open exposure and write it down; nothing when no usable frame ever came."""
        with self._counting:
            if self._mode is None:
                return []
            span_ns = self._account.span_ns()
            exposure = self._account.close(continued=continued)
            if not exposure.frames.total():
                return []
            body = self._exposure_body(exposure, reason)
            self._closed.append((exposure, self._restart))
            if self._restart is not None:
                told = RESTART in body["dead_time_ns"]
                self._restart = None if told else self._restart.later(span_ns)
            self.totals.exposure.add(exposure)
            return [Draft("exposure", body, self._origin)]

    def handed_over(self, drafts: Sequence[Draft], *, kept: bool) -> None:
        """Hear whether what was written down is in good hands.

        If not, its hits were not made and its time is dead. The sums stay exact: such hits count
        as rejected (``unstored``), and the frames of a lost exposure record go into the next one.
        """
        with self._counting:
            if not kept:
                for draft in drafts:
                    if draft.kind == "exposure" and self._closed:
                        lost, self._restart = self._closed.pop()
                        self.totals.exposure.take_back(lost)
                        self._account.reopen(lost)
                hits = sum(draft.kind == "hit" for draft in drafts)
                self._account.open.disclaim(hits, UNSTORED)
            self._closed.clear()

    def checkpoint(self) -> dict[str, Any] | None:
        """Write down what a crash would leave: the open exposure, or where the last one ended.

        Returns
        -------
        dict or None
            ``origin`` and either ``body`` or ``until_utc``; None when there is nothing to say yet.
        """
        with self._counting:
            exposure = self._account.open
            if self._mode is None or exposure.to_ns is None:
                return None
            if exposure.frames.total():
                return {"origin": self._origin, "body": self._exposure_body(exposure, RESTART)}
            end = self._clock.stamp(exposure.to_ns)
            boot_id = self._clock.boot_id
            boot = {} if boot_id is None else {"boot_id": boot_id, "until_boot_ns": exposure.to_ns}
            return {"origin": self._origin, "until_utc": format_utc_ns(end.utc_ns), **boot}

    @property
    def owes_restart(self) -> bool:
        """Whether the gap after an interrupted run is still to be told."""
        return self._restart is not None

    @property
    def classifier(self) -> Standing:
        """How it stands with what gives hits their class."""
        return self._classifier.standing()

    def so_far(self) -> Exposure:
        """Sums of the whole run, the open exposure included."""
        with self._counting:
            total = Exposure()
            total.add(self.totals.exposure)
            total.add(self._account.open)
            return total

    def efficiency(self) -> dict[str, Any] | None:
        """Measured efficiency of the whole run; None where nothing is injected."""
        share = self._config.injection.share
        return self.so_far().injection.summary(share) if share > 0 else None

    def calibration_draft(self, detector: Detector, change: Change | None = None) -> Draft:
        """Write the calibration down as a message; `change` says why it is no longer the last."""
        made = {"config_hash": self._config_hash, "software": SOFTWARE}
        why = {"change": _change(change)} if change is not None else {}
        return Draft("calibration", {**detector.message_body(), **made, **why}, self._origin)

    def _hits(self, settled: Settled) -> list[Draft]:
        drafts = []
        lit = [(one.candidate, one.frames_lit) for one in settled.hits]
        for hit in self._described(settled.outcome.stamp, lit):
            self.totals.classes[hit.label] += 1
            self.totals.last_hits = [*self.totals.last_hits[-5:], hit]
            drafts.append(Draft("hit", self._hit_body(hit), hit.frame.origin))
        return drafts

    def _refused(self, settled: Settled) -> list[Draft]:
        """Refused candidates as hits with one key more: ``rejected``, the reason."""
        hits = self._described(
            settled.outcome.stamp, [(one.candidate, 1) for one in settled.refused]
        )
        return [
            Draft("hit", {**self._hit_body(hit), "rejected": one.reason}, hit.frame.origin)
            for one, hit in zip(settled.refused, hits, strict=True)
        ]

    def _described(
        self, stamp: FrameStamp | None, lit: Sequence[tuple[Candidate, int]]
    ) -> list[Hit]:
        """Features and class of candidates, with the frames they were lit in."""
        if stamp is None or not lit:
            return []
        described = [(candidate, describe(candidate)) for candidate, _ in lit]
        classes = self._classifier.classify(described)
        return [
            Hit(
                stamp,
                candidate,
                frames_lit,
                features,
                found.label,
                found.scores,
                votes=found.votes,
                model_id=found.model_id,
            )
            for (_, frames_lit), (candidate, features), found in zip(
                lit, described, classes, strict=True
            )
        ]

    def _hit_body(self, hit: Hit) -> dict[str, Any]:
        return hit_body(
            hit,
            self._clock,
            {**self._provenance(), "model_id": hit.model_id},
            self._position,
            timeline=self._timeline,
            black_level_adu=self._black_level_adu,
        )

    def _provenance(self) -> dict[str, Any]:
        return {
            "calibration_id": self._detector.calibration_id if self._detector else None,
            "config_hash": self._config_hash,
            "software": SOFTWARE,
        }

    def _exposure_body(self, exposure: Exposure, reason: str) -> dict[str, Any]:
        if self._mode is None:
            raise RuntimeError("no mode: call use() before the first frame")
        start_ns, end_ns = exposure.from_ns or 0, exposure.to_ns or 0
        begin, end = self._clock.stamp(start_ns), self._clock.stamp(end_ns)
        dead = dict(exposure.dead_time_ns)
        from_utc = format_utc_ns(begin.utc_ns)
        if (
            self._restart is not None
            and (gap_ns := self._restart.gap_ns(begin.utc_ns, start_ns, self._clock.boot_id)) > 0
        ):
            dead[RESTART] = gap_ns
            from_utc = format_utc_ns(begin.utc_ns - gap_ns)
        boot: dict[str, Any] = {}
        if self._clock.boot_id is not None:
            boot = {
                "boot_id": self._clock.boot_id,
                "from_boot_ns": start_ns,
                "to_boot_ns": end_ns,
            }
        return {
            "series": exposure.series,
            "from_utc": from_utc,
            "to_utc": format_utc_ns(end.utc_ns),
            **boot,
            "frames": exposure.frame_counts(),
            "live_time_ns": exposure.live_time_ns,
            "dead_time_ns": dict(sorted(dead.items())),
            "candidates": exposure.candidates,
            "hits": exposure.hits,
            "rejected": dict(sorted(exposure.rejected.items())),
            "thresholds": self._detector.thresholds if self._detector else {},
            "sensor": self._sensor(self._mode),
            "temperature_c": exposure.temperature_c,
            "clock": {"state": end.state, "uncertainty_s": end.uncertainty_s},
            "zero_bias": exposure.zero_bias.record(self._black_level_adu),
            **self._injection(exposure),
            "closed": reason,
            "provenance": self._provenance(),
        }

    @property
    def _black_level_adu(self) -> float | None:
        return self._detector.black_level_adu if self._detector is not None else None

    def _injection(self, exposure: Exposure) -> dict[str, Any]:
        """Measured efficiency; nothing at all where nothing is injected."""
        share = self._config.injection.share
        return {"injection": exposure.injection.record(share)} if share > 0 else {}

    def _sensor(self, mode: SensorMode) -> dict[str, Any]:
        return {
            "name": mode.sensor,
            "width_px": mode.width_px,
            "height_px": mode.height_px,
            "area_cm2": sensor_area_cm2(self._config, mode),
            "pixel_pitch_um": self._config.display.pixel_pitch_um or mode.pixel_pitch_um,
            "masked_px": self._detector.masked_px if self._detector else None,
            "hot_places_px": self._hot_places_px,
        }


def _change(change: Change) -> dict[str, Any]:
    return {"frame": change.index, "reasons": list(change.reasons), "detail": change.detail}


def summary_counts(reporter: Reporter, seconds: float) -> dict[str, Any]:
    """Sum up a run: what the summaries of `replay` and `run` have in common.

    Parameters
    ----------
    seconds : float
        How long the work took.
    """
    total = reporter.so_far()
    counts = total.frame_counts()
    efficiency = reporter.efficiency()
    return {
        **counts,
        "bad_by_reason": dict(sorted((+total.bad).items())),
        "uncovered_by_reason": dict(sorted((+total.uncovered).items())),
        "frames_per_s": round(counts["received"] / max(seconds, 1e-9), 1),
        "candidates": total.candidates,
        "hits": total.hits,
        "rejected": dict(sorted((+total.rejected).items())),
        "classes": dict(sorted(reporter.totals.classes.items())),
        "classifier": reporter.classifier.to_json(),
        "live_time_s": total.live_time_ns / _NS,
        "dead_time_s": sum(total.dead_time_ns.values()) / _NS,
        "dead_time_by_cause_s": {
            cause: ns / _NS for cause, ns in sorted(total.dead_time_ns.items())
        },
        **({"injection": efficiency} if efficiency is not None else {}),
    }
