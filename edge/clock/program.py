"""Asks a program of the system, and never waits for it for long."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

_PLACES = "/usr/bin:/usr/local/bin:/bin"
"""A service's PATH may hold none of them."""


def find_program(name: str) -> str | None:
    """Where a program lies, also beside the PATH; None where there is none."""
    return shutil.which(name) or shutil.which(name, path=_PLACES)


def ask_program(program: str, arguments: Sequence[str], timeout_s: float) -> str | None:
    """Return what it prints; None where it can't be started, fails, or takes longer."""
    try:
        done = subprocess.run(  # noqa: S603 - found by `find_program`, with arguments of our own
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("ascii", "replace") if done.returncode == 0 else None
