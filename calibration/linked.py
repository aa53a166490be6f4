"""Kernels that are put together of several functions, and found again in numba's cache."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from calibration.jit import compiled, part_of_kernel


def linked(function: Callable[..., Any], **parts: Callable[..., Any]) -> Any:
    """Compile a function in which some names stand for other functions, compiled as well.

    Compiled code is kept under the file and name of the kernel (`calibration.kernel_files`), and
    takes no notice of what it calls: so the name is marked with what the parts say. So are the
    names of the parts: two kernels from the disk would share a part of one name in memory, though
    each had its own linked into it.

    Parameters
    ----------
    function : callable
        Written as if `parts` were in its module.
    **parts : callable
        By the name it calls them: functions, of which each may call those named before it,
        numba's intrinsics, or NumPy's types.
    """
    said = "".join(f"{name}\n{_source(part)}" for name, part in sorted(parts.items()))
    mark = hashlib.sha256(said.encode()).hexdigest()[:8]
    made: dict[str, Any] = {}
    for name, part in parts.items():
        known = not isinstance(part, FunctionType)
        made[name] = part if known else part_of_kernel(_copy(part, made, mark))
    return compiled(_copy(function, made, mark))


def _source(part: Callable[..., Any]) -> str:
    return part.__name__ if isinstance(part, type) else inspect.getsource(inspect.unwrap(part))


def _copy(function: Any, parts: dict[str, Any], mark: str) -> FunctionType:
    """The same function under a name of its own, which finds the parts under theirs."""
    names = {**function.__globals__, **parts}
    copy = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    copy.__qualname__ = f"{function.__qualname__}_{mark}"
    copy.__module__ = function.__module__
    return copy
