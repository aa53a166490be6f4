"""The median of a few thousand values, as fast as NumPy can."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def middle(values: NDArray[Any]) -> float:
    """Median of a one-dimensional array that holds no NaN; what `np.median` gives, sooner."""
    count = len(values)
    half = count // 2
    if count % 2:
        return float(np.partition(values, half)[half])
    ranked = np.partition(values, (half - 1, half))
    return float(np.add(ranked[half - 1], ranked[half], dtype=values.dtype) / 2)
