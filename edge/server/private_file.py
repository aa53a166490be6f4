"""A file that only its owner can read, and that has its name once it is whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from edge.errors import Failed

_OWNER_ALONE = 0o600


@contextlib.contextmanager
def growing(path: Path) -> Iterator[Path]:
    """Give an empty file to write to; it gets its name when the work is done and on the disk.

    Raises
    ------
    edge.errors.Failed
        It can't be written; nothing of it is left.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE))
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise Failed(f"{path}: can't be written ({error.strerror or error})") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
