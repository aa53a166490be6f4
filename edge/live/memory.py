"""Memory that is free goes back to the system: a rig runs for months on a small computer.

glibc's malloc takes an array of a few megabytes from the system and, once it was freed, raises the
size up to which it keeps such memory to itself (mallopt(3), M_MMAP_THRESHOLD). Maps that were
needed once, at the start, then stay with the process for ever. Each thread gets a heap of its own
as well (M_ARENA_MAX), of which little is ever used.
"""

from __future__ import annotations

import contextlib
import ctypes

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_THRESHOLD_BYTES = 1 << 17
"""What glibc begins with. Above it, lists that grow from time to time leave holes behind."""


def give_back_large_arrays() -> None:
    """Let every array of 128 KB or more have memory of its own, and all the rest one heap.

    Call it once, early; does nothing where the C library is another one.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
    _call("mallopt", _M_ARENA_MAX, 1)


def give_back_the_rest() -> None:
    """Give back what is free among smaller pieces; takes a few milliseconds."""
    _call("malloc_trim", 0)


def _call(name: str, *numbers: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        getattr(ctypes.CDLL(None), name)(*numbers)
