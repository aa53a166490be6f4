"""Intervals and limits agree with those of SciPy, at the edges too."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from calibration.tail import normal_sigma, normal_tail
from edge.intervals import poisson_upper, wilson


@given(st.integers(1, 1_000_000), st.floats(0, 1))
@settings(max_examples=60)
def test_wilson_is_the_one_of_scipy(tried: int, share: float) -> None:
    found = round(tried * share)
    expected = stats.binomtest(found, tried).proportion_ci(0.95, method="wilson")
    assert wilson(found, tried) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_ends_at_none_and_all_and_knows_nothing_without_a_trial() -> None:
    assert wilson(0, 40)[0] == 0.0
    assert wilson(40, 40)[1] == 1.0
    assert wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 99, 1_000, 250_000])
def test_the_poisson_limit_is_the_exact_one(count: int) -> None:
    assert poisson_upper(count) == pytest.approx(stats.chi2.ppf(0.95, 2 * count + 2) / 2, rel=1e-8)


def test_none_seen_means_at_most_three() -> None:
    assert poisson_upper(0) == pytest.approx(-math.log(0.05))


@given(st.floats(1, 300))
@settings(max_examples=30)
def test_a_threshold_lets_its_own_rate_through_however_small(exponent: float) -> None:
    rate = 10.0**-exponent
    assert normal_tail(normal_sigma(rate)) == pytest.approx(rate, rel=1e-6)
