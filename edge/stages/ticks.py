"""A time axis for rates and windows that never goes back, whatever the clock does."""

from __future__ import annotations

_LONGEST_NS = 24 * 3_600_000_000_000


class Ticks:
    """Adds up the steps from frame to frame.

    A step back (the clock was set) counts as one frame, one of more than a day as a day: a single
    wrong time must not heal every hot place, nor keep it hot for ever.
    """

    def __init__(self) -> None:
        self.now_ns = 0
        self._last_ns: int | None = None

    def advance(self, start_ns: int, frame_ns: int) -> int:
        """Go on to a frame that starts there; return the time on this axis."""
        if self._last_ns is not None:
            step_ns = start_ns - self._last_ns
            self.now_ns += min(step_ns, _LONGEST_NS) if step_ns >= 0 else frame_ns
        self._last_ns = start_ns
        return self.now_ns
