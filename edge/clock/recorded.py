"""The clock of a recording."""

from __future__ import annotations

from edge.clock.base import Stamp, boottime_ns


class RecordedClock:
    """The clock of a recording: its axis is Unix time, as good as whoever recorded it was.

    Always unsynced with an unknown bound: nobody can ask that clock any more. A recording without
    times counts from 1970-01-01 (`edge.timeline.RecordedTimeline`).
    """

    @property
    def boot_id(self) -> str | None:
        """None: replayed today or in a year, a recording gives the same bytes."""
        return None

    def boottime_ns(self) -> int:
        """Now, on this machine's CLOCK_BOOTTIME."""
        return boottime_ns()

    def stamp(self, time_ns: int) -> Stamp:
        """The instant itself."""
        return Stamp(time_ns, None, "unsynced")

    def is_known(self) -> bool:
        """False: a recording's bound is never known."""
        return False

    def message(self, from_boot_ns: int, to_boot_ns: int) -> None:
        """None: there is no boot time to map."""

    def status(self) -> None:
        """None: it asks nobody."""

    def close(self) -> None:
        """Nothing goes on by itself."""
