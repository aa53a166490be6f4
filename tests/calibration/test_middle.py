"""The median of whole numbers: by sorting, by selection and by halving, the same."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from calibration.jit import compiled, numba_available
from calibration.middle import middle_numpy, middle_scalar

LEAST, MOST = -(2**31), 2**31 - 1


@cache
def kernel() -> Any:
    return compiled(middle_scalar) if numba_available() else middle_scalar


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 80).flatmap(
        lambda size: st.one_of(
            arrays(np.int32, size, elements=st.integers(LEAST, MOST)),
            arrays(np.int32, size, elements=st.integers(-3, 3)),
        )
    )
)
@example(np.array([MOST, LEAST], np.int32))
@example(np.array([LEAST, LEAST, MOST, MOST], np.int32))
@example(np.full(5, MOST, np.int32))
@example(np.full(5, LEAST, np.int32))
def test_it_is_the_lower_one_in_the_middle_of_the_sorted_values(values: Any) -> None:
    expected = sorted(values.tolist())[(len(values) - 1) // 2]
    before = values.copy()
    assert middle_numpy(values) == expected
    assert int(kernel()(values)) == expected
    assert np.array_equal(values, before)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_of_a_few_values_it_is_one_of_them(size: int) -> None:
    values = np.array([40, 10, 30, 20][:size], np.int32)
    assert middle_numpy(values) == int(middle_scalar(values)) == [40, 10, 30, 20][size - 1]
