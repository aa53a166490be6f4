"""Writing files so that a fault of the disk is one line and costs no more than it must."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import Failed


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of `data`; a plain write may stop half-way where the disk is nearly full."""
    view = memoryview(data).cast("B")
    while view:
        written = os.write(descriptor, view)
        view = view[written:]


def replace_text(path: Path, text: str) -> None:
    """Write a small file so that a reader finds the old text or the new one, never a part."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def write_failed(folder: Path, error: OSError) -> Failed:
    """Error for a disk that doesn't take what is recorded."""
    return Failed(
        f"{folder}: can't write the recording: {error.strerror or error}; "
        "what was written until now can be read"
    )


class LineFile:
    """A file of lines that grows; a line is there as a whole or not at all.

    Every line goes to the operating system at once, so that a killed process loses none.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self._size = 0

    def append(self, text: str) -> None:
        """Add text that ends with a line end.

        Raises
        ------
        OSError
            Nothing of it is kept (nor after Ctrl-C).
        """
        data = text.encode()
        try:
            write_all(self._descriptor, data)
        except BaseException:
            os.ftruncate(self._descriptor, self._size)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)
            raise
        self._size += len(data)

    def sync(self) -> None:
        """Wait until the disk has it."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close; once."""
        os.close(self._descriptor)
