"""A thread that does one piece of work after the other, while its owner does something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

_T = TypeVar("_T")


class SideThread:
    """Does what it is given, in that order.

    The thread is a daemon, unlike those of an executor: work that hangs must not keep a process
    alive that was told twice to end.

    Parameters
    ----------
    name : str
        The thread's.
    """

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def do(self, work: Callable[[], _T]) -> Future[_T]:
        """Return what will hold the work's result, or what it raised."""
        future: Future[_T] = Future()

        def done() -> None:
            try:
                value = work()
            except BaseException as error:  # whoever takes the result judges it
                future.set_exception(error)
            else:
                future.set_result(value)

        self._work.put(done)
        return future

    def close(self) -> None:
        """Let the thread end when all is done; idempotent."""
        self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
