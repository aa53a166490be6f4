"""The file a command writes: whole or not at all, and never over a file of another kind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edge.errors import BadUse, Failed

_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a command writes, and how one of its files is told from any other.

    Attributes
    ----------
    name : str
        With its article, for messages.
    mark : bytes
        Stands within the first 4096 bytes of every such file.
    """

    name: str
    mark: bytes


HITS = FileKind("a hits file", b'{"schema":"cosmic-edge/')
CALIBRATION = FileKind("a calibration", b"header.npy")
FEATURES = FileKind("a table of features", b"source,item,picture,width_px,height_px,bit_depth,")
PICTURE = FileKind("a picture of a calibration", b"Title\0calibration ")


def is_stream(path: Path) -> bool:
    """Whether there is a pipe or a device, which is written as it is."""
    return path.exists() and not path.is_file() and not path.is_dir()


def check_place(path: Path, kind: FileKind, *, stream: bool = False) -> None:
    """Refuse a place before any work is done for it.

    A slip of the pen must not cost a recording: what is there already is replaced only if it is
    of the same kind, or empty.

    Parameters
    ----------
    path : Path
        Where a command is to write.
    kind : FileKind
        What it will write.
    stream : bool
        Whether a pipe or a device will do as well.

    Raises
    ------
    BadUse
        It names no file, or something that is not to be replaced.
    Failed
        It can't be looked at.
    """
    try:
        if path.name in ("", "..") or path.is_dir():
            raise BadUse(f"{path}: is a folder; name a file")
        if not path.exists():
            return
        if is_stream(path):
            if stream:
                return
            raise BadUse(f"{path}: is no ordinary file; name another")
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise Failed(f"{path}: can't be used ({error.strerror or error})") from None
    if head and kind.mark not in head:
        raise BadUse(f"{path}: is not {kind.name} and is not overwritten; name another file")


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name when it is whole.

    What was there stays if anything goes wrong. A pipe or a device is written as it is.

    Raises
    ------
    OSError
        The folder is missing or can't be written, the disk is full.
    """
    if is_stream(path):
        with path.open("wb") as stream:
            yield stream
        return
    target = Path(os.path.realpath(path))
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that appears under its name when it is whole.

    Raises
    ------
    Failed
        It can't be written.
    """
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise Failed(f"{path}: can't be written ({error.strerror or error})") from None
