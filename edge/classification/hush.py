"""Native libraries without their own lines on standard error."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator

_CHATTER = (b"INFO: ",)
_STDERR = 2
# Descriptor 2 is the whole process's: two threads that put it back in the wrong order lose it.
_ONE_AT_A_TIME = threading.Lock()


@contextlib.contextmanager
def hushed(chatter: tuple[bytes, ...] = _CHATTER) -> Iterator[None]:
    """Keep a library's chatter from the terminal; what is no chatter is written afterwards.

    Lines that begin with one of `chatter` are dropped.

    Another thread's line of that time comes a moment later, and comes. Where there is no standard
    error, or no place to keep what is written, nothing is done.
    """
    with _ONE_AT_A_TIME, contextlib.ExitStack() as after:
        with contextlib.suppress(OSError):
            kept = after.enter_context(tempfile.TemporaryFile())
            real = os.dup(_STDERR)
            after.callback(_restore, real, kept.fileno(), chatter)
            os.dup2(kept.fileno(), _STDERR)
        yield


def _restore(real: int, kept: int, chatter: tuple[bytes, ...]) -> None:
    os.dup2(real, _STDERR)
    os.lseek(kept, 0, os.SEEK_SET)
    said = b""
    while part := os.read(kept, 65_536):
        said += part
    rest = b"".join(line for line in said.splitlines(keepends=True) if not line.startswith(chatter))
    with contextlib.suppress(OSError):
        os.write(real, rest)
    os.close(real)
