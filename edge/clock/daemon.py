"""The word of whoever keeps the system's clock: chronyd, systemd-timesyncd or the kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge.clock.base import boottime_ns, drift_s
from edge.clock.chrony import Tracking, read_tracking
from edge.clock.kernel import kernel_max_error_s
from edge.clock.timesync import Followed, read_followed

_REFRESH_S = 16.0
_BELIEVED_S = 300.0
"""An older word of a daemon that doesn't answer any more is none."""


@dataclass(frozen=True, slots=True)
class _Word:
    asked_ns: int
    chrony: Tracking | None
    timesync: Followed | None = None


class DaemonWord:
    """Bound of the system clock's error by chronyd's word, else the kernel's; never waits.

    The kernel's holds the more where timesyncd says how far its server is. A word older than 16 s
    is asked for anew in a thread, and answers grown by 15 ppm meanwhile.

    Parameters
    ----------
    ask : callable
        Asks chronyd.
    kernel : callable
        Asks the kernel, which timesyncd, ntpd and others tell.
    follow : callable
        Asks timesyncd.
    """

    def __init__(
        self,
        ask: Callable[[], Tracking | None] = read_tracking,
        kernel: Callable[[], float | None] = kernel_max_error_s,
        now: Callable[[], int] = boottime_ns,
        follow: Callable[[], Followed | None] = read_followed,
    ) -> None:
        self._ask, self._kernel, self._now, self._follow = ask, kernel, now, follow
        self._word: _Word | None = None
        self._busy = threading.Lock()

    @property
    def source(self) -> str:
        """Who gave the last word."""
        word = self._word
        if word is not None and word.chrony is not None:
            return f"chronyd ({word.chrony.source})"
        return "systemd-timesyncd" if word is not None and word.timesync else "the kernel"

    def reference_s(self) -> float | None:
        """When the daemon last compared the clock; None where it does not say."""
        word = self._word
        said = None if word is None else word.chrony or word.timesync
        return None if said is None else said.reference_s

    def refresh(self) -> Tracking | None:
        """Ask now and wait for it; chronyd's word."""
        asked_ns, old = self._now(), self._word
        said = self._ask()
        if said is None and old and old.chrony and self._age_s(old, asked_ns) < _BELIEVED_S:
            return old.chrony
        followed = self._follow() if said is None else None
        if followed is not None and followed.ignored and old is not None and old.timesync:
            followed = old.timesync
        self._word = _Word(asked_ns, said, followed)
        return said

    def __call__(self) -> float | None:
        """Give the bound in s; None where nobody knows, 16 s and more: unsynced."""
        word, now_ns = self._word, self._now()
        if word is None or self._age_s(word, now_ns) > _REFRESH_S:
            self._refresh_behind()
        if word is None or word.chrony is None:
            return self._by_kernel(word)
        if self._age_s(word, now_ns) > _BELIEVED_S:
            return self._by_kernel(None)
        return word.chrony.bound_s + drift_s(now_ns - word.asked_ns)

    def _by_kernel(self, word: _Word | None) -> float | None:
        bound_s = self._kernel()
        if bound_s is None or word is None or word.timesync is None:
            return bound_s
        return bound_s + word.timesync.distance_s

    @staticmethod
    def _age_s(word: _Word, now_ns: int) -> float:
        return (now_ns - word.asked_ns) * 1e-9

    def _refresh_behind(self) -> None:
        if not self._busy.acquire(blocking=False):
            return

        def run() -> None:
            try:
                self.refresh()
            finally:
                self._busy.release()

        try:
            threading.Thread(target=run, name="chronyc", daemon=True).start()
        except RuntimeError:  # no more threads now: the next look asks
            self._busy.release()
