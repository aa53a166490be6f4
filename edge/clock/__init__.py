"""From a source's time axis to UTC, with a bound of the error and how far it is to be trusted.

Events are timed on CLOCK_BOOTTIME, which never steps, and resolved to UTC late, so that a clock
that is set while a hit waits dates the hit right. A recording's axis is Unix time already.

`SystemClock` passes on the operating system's clock and its daemon's word; `NtpClock`
(`edge.clock.ntp`) asks servers itself; `edge.clock.live.live_clock` chooses as configured.
"""

from edge.clock.base import (
    DRIFT_PPM,
    UNSYNCED_BOUND_S,
    Clock,
    ClockState,
    Stamp,
    boottime_ns,
    drift_s,
    read_boot_id,
)
from edge.clock.kernel import kernel_max_error_s
from edge.clock.reading import Bracket, compare_clocks
from edge.clock.recorded import RecordedClock
from edge.clock.system import SystemClock

__all__ = [
    "DRIFT_PPM",
    "UNSYNCED_BOUND_S",
    "Bracket",
    "Clock",
    "ClockState",
    "RecordedClock",
    "Stamp",
    "SystemClock",
    "boottime_ns",
    "compare_clocks",
    "drift_s",
    "kernel_max_error_s",
    "read_boot_id",
]
