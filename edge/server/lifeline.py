"""A child process that ends with its parent, however the parent ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when the thread that started it ends.

    Survives ``exec``. The parent may be gone before the request is made, hence its process id.
    Linux only; elsewhere the parent's own clean-up is all there is.

    Parameters
    ----------
    parent : int
        Process id of the parent.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)


def main(arguments: list[str]) -> None:
    """``PARENT PROGRAM ARGUMENT…``: become the program, tied to the parent."""
    die_with(int(arguments[0]))
    os.execv(arguments[1], arguments[1:])  # noqa: S606 - our own argument list


if __name__ == "__main__":
    main(sys.argv[1:])
