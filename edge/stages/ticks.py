"""A time axis for rates and windows that never goes back, whatever the clock does."""

from __future__ import annotations

_DAY_NS = 24 * 3_600_000_000_000
_PLAIN_NS = 10_000_000_000
_PLAIN_FRAMES = 100


class Ticks:
    """Adds up the steps from frame to frame.

    A step back, or forward by more than 10 s and 100 frames, is doubted until the next frame: when
    that goes on from before the step, one time was wrong and the step is none. Else a pause counts,
    up to a day, and a step back is one frame: a single wrong time must not heal every hot place,
    nor a clock that was set keep one hot for ever.
    """

    def __init__(self) -> None:
        self.now_ns = 0
        self._last_ns: int | None = None
        self._before_ns: int | None = None
        self._doubted_ns = 0

    def advance(self, start_ns: int, frame_ns: int) -> int:
        """Go on to a frame that starts there; return the time on this axis."""
        last_ns, self._last_ns = self._last_ns, start_ns
        if last_ns is None:
            return self.now_ns
        longest_ns = max(_PLAIN_NS, _PLAIN_FRAMES * frame_ns)
        step_ns = start_ns - last_ns
        if 0 <= step_ns <= longest_ns:
            self.now_ns += self._doubted_ns + step_ns
            self._settle()
        elif self._before_ns is not None and 0 <= start_ns - self._before_ns <= longest_ns:
            self.now_ns += max(start_ns - self._before_ns - frame_ns, 0)
            self._settle()
        else:
            self.now_ns += self._doubted_ns + frame_ns
            self._before_ns = last_ns
            self._doubted_ns = min(max(step_ns - frame_ns, 0), _DAY_NS)
        return self.now_ns

    def _settle(self) -> None:
        self._before_ns, self._doubted_ns = None, 0
