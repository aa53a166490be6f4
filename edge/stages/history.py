"""What a sensor did before, in one mode: its rates, its hot places, its lines at fault."""

from __future__ import annotations

from dataclasses import dataclass

from edge.detection import Candidate, FrameStamp
from edge.stages.bursts import Bursts
from edge.stages.cover import LeakRun, frame_ns
from edge.stages.lines import Lines
from edge.stages.places import HOT_PIXEL, Places
from edge.stages.rate import LearnedRate, PixelRate

ROW_COLUMN = "row_column"


@dataclass(frozen=True, slots=True)
class HistoryRules:
    """What of it is on.

    Attributes
    ----------
    count, window_ns : int
        Of the quick rule of hot places.
    lines, bursts : bool
        Refuse rows and columns at fault; refuse bursts.
    """

    count: int = 3
    window_ns: int = 180_000_000_000
    lines: bool = True
    bursts: bool = True


class History:
    """Judges new candidates by all that came before.

    Places and lines are held against live time: what a sensor would have shown while nobody looked
    is unknown, so that a pause proves no pixel quiet, and makes no place rarer than it is.

    Parameters
    ----------
    rules : HistoryRules
    height_px, width_px : int
        Of the frame.
    muons_per_s : float
        Expected on the sensor.
    """

    def __init__(
        self, rules: HistoryRules, height_px: int, width_px: int, muons_per_s: float
    ) -> None:
        self.live_ns = 0
        self._per_px = PixelRate(height_px * width_px, muons_per_s)
        self._learned = LearnedRate()
        self.places = Places(self._per_px, rules.count, rules.window_ns)
        self._lines = Lines(self._per_px, height_px, width_px) if rules.lines else None
        self._bursts = Bursts(self._learned) if rules.bursts else None
        self.leak = LeakRun(self._learned)

    def judge(self, candidate: Candidate) -> str | None:
        """Count a new lighting; return the reason to refuse it, or None."""
        if candidate.unproven_hot:
            return HOT_PIXEL
        now_ns = self.live_ns
        reason, is_new = self.places.judge(candidate, now_ns)
        if reason is not None or self._lines is None:
            return reason
        y, x = candidate.y_px, candidate.x_px
        # A pixel that lights twice says nothing of its line.
        at_fault = self._lines.refuses(y, x, now_ns) if is_new else self._lines.is_bad(y, x, now_ns)
        return ROW_COLUMN if at_fault else None

    def would_refuse(self, candidate: Candidate) -> str | None:
        """Reason to refuse a candidate now; nothing is counted."""
        if candidate.unproven_hot or self.places.is_hot(candidate):
            return HOT_PIXEL
        if self._lines is None:
            return None
        at_fault = self._lines.is_bad(candidate.y_px, candidate.x_px, self.live_ns)
        return ROW_COLUMN if at_fault else None

    def is_burst(self, hits: int, stamp: FrameStamp, now_ns: int) -> bool:
        """Count a frame that was looked at, with its new hits; True when they are of a burst."""
        frame = frame_ns(stamp)
        self.live_ns += frame
        self._per_px.live(frame)
        burst = self._bursts is not None and self._bursts.refuses(hits, now_ns)
        self._learned.add(hits, frame)
        return burst
