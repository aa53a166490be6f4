"""How long a start takes, and what makes it shorter."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from calibration.jit import numba_available
from edge.clock import boottime_ns

_STAT = Path("/proc/self/stat")
_STARTTIME_FIELD = 22
_NEEDED = "numba.np.arraymath", "numba.core.typing.cffi_utils"
_UNUSED = "scipy", "scipy.linalg", "cffi", "yaml"


def seconds_since_start() -> float | None:
    """Time since this process was started, imports and all; None where Linux does not tell.

    The start is known to a tick of the kernel, 10 ms (proc_pid_stat(5), field 22, which counts on
    the boot clock).
    """
    try:
        stat = _STAT.read_text(encoding="utf-8", errors="replace")
        # The second field is the program's name in brackets, and may hold anything.
        ticks = int(stat.rpartition(")")[2].split()[_STARTTIME_FIELD - 3])
    except (OSError, ValueError, IndexError):
        return None
    return boottime_ns() / 1e9 - ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Leave the garbage where it is: importing makes many objects, and all of them stay.

    Saves a tenth of the time that the imports of a run take.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def load_compiler() -> None:
    """Import numba as far as the kernels need it."""
    if numba_available():
        with _without(_UNUSED):
            for module in _NEEDED:
                importlib.import_module(module)


@contextlib.contextmanager
def _without(modules: Sequence[str]) -> Iterator[None]:
    """Let numba load without what none of our kernels needs.

    It imports SciPy's linear algebra, cffi and YAML wherever they are installed: 0.2 to 0.4 s and
    2 MB. For a program of ours only: in this process ``np.dot`` can't be compiled any more.
    """
    kept_out = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(kept_out))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in kept_out:
            sys.modules.pop(name, None)
