"""The median of a few thousand values, without sorting them all."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.jit import compiled, numba_available


def middle(values: NDArray[np.float32]) -> float:
    """Median, as `np.median` has it.

    Parameters
    ----------
    values : ndarray of float32, shape (n,)
        Without NaN, at least one. Their order is lost.
    """
    return float(_kernel()(values)) if numba_available() else middle_numpy(values)


def middle_numpy(values: NDArray[np.float32]) -> float:
    """Give the same answer with NumPy alone: the fallback, and the tests' reference."""
    half = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, half)[half])
    low, high = np.partition(values, (half - 1, half))[half - 1 : half + 1]
    return float((low + high) / np.float32(2))


def middle_scalar(values: Any) -> Any:
    """Hoare's selection (Comm. ACM 4 (1961) 321), and the largest of what is left of it."""
    half = values.shape[0] // 2
    low, high = 0, values.shape[0] - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if half <= j:
            high = j
        elif half >= i:
            low = i
        else:
            break
    upper = values[half]
    if values.shape[0] % 2:
        return upper
    lower = values[0]
    for i in range(half):
        lower = max(lower, values[i])
    return (lower + upper) / np.float32(2)


@cache
def _kernel() -> Any:
    return compiled(middle_scalar)
