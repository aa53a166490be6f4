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
        self._owed = clock.boot_id is not None and self._kept() == clock.boot_id

    def owe(self) -> None:
        """Note that a message went out undated; from any thread."""
        if self._owed or self._clock.boot_id is None:
            return
        self._owed = True
        try:
            self._file.write_text(self._clock.boot_id, encoding="ascii")
        except OSError as error:
            _LOG.warning("%s: can't be written (%s)", self._file, error.strerror or error)

    def look(self) -> None:
        """Tell, where it is owed and the clock is known."""
        if not self._owed or not self._clock.is_known():
            return
        body = self._clock.message(0, self._clock.boottime_ns())
        if body is not None and self._tell(Draft("clock", body, self._origin)):
            self._owed = False
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)

    def _kept(self) -> str:
        try:
            return self._file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""
