"""Kernels that are put together of several functions, and found again in numba's cache."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from calibration.jit import compiled


def linked(function: Callable[..., Any], **parts: Callable[..., Any]) -> Any:
    """Compile a function in which some names stand for other functions, compiled as well.

    numba's cache knows a kernel by the file and name it is written under, and takes no notice of
    what it calls: so the name is marked with what the parts say.

    Parameters
    ----------
    function : callable
        Written as if `parts` were in its module.
    **parts : callable
        By the name it calls them: functions, of which each may call those named before it, or
        NumPy's types.
    """
    said = "".join(f"{name}\n{_source(part)}" for name, part in sorted(parts.items()))
    mark = hashlib.sha256(said.encode()).hexdigest()[:8]
    made: dict[str, Any] = {}
    for name, part in parts.items():
        made[name] = part if isinstance(part, type) else _named(part, made, mark)
    return _named(function, made, mark)


def _source(part: Callable[..., Any]) -> str:
    return part.__name__ if isinstance(part, type) else inspect.getsource(part)


def _named(function: Any, parts: dict[str, Any], mark: str) -> Any:
    names = {**function.__globals__, **parts}
    copy = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    copy.__qualname__ = f"{function.__qualname__}_{mark}"
    copy.__module__ = function.__module__
    return compiled(copy)
