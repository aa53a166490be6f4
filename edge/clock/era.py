"""Which NTP era a timestamp is of: 32 bits of seconds wrap in 2036 and every 136 years.

An answer is never older than the program that reads it, so each timestamp is the first such
instant after a floor: the date below or the last time the rig knew, whichever is later.
"""

from __future__ import annotations

from datetime import UTC, datetime

FLOOR_S = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
"""Unix time before which this program did not exist."""

_UNIX_S = 2_208_988_800
_ERA_S = 2**32
# A server may be behind the floor by a fault; that must not throw it 136 years ahead. Nor must a
# floor that a wrong clock once set keep out the servers that are right.
_SLACK_S = 366 * 86_400
_FLOOR_SLACK_S = 20 * 366 * 86_400
_LATEST_S = 100 * 366 * 86_400


def unix_ns(timestamp: int, floor_s: int = FLOOR_S) -> int:
    """Resolve a 64-bit NTP timestamp (seconds since 1900 in 32.32 bits).

    Parameters
    ----------
    timestamp : int
        As on the wire.
    floor_s : int
        Unix time that surely is past.

    Returns
    -------
    int
        Unix time in ns.

    Raises
    ------
    ValueError
        If it is more than 20 years before the floor, or a year before this program (or a century
        after, which reads the same).
    """
    seconds, fraction = timestamp >> 32, timestamp & 0xFFFFFFFF
    earliest_s = max(floor_s - _FLOOR_SLACK_S, FLOOR_S - _SLACK_S)
    ahead_s = (seconds - _UNIX_S - earliest_s) % _ERA_S
    if ahead_s > _LATEST_S:
        raise ValueError("the time is before this program was made")
    return (earliest_s + ahead_s) * 1_000_000_000 + (fraction * 1_000_000_000 >> 32)
