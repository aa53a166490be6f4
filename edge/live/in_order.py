"""Work that a frame need not wait for, done in the order it was given."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

Work: TypeAlias = Callable[[], None]
_MOST_WAITING = 32


class InOrder(Protocol):
    """Does work, each piece after the one before it."""

    @property
    def gathers(self) -> bool:
        """Whether handing work over costs something, so that it is better done in larger pieces."""

    def call(self, work: Work) -> None:
        """Do it, now or later; raises what an earlier piece raised."""

    def finish(self, timeout_s: float) -> bool:
        """Wait until all is done; False where it was not in time. Raises what a piece raised."""


class AtOnce:
    """Does the work in the caller's thread."""

    gathers = False

    def call(self, work: Work) -> None:
        """Do it."""
        work()

    def finish(self, timeout_s: float) -> bool:
        """Nothing waits."""
        del timeout_s
        return True


class InThread:
    """Does the work in a thread of its own, so that the caller goes on.

    At most 32 pieces wait; then the caller waits too. After a piece has failed none is done any
    more: what it raised reaches the caller at the next call.

    Parameters
    ----------
    name : str
        Of the thread.
    """

    gathers = True

    def __init__(self, name: str) -> None:
        self._work: queue.Queue[Work | None] = queue.Queue(_MOST_WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Work) -> None:
        """Hand it over."""
        self._raise()
        self._work.put(work)

    def finish(self, timeout_s: float) -> bool:
        """Wait until all is done, and end the thread; further work is not done."""
        deadline = time.monotonic() + timeout_s
        try:
            self._work.put(None, timeout=timeout_s)
        except queue.Full:
            return False
        self._thread.join(max(deadline - time.monotonic(), 0.0))
        self._raise()
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            if self._error is not None:
                continue
            try:
                work()
            except BaseException as error:  # handed to whoever asks next
                self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
