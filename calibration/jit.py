"""numba where it is, nothing where it is not."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@cache
def numba_available() -> bool:
    """Whether kernels can be compiled; ``COSMIC_EDGE_NUMBA=0`` chooses the NumPy path."""
    if os.environ.get("COSMIC_EDGE_NUMBA", "1") == "0":
        return False
    return importlib.util.find_spec("numba") is not None


def compiled(function: F) -> F:
    """Compile `function` with ``numba.njit(nogil=True)``, cached on disk where that can be written.

    numba raises at decoration when no cache folder is writable (read-only HOME under systemd);
    the kernel is then compiled at each start instead. Call it late: importing numba takes 0.2 s.
    """
    import numba

    try:
        jitted: Any = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:
        jitted = numba.njit(nogil=True, error_model="numpy")(function)
    result: F = jitted
    return result
