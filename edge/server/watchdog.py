"""A bound on how long a database may leave a question unanswered.

A server that was stopped, or whose network swallows packets, neither answers nor hangs up. Its own
timeouts stand still with it, and the kernel of a stopped server goes on confirming what arrives: so
the one who asked has to look at the clock.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

FIRST_PATIENCE_S = 20.0
LAST_PATIENCE_S = 320.0


class Watchdog:
    """Cuts a connection on which nothing came back in time; `over` is used by one thread.

    Patience doubles with each cut in a row: a database that is only slow gets its batch done in the
    end, instead of being interrupted at the same place for ever.

    Parameters
    ----------
    first_s, last_s : float
        Patience with the first question, and the longest.
    """

    def __init__(self, first_s: float = FIRST_PATIENCE_S, last_s: float = LAST_PATIENCE_S) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._patience_s = first_s
        self._cut_after_s: float | None = None
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._given_up = False

    @property
    def said(self) -> str:
        """What to tell a person about the cut that just happened; empty where there was none."""
        if self._cut_after_s is None:
            return ""
        return f"no answer for {self._cut_after_s:g} s" if self._cut_after_s else "no answer"

    @contextlib.contextmanager
    def over(self, descriptor: int) -> Iterator[None]:
        """Watch a piece of work on a connection.

        Parameters
        ----------
        descriptor : int
            Of the connection's socket. Once it is cut, whoever waits on it gets an error.
        """
        self._cut_after_s = None
        patience_s = 0.0 if self._given_up else self._patience_s
        # A copy of our own: the number may be another file's by the time it is cut.
        line = socket.socket(fileno=os.dup(descriptor))
        with self._lock:
            self._line = line
        timer = threading.Timer(patience_s, self._cut, (patience_s,))
        timer.name = "database watchdog"
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            with self._lock:
                self._line = None
            line.close()
            self._learn()

    def give_up(self) -> None:
        """Cut what is waited for now, and wait for nothing any more; from any thread."""
        self._given_up = True
        self._cut(0.0)

    def _cut(self, patience_s: float) -> None:
        with self._lock:
            if self._line is None:
                return
            self._cut_after_s = patience_s
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _learn(self) -> None:
        if self._cut_after_s is None:
            self._patience_s = self._first_s
        else:
            self._patience_s = min(self._last_s, 2 * self._patience_s)
