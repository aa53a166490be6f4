"""Work that a frame need not wait for, done in the order it was given."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

from edge.errors import Failed

Work: TypeAlias = Callable[[], None]
_MOST_WAITING = 32
_LONGEST_WAIT_S = 20.0
"""A rig that can't hand on for so long is better started anew."""


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
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Work) -> None:
        """Hand it over; where too much waits for too long, what it was is lost."""
        self._raise()
        try:
            self._work.put(work, timeout=0 if self._abandoned else _LONGEST_WAIT_S)
        except queue.Full:
            self._abandoned = True
            raise Failed(
                "hits are not described any more: what describes them has done nothing for "
                f"{_LONGEST_WAIT_S:.0f} s"
            ) from None

    def finish(self, timeout_s: float) -> bool:
        """Wait until all is done, and end the thread; further work is not done."""
        deadline = time.monotonic() + timeout_s
        with contextlib.suppress(queue.Full):
            self._work.put(None, timeout=0 if self._abandoned else timeout_s)
            self._thread.join(max(deadline - time.monotonic(), 0.0))
        # What comes too late must not reach an outbox that is closed.
        self._abandoned = self._thread.is_alive()
        self._raise()
        return not self._abandoned

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            if self._error is not None or self._abandoned:
                continue
            try:
                work()
            except BaseException as error:  # handed to whoever asks next
                self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
