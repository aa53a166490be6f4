"""The median of a few thousand whole numbers, without a branch that hangs on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def middle_numpy(values: NDArray[np.int32]) -> int:
    """Median; the lower one of the two in the middle.

    Parameters
    ----------
    values : ndarray of int32, shape (n,)
        At least one.
    """
    half = (len(values) - 1) // 2
    return int(np.partition(values, half)[half])


def middle_scalar(values: Any) -> Any:
    """Give the same answer inside a kernel.

    Halves the range the answer lies in and counts, again and again: some twenty sweeps in vectors
    are sooner done than one selection, of which the processor guesses half of the branches wrong.
    """
    count = values.shape[0]
    half = (count - 1) // 2
    low, high = values[0], values[0]
    for i in range(count):
        low = min(low, values[i])
    for i in range(count):
        high = max(high, values[i])
    while low < high:
        cut = np.int32((np.int64(low) + np.int64(high)) >> 1)
        below = np.int32(0)
        for i in range(count):
            below = np.int32(below + np.int32(values[i] <= cut))
        if below > half:
            high = cut
        else:
            low = np.int32(cut + 1)
    return low
