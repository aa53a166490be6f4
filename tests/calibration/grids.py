"""Rows of a frame with the maps they are judged by, as adverse as they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

Array = np.ndarray[Any, Any]

PATTERNS = ("noise", "hits", "dark pixels", "saturated", "zero", "equal", "anything")


@dataclass(frozen=True)
class Rows:
    """Values and their maps; `sigma_adu` is never 0."""

    values: Array
    mean_adu: Array
    sigma_adu: Array
    random: np.random.Generator


@st.composite
def rows(
    draw: st.DrawFn, heights: Any = None, widths: Any = None, least_sigma_adu: float = 0.01
) -> Rows:
    heights = st.integers(0, 6) if heights is None else heights
    shape = draw(heights), draw(st.integers(1, 300) if widths is None else widths)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from([np.uint8, np.uint16]))
    top = int(np.iinfo(kind).max)
    level = draw(st.sampled_from([0, 1, 60, top // 2, top]))
    sigma_adu = draw(st.sampled_from([least_sigma_adu, 0.3, 2.0, 40.0, 5000.0]))
    pattern = draw(st.sampled_from(PATTERNS))
    values = level + random.normal(0, sigma_adu, shape)
    chosen = random.random(shape) < 0.1
    if pattern == "hits":
        values[chosen] += random.uniform(0, 30, shape)[chosen] * sigma_adu
    elif pattern == "dark pixels":
        values[chosen] -= 30 * sigma_adu
    elif pattern == "anything":
        values = random.uniform(0, top, shape)
    elif pattern != "noise":
        values[:] = {"saturated": top, "zero": 0, "equal": level}[pattern]
    return Rows(
        np.clip(np.rint(values), 0, top).astype(kind),
        (level + random.normal(0, 0.3 * sigma_adu, shape)).astype(np.float32),
        np.maximum(random.uniform(0.5, 2, shape) * sigma_adu, least_sigma_adu).astype(np.float32),
        random,
    )
