"""Tells the server how to date what went out before the clock was known."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from edge.clock import Clock
from edge.detection import Draft

FILE_NAME = "clock-owed"
_LOG = logging.getLogger(__name__)


class FirstSync:
    """Owes the server a ``clock`` message as soon as something went out undated, until it is told.

    The debt lies in the state folder with the boot's id: a restart of the program does not end it,
    another boot does, for then nobody can date those messages any more.

    Parameters
    ----------
    clock : Clock
        Of the live rig; one without boot time (a recording's) has nothing to tell.
    origin : str
        Of the source.
    folder : Path
        The state folder.
    tell : callable
        Takes the ``clock`` message; False where the disk took it not, and it is told again.
    """

    def __init__(
        self, clock: Clock, origin: str, folder: Path, tell: Callable[[Draft], bool]
    ) -> None:
        self._clock, self._origin, self._tell = clock, origin, tell
        self._file = folder / FILE_NAME
        self._since_ns = self._kept()

    def owe(self, boot_ns: int) -> None:
        """Note that a message went out undated, and its first boot time; from any thread."""
        since_ns = self._since_ns
        if self._clock.boot_id is None or (since_ns is not None and since_ns <= boot_ns):
            return
        self._since_ns = boot_ns
        try:
            self._file.write_text(f"{self._clock.boot_id} {boot_ns}", encoding="ascii")
        except OSError as error:
            _LOG.warning("%s: can't be written (%s)", self._file, error.strerror or error)

    def look(self) -> None:
        """Tell, where it is owed and the clock is known."""
        since_ns = self._since_ns
        if since_ns is None or not self._clock.is_known():
            return
        now_ns = self._clock.boottime_ns()
        body = self._clock.message(min(since_ns, now_ns), now_ns)
        if body is not None and self._tell(Draft("clock", body, self._origin)):
            self._since_ns = None
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)

    def _kept(self) -> int | None:
        """Since when it is owed in this boot; from its start on, where the file does not say."""
        try:
            boot_id, _, since_ns = self._file.read_text(encoding="ascii").strip().partition(" ")
        except (OSError, UnicodeDecodeError):
            return None
        if not boot_id or boot_id != self._clock.boot_id:
            return None
        return int(since_ns) if since_ns.isdecimal() else 0
