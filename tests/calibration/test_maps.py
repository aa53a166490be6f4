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


SIGMAS = (5.7, 3.1, 3.9)


@settings(max_examples=150, deadline=None)
@given(
    grids.rows(),
    st.tuples(*[st.sampled_from([0.0, 3.1, 5.7, 40.0])] * 3),
    st.sampled_from([255, 1023, 65_535, 70_000]),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.booleans(),
)
def test_maps_are_written_the_same_compiled_in_numpy_and_row_by_row(
    one: grids.Rows,
    sigmas: tuple[float, float, float],
    full_scale_adu: int,
    hidden: float,
    looks: bool,
) -> None:
    shape = one.values.shape
    masked, alone = one.random.random(shape) < hidden, one.random.random(shape) < 0.2
    expected = [threshold_rows(one.mean_adu, one.sigma_adu, s, full_scale_adu) for s in sigmas]
    for values in expected:
        values[masked] = MASKED
    expected[2][alone] = expected[0][alone]
    for available in (written.numba_available(), False):
        made = [np.full(shape, 77, np.uint16) for _ in sigmas]
        with mock.patch.object(written, "numba_available", return_value=available):
            write_thresholds(
                one.mean_adu, one.sigma_adu, masked, alone, sigmas, full_scale_adu,
                made[0], made[1], made[2] if looks else None,
            )  # fmt: skip
        for values, wanted in zip(made[: 2 + looks], expected, strict=False):
            assert np.array_equal(values, wanted)


@pytest.mark.parametrize("height_px", [1, 2100])
def test_maps_of_any_height_are_written_whole(height_px: int) -> None:
    """One band of rows, and several."""
    mean = np.arange(height_px * 256, dtype=np.float32).reshape(height_px, 256) % 1000
    masked, alone = np.zeros((2, *mean.shape), np.bool_)
    masked[-1, -1] = True
    for available in (written.numba_available(), False):
        seed, growth = np.zeros((2, *mean.shape), np.uint16)
        with mock.patch.object(written, "numba_available", return_value=available):
            write_thresholds(
                mean, np.full_like(mean, 4), masked, alone, (3.0, 2.0, 0.0), 4095,
                seed, growth, None,
            )  # fmt: skip
        for made, above in ((seed, 12), (growth, 8)):
            expected = mean.astype(np.uint16) + above
            expected[-1, -1] = MASKED
            assert np.array_equal(made, expected)
