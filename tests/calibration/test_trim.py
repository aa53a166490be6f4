"""The bias of leaving out the largest values is known."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.trim import trim_bias, values_to_drop


@pytest.mark.parametrize("count", [3, 5, 10, 20, 41, 100, 500])
def test_the_bias_equals_that_of_a_sample(count: int) -> None:
    dropped = values_to_drop(count)
    sample = np.random.default_rng(7).standard_normal((20_000, count))
    kept = np.sort(sample, axis=1)[:, : count - dropped]
    bias = trim_bias(count, dropped)
    assert bias.mean == pytest.approx(kept.mean(), abs=0.015)
    assert bias.variance == pytest.approx(kept.var(axis=1, ddof=1).mean(), rel=0.03)


def test_at_least_one_and_at_most_four_values_are_left_out() -> None:
    assert [values_to_drop(n) for n in (3, 5, 10, 15, 20, 500)] == [1, 1, 2, 3, 4, 4]


def test_too_few_values_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than two"):
        trim_bias(2, 1)
