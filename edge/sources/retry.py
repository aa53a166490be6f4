"""Waiting longer and longer before a camera is tried again."""

from __future__ import annotations

import threading


class Backoff:
    """Delays that double from `first_s` to `longest_s`; `reset` after a success."""

    def __init__(self, first_s: float = 1.0, longest_s: float = 30.0) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def reset(self) -> None:
        """Begin with the shortest delay again."""
        self._next_s = self._first_s

    def wait(self, closed: threading.Event) -> bool:
        """Wait the next delay; True when `closed` was set meanwhile."""
        delay_s, self._next_s = self._next_s, min(2 * self._next_s, self._longest_s)
        return closed.wait(delay_s)
