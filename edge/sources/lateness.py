"""Whether this process stood still: told by frames that were fetched long after they were ready."""

from __future__ import annotations

from edge.clock.arrival import LeastDelay
from edge.frame import BadFrame, Frame

_LATE_FRAMES = 2
"""A frame so many frame durations later than it could be was waiting behind others."""

_REMEMBERED = 8
"""Frames after a late one in which a loss is still ours: what a driver holds for a late reader."""


class Lateness:
    """Compares the arrival of frames with the sensor's time.

    A camera's driver holds a few finished frames. While the reader is suspended, swapped out or
    blocked they fill up, and what the sensor makes then is lost; when it comes back, it finds
    frames that are long over. A camera that gives nothing by itself leaves no such backlog. So a
    gap beside late frames is the process's own, any other the camera's.

    This tells the cause of a gap, never its length. Late is what comes more than two frame
    durations after the least lateness seen (`LeastDelay`, which follows clocks that run apart); a
    clock that was set back begins anew.
    """

    __slots__ = ("_last_ns", "_least", "_left")

    def __init__(self) -> None:
        self._least = LeastDelay()
        self._last_ns = 0
        self._left = 0

    def is_behind(self, item: Frame | BadFrame, arrival_ns: int) -> bool:
        """Whether this frame, or one of the last eight, was fetched late.

        Parameters
        ----------
        arrival_ns : int
            CLOCK_BOOTTIME when the source gave it.
        """
        if isinstance(item, Frame) and self._is_late(item, arrival_ns):
            self._left = _REMEMBERED
            return True
        if not self._left:
            return False
        self._left -= 1
        return True

    def _is_late(self, frame: Frame, arrival_ns: int) -> bool:
        start_ns, mode = frame.sensor_time_ns, frame.mode
        if start_ns is None or not mode.sensor_clock or not mode.frame_duration_ns:
            return False
        if start_ns < self._last_ns:
            self._least.reset()
        self._last_ns = start_ns
        late_ns = arrival_ns - start_ns - frame.exposure_ns
        excess_ns = self._least.excess_ns(late_ns, arrival_ns)
        return excess_ns > _LATE_FRAMES * mode.frame_duration_ns
