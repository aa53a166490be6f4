"""Frames that never came: gaps of the source's counter, and of the sensor's own time."""

from __future__ import annotations

from edge.frame import BadFrame, Frame, SensorMode

_LONG_NS = 10_000_000_000
_LONG_FRAMES = 100
"""A step longer than both is more likely a clock's than a camera's: the counter decides."""

_STEADY = 16
"""So many steps alike in a row that don't fit the frame duration are the frame duration."""


class GapCounter:
    """Counts the frames missing before each frame, from two witnesses.

    The *counter* tells of a gap in the source's numbers. The *sensor's time* tells of a step of
    more than one frame duration since the last frame with a time: round(step / duration) - 1
    frames, less those that are known of (bad, dropped, without a time, or already told as
    missing). Time is only heard where the mode says that it is the sensor's own
    (`SensorMode.sensor_clock`) and how long a frame lasts: when a frame arrived, and dates of
    files, tell nothing of lost ones.

    The larger of the two counts. A counter whose gap the time has once confirmed is taken at its
    word from then on, until it begins anew: a step of the time alone is then one of its clock.
    A step back, or forward by more than 10 s and 100 frames, is never a gap by itself.

    The frame duration follows the sensor's, so that a long gap is counted right although the
    stated duration is a little off. So a camera that loses every second frame for good, and says
    nothing of it, is soon one of half the rate: the time between is ``between_frames``. A counter
    that goes back was reset and hides nothing.
    """

    __slots__ = (
        "_alike",
        "_duration_ns",
        "_expected",
        "_known",
        "_last_ns",
        "_mode",
        "_nominal_ns",
        "_proven",
        "_series",
        "_step_ns",
    )

    def __init__(self) -> None:
        self._expected: int | None = None
        self._mode: SensorMode | None = None
        self._series = ""
        self._last_ns: int | None = None
        self._duration_ns = self._nominal_ns = 0
        self._known = 0  # frames since the last one with a time, counted or told as missing
        self._proven = False
        self._step_ns = 0
        self._alike = 0

    def missing_before(self, item: Frame | BadFrame) -> int:
        """Frames missing before this one that were not told of yet."""
        sequence = item.sequence
        missing = 0 if sequence == self._expected else self._by_counter(sequence)
        self._expected = sequence + 1
        if not isinstance(item, Frame) or item.sensor_time_ns is None:
            self._known += 1 + missing
            return missing
        if item.mode is not self._mode or item.series != self._series:
            self._take(item.mode, item.series)
        if not self._duration_ns:
            return missing
        time_ns = item.sensor_time_ns
        last_ns, self._last_ns = self._last_ns, time_ns
        if last_ns is None:
            self._known = 0
            return missing
        error_ns = time_ns - last_ns - self._duration_ns
        tolerance_ns = self._duration_ns >> 3
        if -tolerance_ns < error_ns < tolerance_ns and not (self._known or missing):
            self._duration_ns += error_ns >> 6
            self._alike = 0
            return 0
        missing = self._weighed(time_ns - last_ns, missing)
        self._known = 0
        return missing

    def missing_among(self, first: int, last: int, count: int) -> int:
        """Frames missing before and among `count` dropped ones, numbered `first` to `last`."""
        before = self._by_counter(first) if first != self._expected else 0
        self._expected = last + 1
        # Less than none where the counter began anew among them.
        missing = before + max(0, last - first + 1 - count)
        self._proven = self._proven and last - first + 1 >= count
        self._known += count + missing
        return missing

    def _by_counter(self, sequence: int) -> int:
        if self._expected is None:
            return 0
        gap = sequence - self._expected
        if gap < 0:
            self._proven = False
        return max(0, gap)

    def _take(self, mode: SensorMode, series: str) -> None:
        """Go on with another mode or series: one of another pace has a time of its own."""
        nominal_ns = 0
        if mode.sensor_clock and mode.frame_duration_ns:
            # What is stated to be shorter than its own exposure is not believed.
            nominal_ns = max(mode.frame_duration_ns, mode.exposure_ns or 0)
        if nominal_ns != self._nominal_ns or series != self._series:
            self._duration_ns = self._nominal_ns = nominal_ns
            self._last_ns = None
            self._known = self._alike = 0
        self._mode, self._series = mode, series

    def _weighed(self, step_ns: int, counted: int) -> int:
        """Frames missing within a step that is no single frame's, or in which more is known of."""
        duration_ns = self._duration_ns
        slots = (step_ns + duration_ns // 2) // duration_ns
        if slots <= 0 or (slots > _LONG_FRAMES and step_ns > _LONG_NS):
            return counted
        timed = slots - 1 - self._known
        if counted and timed == counted:
            self._proven = True
        if not (self._known or counted):
            self._follow(step_ns)
        return counted if self._proven else max(counted, timed)

    def _follow(self, step_ns: int) -> None:
        """Take what the step always is for the frame duration, whatever was stated."""
        if abs(step_ns - self._step_ns) < self._duration_ns >> 3:
            self._alike += 1
        else:
            self._step_ns, self._alike = step_ns, 1
        if self._alike >= _STEADY:
            self._duration_ns, self._alike = step_ns, 0
