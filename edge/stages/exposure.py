"""Accounts: what every frame and candidate became, and how long the rig was really looking."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edge.detection import FrameStamp
from edge.injection.tally import InjectionTally
from edge.monitor.zero_bias import ZeroBiasTally
from edge.stages.outcome import Fate, Outcome, Settled
from edge.timeline import Timeline, exposure_ns, frame_duration_ns

BETWEEN_FRAMES = "between_frames"
RESTART = "restart"
UNSTORED = "unstored"
STALLED = "stalled"
VETOED_AREA = "vetoed_area"
_LONG_PAUSE_NS = 10_000_000_000
_LONG_PAUSE_FRAMES = 100


@dataclass(slots=True)
class Exposure:
    """Sums over consecutive frames.

    Attributes
    ----------
    from_ns, to_ns : int or None
        Start of the first frame and end of the last, on the source's time axis.
    jumped_ns : int
        How far that axis itself was moved in between: negative where time went back.
    frames : Counter of fates
        received = processed + calibrating + uncovered + dropped + bad.
    bad : Counter of reasons
        Why the bad frames among them are bad.
    uncovered : Counter of reasons
        Why the uncovered ones are: light, leak, settling.
    dead_time_ns : Counter of causes
    zero_bias : ZeroBiasTally
        Pixels of the windows that were taken.
    injection : InjectionTally
        Synthetic particles in copies of frames; counted nowhere else.
    """

    series: str = ""
    from_ns: int | None = None
    to_ns: int | None = None
    jumped_ns: int = 0
    frames: Counter[Fate] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    uncovered: Counter[str] = field(default_factory=Counter)
    live_time_ns: int = 0
    dead_time_ns: Counter[str] = field(default_factory=Counter)
    candidates: int = 0
    hits: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    temperature_sum_c: float = 0.0
    temperature_count: int = 0
    zero_bias: ZeroBiasTally = field(default_factory=ZeroBiasTally)
    injection: InjectionTally = field(default_factory=InjectionTally)

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
    def span_ns(self) -> int:
        """Length of the spans it is made of; live and dead time fill it without a gap."""
        if self.from_ns is None or self.to_ns is None:
            return 0
        return self.to_ns - self.from_ns - self.jumped_ns

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
        self.uncovered.update(other.uncovered)
        self.live_time_ns += other.live_time_ns
        self.dead_time_ns.update(other.dead_time_ns)
        self.candidates += other.candidates
        self.hits += other.hits
        self.rejected.update(other.rejected)
        self.temperature_sum_c += other.temperature_sum_c
        self.temperature_count += other.temperature_count
        self.zero_bias.add(other.zero_bias)
        self.injection.add(other.injection)

    def take_back(self, other: Exposure) -> None:
        """Undo `add`."""
        self.frames.subtract(other.frames)
        self.bad.subtract(other.bad)
        self.uncovered.subtract(other.uncovered)
        self.live_time_ns -= other.live_time_ns
        self.dead_time_ns.subtract(other.dead_time_ns)
        self.candidates -= other.candidates
        self.hits -= other.hits
        self.rejected.subtract(other.rejected)
        self.temperature_sum_c -= other.temperature_sum_c
        self.temperature_count -= other.temperature_count
        self.zero_bias.take_back(other.zero_bias)
        self.injection.take_back(other.injection)

    def sample(self, outcome: Outcome) -> None:
        """Count what a searched frame was sampled for."""
        if outcome.zero_bias is not None:
            self.zero_bias.count(outcome.zero_bias)
        if outcome.trial is not None:
            self.injection.count(outcome.trial)

    def disclaim(self, hits: int, cause: str) -> None:
        """Take back hits that could not be kept, and all live time: it was as good as dead."""
        lost = min(hits, self.hits)
        self.hits -= lost
        self.rejected += Counter({cause: lost})
        self.dead_time_ns += Counter({cause: self.live_time_ns})
        self.live_time_ns = 0


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A frame far from the one before it: the next frame shows which of the two is right.

    `end_ns` is where the frame before it ended, `looked_ns` its own exposure; `gap` is the dead
    time that was counted for it, or `jump_ns` how far the axis was moved.
    """

    end_ns: int
    looked_ns: int
    gap: Counter[str]
    jump_ns: int


class ExposureAccount:
    """Adds settled frames, in order, to the open exposure.

    Every nanosecond from the first frame's start to the last one's end goes to live time or to
    one cause of dead time. The time from the end of one frame to the start of the next belongs
    to the frames that are missing from it, in equal parts, or to ``between_frames``.

    Of a searched frame's own time, the share of the sensor that can't make a hit goes to
    ``vetoed_area``: hits / (live time x whole area) is then the rate, whatever is masked. The
    share is rounded down with the rest carried on, so that the sum over any number of frames is
    that of the exact shares, less than a nanosecond off.

    A frame can't begin more than a frame before the last one ended. Where its time says so, the
    clock was set back: a new span begins, and live and dead time fill the sum of the spans. Such
    a step, and a pause of more than 10 s and 100 frames, is doubted until the next frame: when
    that one goes on from before the step, one time was wrong, and its frame is taken to have
    followed at once. A recording may pause for as long as it likes; that is dead time.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._without_time: Counter[str] = Counter()
        self._doubt: _Doubt | None = None
        self._dated = False
        self._vetoed_px = 0
        self._area_px = 1
        self._rest = 0  # of the shares so far, in parts of a nanosecond: 1 / area_px
        self.open = Exposure()

    def veto(self, vetoed_px: int, area_px: int) -> None:
        """Hear how many pixels of the sensor's can't make a hit from here on."""
        if area_px != self._area_px:
            self._area_px, self._rest = max(area_px, 1), 0
        self._vetoed_px = min(max(vetoed_px, 0), self._area_px)

    def add(self, settled: Settled) -> None:
        """Count a frame."""
        outcome, record = settled.outcome, self.open
        record.frames[outcome.fate] += outcome.count
        if outcome.fate == "bad":
            record.bad[outcome.reason] += outcome.count
        elif outcome.fate == "uncovered":
            record.uncovered[outcome.reason or "light"] += outcome.count
        record.candidates += settled.candidates
        record.hits += len(settled.hits)
        if settled.rejected:
            record.rejected.update(settled.rejected)
        if outcome.fate == "processed" and not outcome.flood:
            record.sample(outcome)
        if outcome.stamp is None:
            self._without_time[_cause(outcome)] += outcome.count
            return
        record.series = outcome.stamp.series
        self._add_time(outcome.stamp, _cause(outcome))
        if outcome.stamp.temperature_c is not None:
            record.temperature_sum_c += outcome.stamp.temperature_c
            record.temperature_count += 1

    def _add_time(self, stamp: FrameStamp, fate: str) -> None:
        record, start = self.open, self._timeline.start_ns(stamp)
        exposure = exposure_ns(stamp)
        frame_ns = max(exposure, frame_duration_ns(stamp.mode))
        if record.from_ns is None or record.to_ns is None:
            record.from_ns = record.to_ns = start
            self._dated = stamp.utc_ns is not None
        last_ns = self._settle_doubt(record.to_ns, start, frame_ns)
        if not self._dated and stamp.utc_ns is not None:
            self._dated = True
            if not _follows(start, last_ns, frame_ns):
                # The frames before had no date: the first one dates them as well.
                record.from_ns += start - last_ns
                last_ns = start
        end_ns = self._step(last_ns, start, exposure, frame_ns)
        looked = max(start + exposure - end_ns, 0)
        if fate == "processed":
            self._add_looked(looked)
        else:
            record.dead_time_ns[fate] += looked
        record.to_ns = end_ns + looked

    def _add_looked(self, looked_ns: int) -> None:
        """Share a searched frame's time between what can make a hit and what can't."""
        if not self._vetoed_px:
            self.open.live_time_ns += looked_ns
            return
        vetoed_ns, self._rest = divmod(looked_ns * self._vetoed_px + self._rest, self._area_px)
        self.open.live_time_ns += looked_ns - vetoed_ns
        self.open.dead_time_ns[VETOED_AREA] += vetoed_ns

    def _step(self, last_ns: int, start: int, exposure: int, frame_ns: int) -> int:
        """Account for the time up to a frame; return from when on its own time counts."""
        step = start - last_ns
        back = step < -frame_ns
        gap = self._gap(step)
        for cause, cause_ns in gap.items():
            self.open.dead_time_ns[cause] += cause_ns
        if back:
            self.open.jumped_ns += step
        if not _follows(start, last_ns, frame_ns):
            self._doubt = _Doubt(last_ns, exposure, Counter(gap), step if back else 0)
        return start if back else max(start, last_ns)

    def _settle_doubt(self, last_ns: int, start: int, frame_ns: int) -> int:
        """Return where the last frame ended, now that the start of the next is known."""
        doubt, self._doubt = self._doubt, None
        if doubt is None:
            return last_ns
        followed_ns = doubt.end_ns + doubt.looked_ns
        nearer = abs(start - followed_ns) < abs(start - last_ns)
        if not (nearer and _follows(start, followed_ns, frame_ns)):
            return last_ns
        self.open.dead_time_ns -= doubt.gap
        self.open.jumped_ns -= doubt.jump_ns
        return followed_ns

    def _gap(self, gap_ns: int) -> dict[str, int]:
        """Share a gap among the frames that are missing from it."""
        causes = self._without_time
        if not causes:
            return {BETWEEN_FRAMES: gap_ns} if gap_ns > 0 else {}
        self._without_time = Counter()
        if gap_ns <= 0:
            return {}
        total = causes.total()
        shares = {cause: gap_ns * count // total for cause, count in causes.items()}
        # By name, so that it is the same whichever of them was known of first.
        shares[min(causes)] += gap_ns - sum(shares.values())
        return shares

    def reopen(self, closed: Exposure) -> None:
        """Put an exposure whose record was lost back in front of the open one."""
        record = self.open
        record.add(closed)
        record.jumped_ns += closed.jumped_ns
        if closed.from_ns is None or closed.to_ns is None:
            return
        if record.from_ns is None:
            record.to_ns = closed.to_ns
        else:
            record.jumped_ns += record.from_ns - closed.to_ns
        record.from_ns = closed.from_ns

    def span_ns(self) -> int:
        """Length of the open exposure, without a last step that is still in doubt."""
        doubted_ns = self._doubt.gap.total() if self._doubt is not None else 0
        return self.open.span_ns - doubted_ns

    def close(self, *, continued: bool = True) -> Exposure:
        """End the open exposure; the next one begins where it ended unless not `continued`."""
        closed = self.open
        start = closed.to_ns if continued else None
        self.open = Exposure(series=closed.series, from_ns=start, to_ns=start)
        self._doubt = None
        if not continued:
            self._without_time = Counter()
        return closed


def _follows(start_ns: int, end_ns: int, frame_ns: int) -> bool:
    """Whether a frame plausibly starts there when the one before it ended there."""
    longest_ns = max(_LONG_PAUSE_NS, _LONG_PAUSE_FRAMES * frame_ns)
    return -frame_ns <= start_ns - end_ns <= longest_ns


def _cause(outcome: Outcome) -> str:
    """What a frame's own time goes to: live time where it was processed, else a cause."""
    if outcome.fate == "missing":
        return outcome.reason or "missing"
    return "flood" if outcome.flood and outcome.fate == "processed" else outcome.fate
