"""chronyd's word on the system's clock, where chronyd keeps it (``chronyc -c tracking``).

chrony without rtcsync leaves the kernel's bound at its worst, so the kernel alone would call a
clock unsynced that is right to the microsecond.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge.clock.base import UNSYNCED_BOUND_S, boottime_ns, drift_s
from edge.clock.kernel import kernel_max_error_s

_FIELDS = 14
_PLACES = "/usr/bin:/usr/local/bin:/bin"
_REFRESH_S = 16.0
_BELIEVED_S = 300.0
"""An older word of a daemon that doesn't answer any more is none."""


@dataclass(frozen=True, slots=True)
class Tracking:
    """What chronyd says of the system's clock.

    Attributes
    ----------
    source : str
        Address or name of what it follows.
    reference_s : float
        When it last compared the clock with a source, in Unix time.
    offset_s : float
        By how much the system's clock is still to be corrected.
    leap : str
        Normal, Insert second, Delete second or Not synchronised.
    """

    source: str
    stratum: int
    reference_s: float
    offset_s: float
    root_delay_s: float
    root_dispersion_s: float
    leap: str

    @property
    def is_synced(self) -> bool:
        """Whether chronyd follows a source."""
        return self.leap.casefold() != "not synchronised" and 0 < self.stratum < 16

    @property
    def bound_s(self) -> float:
        """Bound of the system clock's error: as ClockBound and chrony's manual have it."""
        if not self.is_synced:
            return UNSYNCED_BOUND_S
        return abs(self.offset_s) + self.root_dispersion_s + self.root_delay_s / 2


def parse_tracking(line: str) -> Tracking | None:
    """Read a line of ``chronyc -c tracking``; None for anything else."""
    fields = line.strip().split(",")
    if len(fields) != _FIELDS:
        return None
    try:
        return Tracking(
            source=fields[1] or fields[0],
            stratum=int(fields[2]),
            reference_s=float(fields[3]),
            offset_s=float(fields[4]),
            root_delay_s=float(fields[10]),
            root_dispersion_s=float(fields[11]),
            leap=fields[13],
        )
    except ValueError:
        return None


def read_tracking(timeout_s: float = 1.0, address: str | None = None) -> Tracking | None:
    """Ask chronyd; None where there is none, or none that answers in time.

    Parameters
    ----------
    address : str, optional
        Its command socket or host, if not chronyc's default.
    """
    program = shutil.which("chronyc") or shutil.which("chronyc", path=_PLACES)
    if program is None:
        return None
    where = [] if address is None else ["-h", address]
    try:
        done = subprocess.run(  # noqa: S603
            [program, "-c", "-n", *where, "tracking"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return parse_tracking(done.stdout.decode("ascii", "replace"))


class DaemonWord:
    """Bound of the system clock's error by chronyd's word, else the kernel's; never waits.

    A word older than 16 s is asked for anew in a thread, and answers grown by 15 ppm meanwhile.

    Parameters
    ----------
    ask : callable
        Asks chronyd.
    kernel : callable
        Asks the kernel, which timesyncd, ntpd and others tell.
    """

    def __init__(
        self,
        ask: Callable[[], Tracking | None] = read_tracking,
        kernel: Callable[[], float | None] = kernel_max_error_s,
        now: Callable[[], int] = boottime_ns,
    ) -> None:
        self._ask, self._kernel, self._now = ask, kernel, now
        self._word: tuple[Tracking | None, int] | None = None
        self._busy = threading.Lock()

    @property
    def source(self) -> str:
        """Who gave the last word."""
        said = self._word[0] if self._word else None
        return f"chronyd ({said.source})" if said is not None else "the kernel"

    def reference_s(self) -> float | None:
        """When chronyd last compared the clock; None where the kernel has the word."""
        said = self._word[0] if self._word else None
        return None if said is None else said.reference_s

    def refresh(self) -> Tracking | None:
        """Ask chronyd now and wait for it."""
        asked_ns = self._now()
        said, old = self._ask(), self._word
        if said is None and old and old[0] and (asked_ns - old[1]) * 1e-9 < _BELIEVED_S:
            return old[0]
        self._word = (said, asked_ns)
        return said

    def __call__(self) -> float | None:
        """Give the bound in s; None where nobody knows, 16 s and more: unsynced."""
        word = self._word
        if word is None or (self._now() - word[1]) * 1e-9 > _REFRESH_S:
            self._refresh_behind()
        if word is None or word[0] is None:
            return self._kernel()
        age_ns = self._now() - word[1]
        if age_ns * 1e-9 > _BELIEVED_S:
            return self._kernel()
        return word[0].bound_s + drift_s(age_ns)

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
