"""When a frame was: one time axis for a source, in whole nanoseconds.

A live camera's axis is CLOCK_BOOTTIME, which the clock maps to UTC late. A recording's axis is
Unix time where its frames state one; otherwise it counts from 1970-01-01.
"""

from __future__ import annotations

from typing import Protocol

from edge.detection import FrameStamp
from edge.frame import SensorMode

DEFAULT_FRAME_DURATION_NS = 1_000_000_000 // 30
_LONGEST_NS = 10**18
"""No exposure is longer (31 years): what a damaged header states beyond is not believed."""

_LATEST_NS = 2**63 - 1 - _LONGEST_NS
"""No frame begins later (2230): a record's span stays within 64 bits, and its dates can be told."""


class Timeline(Protocol):
    """Gives a frame its place in time."""

    def start_ns(self, stamp: FrameStamp) -> int:
        """Start of exposure of the first row, on the source's axis."""


class LiveTimeline:
    """Boot time, as the source measured it."""

    def start_ns(self, stamp: FrameStamp) -> int:
        """Sensor time; the loop fills in the time of arrival for sources that have none."""
        return stamp.sensor_time_ns or 0


class RecordedTimeline:
    """Unix time where stated, else the sensor's time since the first frame, else the rate.

    All frames of a series lie on one axis: the first frame asked for fixes where it begins (a
    FITS cube states the time of its first plane alone), so ask for frames in their order.
    """

    def __init__(self) -> None:
        self._first: dict[str, FrameStamp] = {}

    def start_ns(self, stamp: FrameStamp) -> int:
        """Start of exposure of the first row."""
        return min(max(self._stated_ns(stamp), 0), _LATEST_NS)

    def _stated_ns(self, stamp: FrameStamp) -> int:
        if stamp.utc_ns is not None:
            self._first.setdefault(stamp.series, stamp)
            return stamp.utc_ns
        first = self._first.setdefault(stamp.series, stamp)
        begin = first.utc_ns
        if begin is None:
            begin = 0 if first.sensor_time_ns is not None else _at_rate(first, 0)
        if stamp.sensor_time_ns is not None and first.sensor_time_ns is not None:
            return begin + stamp.sensor_time_ns - first.sensor_time_ns
        return begin + _at_rate(stamp, first.index)


def frame_duration_ns(mode: SensorMode) -> int:
    """Nominal time from frame to frame: stated, else the exposure, else 1/30 s."""
    stated = mode.frame_duration_ns or max(mode.exposure_ns or 0, DEFAULT_FRAME_DURATION_NS)
    return min(stated, _LONGEST_NS)


def exposure_ns(stamp: FrameStamp) -> int:
    """Exposure of a row: the frame's, else the mode's, else the whole frame duration."""
    stated = stamp.exposure_ns or stamp.mode.exposure_ns
    return frame_duration_ns(stamp.mode) if stated is None else min(stated, _LONGEST_NS)


def _at_rate(stamp: FrameStamp, first_index: int) -> int:
    return (stamp.index - first_index) * frame_duration_ns(stamp.mode)
