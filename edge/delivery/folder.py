"""The state folder: made, and held by one process at a time."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import Failed

LOCK_NAME = "rig.lock"


class FolderLock:
    """Holds a state folder until `release`, or until the process ends in whatever way.

    Raises
    ------
    edge.errors.Failed
        The folder can't be made or written, or another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise Failed(
                f"state folder {folder} can't be written: {error.strerror}; "
                "choose another with --state-dir"
            ) from None
        try:
            _lock(self._fd)
        except OSError:
            os.close(self._fd)
            raise Failed(
                f"another cosmic-edge uses the state folder {folder}; stop it, or choose another "
                "with --state-dir"
            ) from None

    def release(self) -> None:
        """Let go; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _lock(fd: int) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks there; SQLite's own keep the file whole
        return
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
