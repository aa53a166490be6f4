"""The end of a run: a wish to stop, and then so much time to finish in."""

from __future__ import annotations

import math
import threading
import time


class Ending:
    """A stop event with a deadline that starts when the stop is first seen.

    Parameters
    ----------
    stop : threading.Event
        Set by whoever wants the end.
    grace_s : float
        Time to finish in.
    """

    def __init__(self, stop: threading.Event, grace_s: float) -> None:
        self._stop = stop
        self._grace_s = grace_s
        self._deadline_s = math.inf

    @property
    def wanted(self) -> bool:
        """Whether to stop."""
        if self._stop.is_set() and math.isinf(self._deadline_s):
            self._deadline_s = time.monotonic() + self._grace_s
        return self._stop.is_set()

    @property
    def left_s(self) -> float:
        """Time that is left; infinite before the stop."""
        return max(0.0, self._deadline_s - time.monotonic()) if self.wanted else math.inf

    def pause(self, wait_s: float) -> None:
        """Wait, but not beyond the stop, nor after it beyond the deadline."""
        if self.wanted:
            time.sleep(min(wait_s, self.left_s))
        else:
            self._stop.wait(wait_s)
