"""The clock of a live rig, as configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.clock.base import Clock
from edge.clock.chrony import DaemonWord
from edge.clock.era import FLOOR_S
from edge.clock.system import SystemClock, kernel_max_error_s

if TYPE_CHECKING:
    from edge.config.clock import ClockConfig


def system_clock(*, chrony: bool = True, floor_s: int = FLOOR_S) -> SystemClock:
    """Make the system's clock, with chronyd's word where it may be asked."""
    word = DaemonWord() if chrony else kernel_max_error_s
    return SystemClock(max_error_s=word, floor_s=floor_s)


def live_clock(settings: ClockConfig, floor_s: int = FLOOR_S) -> Clock:
    """Make the clock of a rig; one that asks servers has begun to.

    Parameters
    ----------
    settings : ClockConfig
    floor_s : int
        Unix time that surely is past (`edge.clock.kept.read_floor_s`).
    """
    system = system_clock(chrony=settings.chrony, floor_s=floor_s)
    if not settings.ntp_servers:
        return system
    from edge.clock.ntp import NtpClock

    clock = NtpClock(
        settings.ntp_servers,
        system,
        settings.ntp_timeout_s,
        poll_s=(settings.ntp_poll_least_s, settings.ntp_poll_most_s),
        floor_s=floor_s,
    )
    clock.start()
    return clock


def end_clock(clock: Clock) -> None:
    """End what a clock does by itself: one that asks servers asks no more."""
    from edge.clock.ntp import NtpClock

    if isinstance(clock, NtpClock):
        clock.close()
