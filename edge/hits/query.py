"""Which of the stored hits are wanted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from edge.errors import BadUse
from edge.messages import HitMessage, format_utc_ns

CLASSES = ("spot", "track", "worm", "artefact")
_UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)")


@dataclass(frozen=True, slots=True)
class Query:
    """A choice of hits.

    Attributes
    ----------
    limit : int or None
        Only the newest so many; None: all.
    label : str or None
        Only this class.
    since_utc : str or None
        Only hits at or after this time, as `edge.messages.format_utc_ns` writes it.
    rig : str or None
        Only this rig's.
    """

    limit: int | None = None
    label: str | None = None
    since_utc: str | None = None
    rig: str | None = None

    def matches(self, message: HitMessage) -> bool:
        """Tell whether a hit is wanted, the limit aside."""
        return (
            (self.label is None or message.class_ == self.label)
            and (self.since_utc is None or message.time_utc >= self.since_utc)
            and (self.rig is None or message.rig == self.rig)
        )


def parse_since(text: str, now_s: Callable[[], float] = time.time) -> str:
    """Read a time: ``2026-11-21``, ``2026-11-21T10:00``, with ``Z`` or an offset, or ``2h`` ago.

    A time without an offset is UTC.

    Returns
    -------
    str
        As `edge.messages.format_utc_ns` writes it.

    Raises
    ------
    edge.errors.BadUse
        It is none of these.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            seconds = now_s() - float(ago[1]) * _UNITS_S[ago[2]]
        else:
            moment = datetime.fromisoformat(text.strip())
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        # Through µs: a double holds today's time to 0.2 µs.
        return format_utc_ns(round(seconds * 1e6) * 1000)
    except (ValueError, OverflowError):
        raise BadUse(
            f"--since {text!r}: give a UTC time like 2026-11-21T10:00, or how long ago: "
            "30min, 2h, 7d"
        ) from None
