"""Threshold maps: what a value must be above, in whole ADU."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration import maps as written
from calibration.maps import MASKED, threshold_rows, write_thresholds
from tests.calibration import grids


def maps(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_a_threshold_lies_so_many_sigma_over_the_baseline_rounded_down() -> None:
    made = threshold_rows(maps(64.0, 10.25), maps(2.0, 1.5), 7.0, 1023)
    assert made.dtype == np.uint16
    assert made.tolist() == [[78, 20]]


def test_hot_pixels_have_a_higher_threshold_by_their_stretch() -> None:
    made = threshold_rows(maps(64.0, 64.0), maps(2.0, 2.0), 7.0, 1023, maps(1.0, 1.5))
    assert made.tolist() == [[78, 85]]


def test_a_threshold_stays_within_the_range_of_values() -> None:
    made = threshold_rows(maps(1000.0, -90.0, 65_530.0), maps(9.0, 1.0, 9.0), 7.0, 1023)
    assert made.tolist() == [[1023, 0, 1023]]
    deep = threshold_rows(maps(65_530.0), maps(9.0), 7.0, 65_535)
    assert deep.tolist() == [[65_535]]


@settings(max_examples=150, deadline=None)
@given(
    grids.rows(),
    st.sampled_from([0.0, 3.1, 5.7, 40.0]),
    st.sampled_from([255, 1023, 65_535, 70_000]),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_a_map_is_written_the_same_compiled_in_numpy_and_row_by_row(
    one: grids.Rows, sigmas: float, full_scale_adu: int, hidden: float
) -> None:
    shape = one.values.shape
    masked = one.random.random(shape) < hidden
    expected = threshold_rows(one.mean_adu, one.sigma_adu, sigmas, full_scale_adu)
    expected[masked] = MASKED
    fast, plain = (np.full(shape, 77, np.uint16) for _ in range(2))
    given_to_both = one.mean_adu, one.sigma_adu, sigmas, full_scale_adu, masked
    write_thresholds(*given_to_both, fast)
    with mock.patch.object(written, "numba_available", return_value=False):
        write_thresholds(*given_to_both, plain)
    assert np.array_equal(fast, expected)
    assert np.array_equal(plain, expected)


@pytest.mark.parametrize("height_px", [1, 2100])
def test_a_map_of_any_height_is_written_whole(height_px: int) -> None:
    """One band of rows, and several."""
    mean = np.arange(height_px * 256, dtype=np.float32).reshape(height_px, 256) % 1000
    masked = np.zeros(mean.shape, np.bool_)
    masked[-1, -1] = True
    expected = mean.astype(np.uint16) + 12
    expected[-1, -1] = MASKED
    for available in (written.numba_available(), False):
        out = np.zeros(mean.shape, np.uint16)
        with mock.patch.object(written, "numba_available", return_value=available):
            write_thresholds(mean, np.full_like(mean, 4), 3.0, 4095, masked, out)
        assert np.array_equal(out, expected)
