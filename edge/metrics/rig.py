"""A running rig's metrics, as Prometheus is told them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from prometheus_client.metrics_core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector as Families

from edge.clock.base import ClockState
from edge.delivery.link import LinkState, UplinkStats
from edge.live.health import cpu_temperature_c
from edge.messages.exposure import DEAD_TIME_CAUSES
from edge.metrics.families import counter, counters, gauge, state
from edge.stages.outcome import FATES

if TYPE_CHECKING:
    from edge.delivery.writer import WriterCounts
    from edge.live.parts import Moment
    from edge.stages.exposure import Exposure

PREFIX = "cosmic_edge_rig"
STATES = ("calibrating", "watching", "uncovered", "waiting_for_frames", "draining")
_PERIOD_S = 1.0
_NS = 1e9


@dataclass(frozen=True, slots=True)
class RigSample:
    """A session at one moment: sums that hold, whatever the loop does meanwhile.

    Attributes
    ----------
    at_s : float
        Unix time.
    rig, state : str
        Its name, and what it is doing.
    total : Exposure
        Counts and times of the whole run.
    classes : Mapping of str to int
        Hits by class.
    owed, outbox_bytes : int
        Messages not let go, and disk that the outbox takes.
    uplink : UplinkStats
        How the link stands.
    writer : WriterCounts
        What became of what was handed over.
    clock_state : str
        synced, holdover or unsynced.
    clock_bound_s : float or None
        Bound of the clock's error, in s.
    commands : Mapping of str to int
        Commands by what became of them.
    efficiency : float or None
        Measured with synthetic particles.
    """

    at_s: float
    rig: str
    state: str
    total: Exposure
    classes: Mapping[str, int]
    owed: int
    outbox_bytes: int
    uplink: UplinkStats
    writer: WriterCounts
    clock_state: ClockState
    clock_bound_s: float | None
    commands: Mapping[str, int]
    efficiency: float | None

    @classmethod
    def of(cls, moment: Moment) -> RigSample:
        """Take one; in the thread that drives the session."""
        parts = moment.parts
        clock = parts.clock.stamp(parts.clock.boottime_ns())
        efficiency = parts.reporter.efficiency()
        return cls(
            at_s=time.time(),
            rig=parts.outbox.rig,
            state=moment.state.replace(" ", "_"),
            total=parts.reporter.so_far(),
            classes=dict(parts.reporter.totals.classes),
            owed=parts.outbox.owed,
            outbox_bytes=_size_bytes(parts.outbox.path),
            uplink=parts.uplink.stats,
            writer=parts.writer.counts(),
            clock_state=clock.state,
            clock_bound_s=clock.uncertainty_s,
            commands=dict(parts.desk.counts),
            efficiency=None if efficiency is None else efficiency["efficiency"],
        )


class RigFamilies(Families):
    """What a rig tells: the newest sample, a second old at most while the loop turns.

    Parameters
    ----------
    max_bytes : int
        Size at which the outbox is full.
    clock : callable
        Seconds that only rise.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._next_s = float("-inf")
        self._sample: RigSample | None = None

    def watch(self, moment: Moment) -> None:
        """Take a sample when it is time, and always at the end."""
        now_s = self._clock()
        if now_s >= self._next_s or moment.state == "draining":
            self._next_s = now_s + _PERIOD_S
            self._sample = RigSample.of(moment)

    def ailment(self) -> str:
        """Why the rig sees nothing now; "" where it does, or is about to."""
        now = "starting" if self._sample is None else self._sample.state
        return "" if now in ("calibrating", "watching") else now.replace("_", " ")

    def collect(self) -> Iterator[Metric]:
        """Tell the newest sample; before the first, nothing."""
        if (sample := self._sample) is None:
            return
        yield InfoMetricFamily(PREFIX, "Which rig this is.", value={"rig": sample.rig})
        yield gauge(
            f"{PREFIX}_sample_timestamp_seconds", "Unix time of this sample; old: the loop hangs.",
            sample.at_s,
        )  # fmt: skip
        yield state(f"{PREFIX}_state", "What the rig is doing.", sample.state, STATES)
        yield from _seen(sample)
        yield from _times(sample.total)
        yield from _outbox(sample, self._max_bytes)
        yield from _uplink(sample.uplink)
        yield from _around(sample)


def _seen(sample: RigSample) -> Iterator[Metric]:
    total = sample.total
    frames = {str(fate): count for fate, count in total.frames.items()}
    yield counters(
        f"{PREFIX}_frames", "Frames by what became of them; their sum was expected.", "fate",
        frames, FATES,
    )  # fmt: skip
    yield counters(f"{PREFIX}_bad_frames", "Bad frames by reason.", "reason", +total.bad)
    yield counters(
        f"{PREFIX}_uncovered_frames", "Uncovered frames by reason.", "reason", +total.uncovered
    )
    yield counter(f"{PREFIX}_candidates", "Candidates: hits and rejected.", total.candidates)
    yield counter(f"{PREFIX}_hits", "Hits.", total.hits)
    yield counters(f"{PREFIX}_classified_hits", "Hits by class.", "class", sample.classes)
    yield counters(
        f"{PREFIX}_rejected_candidates", "Candidates that are no hit, by reason.", "reason",
        +total.rejected,
    )  # fmt: skip
    yield gauge(
        f"{PREFIX}_efficiency_ratio", "Share of synthetic particles found.", sample.efficiency
    )


def _times(total: Exposure) -> Iterator[Metric]:
    dead_s = {cause: ns / _NS for cause, ns in total.dead_time_ns.items()}
    whole_ns = total.live_time_ns + sum(total.dead_time_ns.values())
    yield counter(
        f"{PREFIX}_live_seconds", "Time in which a particle would have been seen.",
        total.live_time_ns / _NS,
    )  # fmt: skip
    yield counters(
        f"{PREFIX}_dead_seconds", "Time in which none would, by cause.", "cause",
        dead_s, DEAD_TIME_CAUSES,
    )  # fmt: skip
    yield gauge(
        f"{PREFIX}_live_ratio", "Live time / all time, since the start.",
        total.live_time_ns / whole_ns if whole_ns > 0 else None,
    )  # fmt: skip


def _outbox(sample: RigSample, max_bytes: int) -> Iterator[Metric]:
    yield gauge(f"{PREFIX}_outbox_owed_messages", "Messages the server does not have.", sample.owed)
    yield gauge(f"{PREFIX}_outbox_size_bytes", "Disk that the outbox takes.", sample.outbox_bytes)
    yield gauge(f"{PREFIX}_outbox_limit_bytes", "Size at which it lets something go.", max_bytes)
    writer = sample.writer
    yield gauge(f"{PREFIX}_unwritten_messages", "Messages not on disk yet.", writer.waiting)
    yield counter(f"{PREFIX}_disk_retries", "Commits the disk did not take.", writer.retries)
    yield counter(
        f"{PREFIX}_unstored_messages", "Messages that could not be stored.",
        writer.unstored + writer.broken,
    )  # fmt: skip


def _uplink(link: UplinkStats) -> Iterator[Metric]:
    yield state(
        f"{PREFIX}_uplink_state", "The link to the broker.", link.state, get_args(LinkState)
    )
    yield gauge(f"{PREFIX}_in_flight_messages", "Publishes without a PUBACK.", link.in_flight)
    for name, text, value in (
        ("connections", "How often a broker let the rig in.", link.connections),
        ("published_hits", "Hits the broker has taken, each once.", link.published),
        ("acknowledged_hits", "Hits let go: the server has them.", link.acknowledged),
        ("resent_messages", "Messages sent again, each time.", link.resent),
        ("refused_messages", "Messages that broker or server would not take.", link.refused),
    ):
        yield counter(f"{PREFIX}_{name}", text, value)


def _around(sample: RigSample) -> Iterator[Metric]:
    yield state(
        f"{PREFIX}_clock_state", "What is known of the time.", sample.clock_state,
        get_args(ClockState),
    )  # fmt: skip
    yield gauge(
        f"{PREFIX}_clock_uncertainty_seconds", "Bound of the clock's error; absent: unknown.",
        sample.clock_bound_s,
    )  # fmt: skip
    yield gauge(
        f"{PREFIX}_sensor_temperature_celsius", "Mean of the sensor, where it tells.",
        sample.total.temperature_c,
    )  # fmt: skip
    yield gauge(
        f"{PREFIX}_cpu_temperature_celsius", "Of the processor, where it tells.",
        cpu_temperature_c(),
    )  # fmt: skip
    yield counters(
        f"{PREFIX}_commands", "Commands by what became of them.", "result", sample.commands
    )


def _size_bytes(outbox: Path) -> int:
    """Size of the file and of its log beside it."""
    total = 0
    for path in (outbox, outbox.with_name(f"{outbox.name}-wal")):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
