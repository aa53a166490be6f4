"""Tells the server how to date what went out before the clock was known."""

from __future__ import annotations

from collections.abc import Callable

from edge.clock import Clock
from edge.delivery.dating import clock_body
from edge.detection import Draft


class FirstSync:
    """Notices that a clock that was not known at the start is known now.

    Parameters
    ----------
    clock : Clock
        Of the live rig; one without boot time (a recording's) has nothing to tell.
    origin : str
        Of the source.
    tell : callable
        Takes the ``clock`` message; False where the disk took it not, and it is told again.
    """

    def __init__(self, clock: Clock, origin: str, tell: Callable[[Draft], bool]) -> None:
        self._clock = clock
        self._origin = origin
        self._tell = tell
        self._done = clock.boot_id is None or self._is_known()

    def look(self) -> None:
        """Tell of the first sync, once."""
        if not self._done and self._is_known():
            body = clock_body(self._clock, type(self._clock).__name__)
            self._done = self._tell(Draft("clock", body, self._origin))

    def _is_known(self) -> bool:
        return self._clock.stamp(self._clock.boottime_ns()).state != "unsynced"
