"""Waiting in tests."""

from __future__ import annotations

import time

from edge.clock import Clock


def wait_synced(clock: Clock, timeout_s: float, poll_s: float = 0.2) -> bool:
    """Wait until the clock is synced, at most `timeout_s`; whether it is."""
    deadline = time.monotonic() + timeout_s
    while clock.stamp(clock.boottime_ns()).state != "synced":
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return False
        time.sleep(min(poll_s, left_s))
    return True
