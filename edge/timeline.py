"""When a frame was: one time axis for a source, in whole nanoseconds.

A live camera's axis is CLOCK_BOOTTIME, which the clock maps to UTC late. A recording's axis is
Unix time where its frames state one; otherwise it counts from 1970-01-01.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge.detection import FrameStamp
from edge.frame import Frame, SensorMode

DEFAULT_FRAME_DURATION_NS = 1_000_000_000 // 30
_LONGEST_NS = 10**18
"""No exposure is longer (31 years): what a damaged header states beyond is not believed."""

_LATEST_NS = 2**63 - 1 - _LONGEST_NS
"""No frame begins later (2230): a record's span stays within 64 bits, and its dates can be told."""

_MOST_KNOWN = 4096
"""Frames whose place is remembered: more than the hold ever keeps waiting."""


class Timeline(Protocol):
    """Gives a frame its place in time."""

    def start_ns(self, stamp: FrameStamp) -> int:
        """Start of exposure of the first row, on the source's axis."""


class LiveTimeline:
    """Boot time, as the source measured it."""

    def start_ns(self, stamp: FrameStamp) -> int:
        """Sensor time; the loop fills in the time of arrival for sources that have none."""
        return stamp.sensor_time_ns or 0


@dataclass(slots=True)
class _Axis:
    """Where a series is: its last dated frame (or its first), and the frames since then."""

    anchor: FrameStamp
    begin_ns: int
    last: FrameStamp
    since: int = 0


class RecordedTimeline:
    """Unix time where stated, else the sensor's time since the last date, else the rate.

    A FITS cube states the time of its first plane alone, and some programs write one date into
    every file: a date that is missing, or that of the frame before, is none, and such frames
    count on from the last date by the sensor's time or the rate. The rate counts the source's own
    counter, so that missing frames take their time and a recording that is played again goes on.

    All frames of a series lie on one axis: ask for frames in their order; a frame asked for again
    within the next thousands gets the same answer.
    """

    def __init__(self) -> None:
        self._axes: dict[str, _Axis] = {}
        # By what tells frames apart: a whole stamp takes long to hash.
        self._known: dict[tuple[str, int, int, int | None, int | None], int] = {}

    def start_ns(self, stamp: FrameStamp) -> int:
        """Start of exposure of the first row."""
        key = (stamp.series, stamp.sequence, stamp.index, stamp.sensor_time_ns, stamp.utc_ns)
        known = self._known.get(key)
        if known is not None:
            return known
        start = min(max(self._place_ns(stamp), 0), _LATEST_NS)
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[key] = start
        return start

    def _place_ns(self, stamp: FrameStamp) -> int:
        axis = self._axes.get(stamp.series)
        if axis is None:
            axis = self._axes[stamp.series] = _Axis(stamp, _begin_ns(stamp), stamp)
            return axis.begin_ns
        if stamp.utc_ns is not None and stamp.utc_ns != axis.anchor.utc_ns:
            self._axes[stamp.series] = _Axis(stamp, stamp.utc_ns, stamp)
            return stamp.utc_ns
        axis.since += _frames_between(axis.last, stamp)
        axis.last = stamp
        first_ns = axis.anchor.sensor_time_ns
        if stamp.sensor_time_ns is not None and first_ns is not None:
            return axis.begin_ns + stamp.sensor_time_ns - first_ns
        return axis.begin_ns + _at_rate_ns(axis.since, stamp.mode)


def frame_duration_ns(mode: SensorMode) -> int:
    """Nominal time from frame to frame: stated, else the exposure, else 1/30 s."""
    stated = mode.frame_duration_ns or max(mode.exposure_ns or 0, DEFAULT_FRAME_DURATION_NS)
    return min(stated, _LONGEST_NS)


def exposure_ns(stamp: FrameStamp | Frame) -> int:
    """Exposure of a row: the frame's, else the mode's, else the whole frame duration."""
    stated = stamp.exposure_ns or stamp.mode.exposure_ns
    return frame_duration_ns(stamp.mode) if stated is None else min(stated, _LONGEST_NS)


def _at_rate_ns(frames: int, mode: SensorMode) -> int:
    """Time that so many frames take; at 30 a second they stay in step with the seconds."""
    duration_ns = frame_duration_ns(mode)
    if duration_ns == DEFAULT_FRAME_DURATION_NS:
        return frames * 1_000_000_000 // 30
    return frames * duration_ns


def _begin_ns(first: FrameStamp) -> int:
    """Where a series begins that starts with this frame."""
    if first.utc_ns is not None:
        return first.utc_ns
    return 0 if first.sensor_time_ns is not None else _at_rate_ns(first.index, first.mode)


def _frames_between(earlier: FrameStamp, later: FrameStamp) -> int:
    """Frames from one to the next, also where the source's counter began anew."""
    return max(later.sequence - earlier.sequence, 0) or max(later.index - earlier.index, 1)
