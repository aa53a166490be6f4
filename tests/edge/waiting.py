"""Waiting in tests."""

from __future__ import annotations

import time
from collections.abc import Callable

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


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait until a condition holds; fails the test when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.005)
