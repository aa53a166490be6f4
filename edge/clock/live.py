"""The clock of a live rig, as configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.clock.base import Clock
from edge.clock.daemon import DaemonWord
from edge.clock.era import FLOOR_S
from edge.clock.system import SystemClock

if TYPE_CHECKING:
    from edge.config.clock import ClockConfig


def system_clock(*, chrony: bool = True, floor_s: int = FLOOR_S) -> SystemClock:
    """Make the system's clock, with chronyd's word where it may be asked."""
    return clock_by(daemon_word(chrony=chrony), floor_s)


def daemon_word(*, chrony: bool = True) -> DaemonWord:
    """Make the word of whoever keeps the system's clock; chronyd's where it may be asked."""
    return DaemonWord() if chrony else DaemonWord(lambda: None)


def clock_by(word: DaemonWord, floor_s: int = FLOOR_S) -> SystemClock:
    """Make the system's clock, as good as a daemon says."""
    return SystemClock(
        max_error_s=word, floor_s=floor_s, source=lambda: word.source, renewed=word.reference_s
    )


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
