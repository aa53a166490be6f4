"""numba where it is, nothing where it is not; compiled code kept where it may be written."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from calibration.kernel_cache import place
from calibration.kernel_files import KernelFiles

F = TypeVar("F", bound=Callable[..., Any])
_kernels: dict[str, Any] = {}
_log = logging.getLogger(__name__)


@cache
def numba_available() -> bool:
    """Whether kernels can be compiled; ``COSMIC_EDGE_NUMBA=0`` chooses the NumPy path."""
    if os.environ.get("COSMIC_EDGE_NUMBA", "1") == "0":
        return False
    return importlib.util.find_spec("numba") is not None


def compiled(function: F) -> F:
    """Compile `function` with ``numba.njit``, kept on disk where that can be written.

    Call it late: importing numba takes 0.2 s. The kernel is compiled, or loaded, when it is first
    called with arguments of new types; `edge.live.warmup` does that before a camera starts. It
    holds no interpreter lock, and divides as NumPy does: a check for 0 is a branch, and a loop
    with branches is not done in vectors. What calls a function of another file is to be put
    together by `calibration.linked`.
    """
    jitted: Any = part_of_kernel(function)
    folder = place().folder
    if folder is None:
        _say_once(place().problem)
    elif hasattr(jitted, "_cache"):  # not with NUMBA_DISABLE_JIT=1
        jitted._cache = KernelFiles(function, folder)
    _kernels[f"{function.__module__}.{function.__qualname__}"] = jitted
    result: F = jitted
    return result


def part_of_kernel(function: F) -> F:
    """Compile what kernels call: its code becomes part of theirs, and is kept with it."""
    import numba

    jitted: Any = numba.njit(nogil=True, error_model="numpy")(function)
    result: F = jitted
    return result


@dataclass(frozen=True, slots=True)
class KernelCounts:
    """How often a kernel exists: once for each set of argument types it was called with.

    Attributes
    ----------
    compiled, loaded : int
        Made by this process, and found on disk.
    unkept : str
        Why what was compiled is not on disk; empty where it is.
    """

    compiled: int
    loaded: int
    unkept: str


def kernel_counts() -> dict[str, KernelCounts]:
    """Kernels asked for so far, by ``module.function``."""
    return {name: _counts(jitted) for name, jitted in sorted(_kernels.items())}


def _counts(jitted: Any) -> KernelCounts:
    files = getattr(jitted, "_cache", None)
    known = files if isinstance(files, KernelFiles) else None
    loaded = 0 if known is None else known.loaded
    unkept = place().problem if known is None else known.failed
    return KernelCounts(len(getattr(jitted, "signatures", ())) - loaded, loaded, unkept)


@cache
def _say_once(problem: str) -> None:
    _log.info(problem)
