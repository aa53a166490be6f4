"""Whether light came from a side: both paths agree, and a frame without a grid is even."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration import evenness
from calibration.evenness import FIELDS, Evenness, Look, sums_numpy
from calibration.jit import numba_available
from tests.calibration.grids import Rows, rows


def in_numpy(even: Evenness, pixels: Any) -> Look:
    with mock.patch.object(evenness, "numba_available", return_value=False):
        return even.look(pixels)


@settings(max_examples=150, deadline=None)
@given(rows(heights=st.integers(1, 90)))
def test_both_paths_see_the_same_to_the_last_bit(given_rows: Rows) -> None:
    one = given_rows
    even = Evenness.of(one.mean_adu, one.sigma_adu)
    assert even.look(one.values) == in_numpy(even, one.values)


@settings(max_examples=60, deadline=None)
@given(rows(heights=st.integers(1, 3).map(lambda n: 8 * n), widths=st.just(40)))
def test_the_sums_of_the_strips_are_the_same_each_for_itself(given_rows: Rows) -> None:
    grid = given_rows.values, given_rows.mean_adu, given_rows.sigma_adu
    fast, plain, written = (np.zeros((2, FIELDS), np.int64) for _ in range(3))
    kernel = evenness._kernel() if numba_available() else sums_numpy
    paths = (evenness.sums_scalar, written), (kernel, fast), (sums_numpy, plain)
    middles = [path(*grid, strips) for path, strips in paths]
    assert np.array_equal(fast, plain)
    assert np.array_equal(written, plain)
    assert len({float(middle) for middle in middles}) == 1
    assert plain[0].sum() == plain[1].sum()


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1),
        (7, 7),
        (7, 8),
        (8, 7),
        (1, 4000),
        (4000, 1),
        (4, 300),
        (300, 4),
        (10, 5000),
        (5000, 10),
    ],
)
@pytest.mark.parametrize("look", [Evenness.look, in_numpy])
def test_a_frame_too_small_or_narrow_for_a_grid_is_even(look: Any, shape: tuple[int, int]) -> None:
    even = Evenness.of(np.zeros(shape, np.float32), np.ones(shape, np.float32))
    bright = np.zeros(shape, np.uint16)
    bright[0, 0] = 900
    assert look(even, bright) == Look(None, 0.0)


@pytest.mark.parametrize("shape", [(8, 8), (9, 15), (240, 320), (65, 4000), (1944, 2592)])
@pytest.mark.parametrize("look", [Evenness.look, in_numpy])
def test_the_brightest_strip_is_told_in_units_of_the_noise(
    look: Any, shape: tuple[int, int]
) -> None:
    mean, sigma = np.full(shape, 100, np.float32), np.full(shape, 4, np.float32)
    even = Evenness.of(mean, sigma)
    pixels = np.full(shape, 105, np.uint16)
    assert look(even, pixels) == Look(5.0, 0.0)
    pixels[:, : shape[1] // FIELDS] += np.uint16(8)
    assert look(even, pixels) == Look(5.0, 2.0)
    pixels[:, : shape[1] // FIELDS] += np.uint16(900)  # a hit is no light: 3 sigma and no more
    assert look(even, pixels) == Look(5.0, 3.0)


@pytest.mark.parametrize("shape", [(8, 8), (43, 75), (1080, 1920)])
def test_the_grid_is_of_some_thousand_pixels_of_all_fields(shape: tuple[int, int]) -> None:
    height, width = shape
    places = np.arange(height * width, dtype=np.float32).reshape(shape)
    grid = Evenness.of(places, np.ones(shape, np.float32)).mean_adu
    assert min(height * width, 4096) / 4 < grid.size < 4 * 4096
    assert len(np.unique(grid)) == grid.size
    rows_taken, cols_taken = np.divmod(grid.astype(int), width)
    assert (cols_taken // (width // FIELDS) == np.repeat(np.arange(8), grid.shape[1] // 8)).all()
    assert rows_taken.max() >= height * 3 // 4
