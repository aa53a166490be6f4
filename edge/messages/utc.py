"""UTC as text: RFC 3339 with nanoseconds, always nine digits and a Z.

Fixed width makes the order of the texts the order of the instants, also inside a database.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)
_NS = 1_000_000_000
_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", re.ASCII)
_TO_SECONDS = 19

UTC_NS_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z$"


def format_utc_ns(utc_ns: int) -> str:
    """Write a Unix time as RFC 3339 with nanoseconds.

    Parameters
    ----------
    utc_ns : int
        Unix time in ns (leap seconds not counted); negative before 1970.

    Returns
    -------
    str
        Such as ``2026-11-21T10:00:00.000000001Z``.

    Raises
    ------
    ValueError
        Outside the years 1 to 9999.
    """
    seconds, nanoseconds = divmod(int(utc_ns), _NS)
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"{utc_ns} ns is outside the years 1 to 9999") from None
    text = moment.replace(tzinfo=None).isoformat(timespec="seconds")
    return f"{text}.{nanoseconds:09d}Z"


def parse_utc_ns(text: str) -> int:
    """Read what `format_utc_ns` writes; the inverse, to the nanosecond.

    Raises
    ------
    ValueError
        For any other form, and for a date or time that doesn't exist.
    """
    if _PATTERN.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not UTC like 2026-11-21T10:00:00.000000000Z")
    try:
        moment = datetime.fromisoformat(text[:_TO_SECONDS])
    except ValueError as error:
        raise ValueError(f"{text!r} is no instant: {error}") from None
    since = moment - _NAIVE_EPOCH
    return (since.days * 86_400 + since.seconds) * _NS + int(text[_TO_SECONDS + 1 : -1])
