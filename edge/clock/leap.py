"""A leap second: servers announce it, and at the end of the month UTC is a second off its course.

Who announces it is believed only so far: when it is due, the time may be a second off, one way or
the other, until servers were asked again.
"""

from __future__ import annotations

from datetime import UTC, datetime

LEAP = "leap second"
LEAP_S = 1.0


def due_ns(utc_ns: int) -> int:
    """When a second that is announced now would be inserted or left out: the end of this month."""
    now = datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC)
    year, month = (now.year, now.month + 1) if now.month < 12 else (now.year + 1, 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
