"""A small disk of its own for a folder, full and free at a word."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ROOM_BYTES = 512 << 20
_SPARE_BYTES = 16 << 10
_TRIES = 50


class SmallDisk:
    """A tmpfs on a folder. Made by `small_disk`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self) -> None:
        """Leave room for next to nothing."""
        for _ in range(_TRIES):
            held = os.statvfs(self._folder)
            used_bytes = (held.f_blocks - held.f_bfree) * held.f_frsize
            with suppress(subprocess.CalledProcessError):  # somebody wrote in between
                self._resize(used_bytes + _SPARE_BYTES)
                return
        raise AssertionError(f"{self._folder} can't be filled")

    def free(self) -> None:
        """Give room again."""
        self._resize(_ROOM_BYTES)

    def _resize(self, size_bytes: int) -> None:
        command = ["mount", "-o", f"remount,size={size_bytes}", str(self._folder)]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk | None]:
    """Put a disk under an empty folder; None where that may not be done (it needs root)."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM_BYTES}", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        # What still has a file open there was killed, but may not be gone yet.
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
