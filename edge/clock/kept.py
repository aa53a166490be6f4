"""The last time that was known, kept in the state folder: no clock is believed that is before it.

A small computer without a clock of its own starts where it was switched off, or weeks earlier, and
some programs call such a clock good. The file is also what NTP's eras are told by
(`edge.clock.era`).
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from pathlib import Path

from edge.background import in_background
from edge.clock.base import Clock, drift_s
from edge.clock.era import FLOOR_S
from edge.errors import CosmicEdgeError
from edge.outfile import write_whole

FILE_NAME = "clock-floor"
EVERY_S = 1800.0
SURE_S = 60.0
"""A time counts once it went on for so long as boot time did: a clock may be set wrong, and right
again."""

_NS = 1_000_000_000
_TOLERANCE_S = 1.0
_FORM = "%Y-%m-%dT%H:%M:%SZ"
_LOG = logging.getLogger(__name__)


def read_floor_s(folder: Path) -> int:
    """Unix time that surely is past: the kept one, or when this program was made."""
    try:
        text = (folder / FILE_NAME).read_text(encoding="ascii").strip()
        kept = datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except (OSError, ValueError):  # none was kept, or the file is damaged
        return FLOOR_S
    return max(int(kept.timestamp()), FLOOR_S)


def behind_floor(folder: Path, floor_s: int) -> str:
    """Say so, and what to do, where the system's clock is before the kept time; else ""."""
    now_s = time.time()
    if now_s >= floor_s - _TOLERANCE_S:
        return ""
    return (
        f"the system's clock says {_text(now_s)}, but it was {_text(floor_s)} before: it is not "
        f"believed; set it, or remove {folder / FILE_NAME} if that was wrong"
    )


class KeptTime:
    """Keeps the time that a clock knows, now and then and at the end.

    Where no time is known the kept one goes on by boot time: so long ago it was past, at least.

    Parameters
    ----------
    folder : Path
        The state folder.
    floor_s : int
        As read from there.
    clock : Clock
        Of the live rig; one without boot time (a recording's) keeps nothing.
    every_s : float
        Between two writes.
    """

    def __init__(self, folder: Path, floor_s: int, clock: Clock, every_s: float = EVERY_S) -> None:
        self._folder, self._clock = folder, clock
        self._every_ns = round(every_s * _NS)
        now_ns = clock.boottime_ns()
        self._written_s = floor_s
        self._known = floor_s > FLOOR_S
        self._floor = (now_ns, floor_s * _NS)
        self._seen: tuple[int, int] | None = None
        self._next_look_ns = now_ns
        self._next_write_ns = now_ns + round(SURE_S * _NS)
        if clock.boot_id is not None and (said := behind_floor(folder, floor_s)):
            _LOG.warning(said)

    def look(self) -> None:
        """Look at the clock when it is time; cheap to call often."""
        now_ns = self._clock.boottime_ns()
        if self._clock.boot_id is None or now_ns < self._next_look_ns:
            return
        self._next_look_ns = now_ns + round(SURE_S * _NS)
        self._confirm(now_ns)
        if now_ns >= self._next_write_ns:
            self._next_write_ns = now_ns + self._every_ns
            # Not here: the main thread must not wait for a disk.
            in_background(lambda: self._write(now_ns), "kept time")

    def close(self) -> None:
        """Keep the time at the end."""
        if self._clock.boot_id is not None:
            now_ns = self._clock.boottime_ns()
            self._confirm(now_ns)
            self._write(now_ns)

    def _confirm(self, now_ns: int) -> None:
        """Take a time over that has gone on as boot time has since it was first seen."""
        stamp = self._clock.stamp(now_ns)
        if stamp.state == "unsynced":
            self._seen = None
            return
        gone_ns = 0 if self._seen is None else now_ns - self._seen[0]
        off_ns = 0 if self._seen is None else stamp.utc_ns - self._seen[1] - gone_ns
        if self._seen is None or abs(off_ns) > (_TOLERANCE_S + drift_s(gone_ns)) * _NS:
            self._seen = (now_ns, stamp.utc_ns)
        elif gone_ns >= SURE_S * _NS:
            self._seen = (now_ns, stamp.utc_ns)
            self._known = True
            surely_past_s = (stamp.uncertainty_s or 0.0) + _TOLERANCE_S
            self._floor = (now_ns, stamp.utc_ns - round(surely_past_s * _NS))

    def _write(self, now_ns: int) -> None:
        boot_ns, utc_ns = self._floor
        gone_ns = now_ns - boot_ns
        floor_s = (utc_ns + gone_ns - round(drift_s(gone_ns) * _NS)) // _NS
        if not self._known or floor_s == self._written_s:
            return
        try:
            write_whole(self._folder / FILE_NAME, f"{_text(floor_s)}\n".encode("ascii"))
        except CosmicEdgeError as error:
            _LOG.warning("the time is not kept: %s", error)
            return
        self._written_s = floor_s


def _text(unix_s: float) -> str:
    return datetime.fromtimestamp(int(unix_s), UTC).strftime(_FORM)
