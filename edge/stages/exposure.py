"""Accounts: what every frame and candidate became, and how long the rig was really looking."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edge.detection import FrameStamp
from edge.stages.outcome import Fate, Settled
from edge.timeline import Timeline, exposure_ns

BETWEEN_FRAMES = "between_frames"
RESTART = "restart"
UNSTORED = "unstored"


@dataclass(slots=True)
class Exposure:
    """Sums over consecutive frames.

    Attributes
    ----------
    from_ns, to_ns : int or None
        Span on the source's time axis; live and dead time fill it without a gap.
    frames : Counter of fates
        received = processed + calibrating + uncovered + dropped + bad.
    bad : Counter of reasons
        Why the bad frames among them are bad.
    dead_time_ns : Counter of causes
    """

    series: str = ""
    from_ns: int | None = None
    to_ns: int | None = None
    frames: Counter[Fate] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    live_time_ns: int = 0
    dead_time_ns: Counter[str] = field(default_factory=Counter)
    candidates: int = 0
    hits: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    temperature_sum_c: float = 0.0
    temperature_count: int = 0

    def frame_counts(self) -> dict[str, int]:
        """Frames by bin, with the two sums spelled out."""
        received = self.frames.total() - self.frames["missing"]
        return {
            "expected": self.frames.total(),
            "received": received,
            "missing": self.frames["missing"],
            "processed": self.frames["processed"],
            "calibrating": self.frames["calibrating"],
            "uncovered": self.frames["uncovered"],
            "dropped": self.frames["dropped"],
            "bad": self.frames["bad"],
        }

    @property
    def temperature_c(self) -> float | None:
        """Mean sensor temperature."""
        if not self.temperature_count:
            return None
        return round(self.temperature_sum_c / self.temperature_count, 3)

    def add(self, other: Exposure) -> None:
        """Add another exposure's sums, for a summary over all of them."""
        self.frames.update(other.frames)
        self.bad.update(other.bad)
        self.live_time_ns += other.live_time_ns
        self.dead_time_ns.update(other.dead_time_ns)
        self.candidates += other.candidates
        self.hits += other.hits
        self.rejected.update(other.rejected)

    def take_back(self, other: Exposure) -> None:
        """Undo `add`."""
        self.frames.subtract(other.frames)
        self.bad.subtract(other.bad)
        self.live_time_ns -= other.live_time_ns
        self.dead_time_ns.subtract(other.dead_time_ns)
        self.candidates -= other.candidates
        self.hits -= other.hits
        self.rejected.subtract(other.rejected)

    def disclaim(self, hits: int, cause: str) -> None:
        """Take back hits that could not be kept, and all live time: it was as good as dead."""
        lost = min(hits, self.hits)
        self.hits -= lost
        self.rejected += Counter({cause: lost})
        self.dead_time_ns += Counter({cause: self.live_time_ns})
        self.live_time_ns = 0


class ExposureAccount:
    """Adds settled frames, in order, to the open exposure.

    Every nanosecond from the first frame's start to the last one's end goes to live time or to
    one cause of dead time. The time from the end of one frame to the start of the next belongs
    to the frames that are missing from it, in equal parts, or to ``between_frames``.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._without_time: Counter[str] = Counter()
        self.open = Exposure()

    def add(self, settled: Settled) -> None:
        """Count a frame."""
        outcome, record = settled.outcome, self.open
        record.frames[outcome.fate] += outcome.count
        if outcome.reason:
            record.bad[outcome.reason] += outcome.count
        record.candidates += settled.candidates
        record.hits += len(settled.hits)
        record.rejected.update(settled.rejected)
        if outcome.stamp is None:
            self._without_time[outcome.fate] += outcome.count
            return
        record.series = outcome.stamp.series
        self._add_time(outcome.stamp, "flood" if outcome.flood else outcome.fate)
        if outcome.stamp.temperature_c is not None:
            record.temperature_sum_c += outcome.stamp.temperature_c
            record.temperature_count += 1

    def _add_time(self, stamp: FrameStamp, fate: str) -> None:
        record = self.open
        start = self._timeline.start_ns(stamp)
        end = start + exposure_ns(stamp)
        if record.to_ns is None:
            record.from_ns = record.to_ns = start
        self._add_gap(start - record.to_ns)
        looked = max(end - max(start, record.to_ns), 0)
        if fate == "processed":
            record.live_time_ns += looked
        else:
            record.dead_time_ns[fate] += looked
        record.to_ns = max(end, record.to_ns)

    def _add_gap(self, gap_ns: int) -> None:
        causes = self._without_time or Counter({BETWEEN_FRAMES: 1})
        self._without_time = Counter()
        if gap_ns <= 0:
            return
        total, given = causes.total(), 0
        for cause, count in causes.items():
            share = gap_ns * count // total
            self.open.dead_time_ns[cause] += share
            given += share
        self.open.dead_time_ns[next(iter(causes))] += gap_ns - given

    def reopen(self, closed: Exposure) -> None:
        """Put an exposure whose record was lost back in front of the open one."""
        record = self.open
        record.add(closed)
        record.from_ns = closed.from_ns
        record.temperature_sum_c += closed.temperature_sum_c
        record.temperature_count += closed.temperature_count

    def span_ns(self) -> int:
        """Length of the open exposure."""
        if self.open.from_ns is None or self.open.to_ns is None:
            return 0
        return self.open.to_ns - self.open.from_ns

    def close(self, *, continued: bool = True) -> Exposure:
        """End the open exposure; the next one begins where it ended unless not `continued`."""
        closed = self.open
        start = closed.to_ns if continued else None
        self.open = Exposure(series=closed.series, from_ns=start, to_ns=start)
        if not continued:
            self._without_time = Counter()
        return closed
