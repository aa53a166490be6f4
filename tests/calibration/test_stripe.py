"""What of a stripe is quiet, its level and its noise: compiled and in NumPy the same bits."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration import stripe
from calibration.stripe import Quiet, look_at, look_numpy
from tests.calibration.grids import Rows, rows


def bits(seen: Quiet) -> tuple[Any, ...]:
    return seen.quiet.tobytes(), float(seen.level_adu).hex(), float(seen.noise_square).hex()


def in_numpy(*given_to_it: Any) -> Quiet:
    with mock.patch.object(stripe, "numba_available", return_value=False):
        return look_at(*given_to_it)


@settings(max_examples=200, deadline=None)
@given(rows(), st.sampled_from([1.0, 3.0, 4.2]), st.sampled_from([0.0, 0.37, -12.5, 900.0]))
def test_both_paths_see_the_same_to_the_last_bit(
    given_rows: Rows, growth_sigma: float, middle_adu: float
) -> None:
    one = given_rows
    given_to_both = one.values, one.mean_adu, one.sigma_adu, growth_sigma, middle_adu
    seen = look_at(*given_to_both)
    assert bits(seen) == bits(in_numpy(*given_to_both))
    assert np.isfinite([seen.level_adu, seen.noise_square]).all()


@settings(max_examples=40, deadline=None)
@given(rows(heights=st.integers(50, 130), widths=st.integers(250, 300)))
def test_of_a_large_stripe_some_rows_are_summed_by_both_paths_alike(given_rows: Rows) -> None:
    one = given_rows
    seen = look_at(one.values, one.mean_adu, one.sigma_adu, 3.0, 0.0)
    assert bits(seen) == bits(in_numpy(one.values, one.mean_adu, one.sigma_adu, 3.0, 0.0))


@settings(max_examples=100, deadline=None)
@given(rows(), st.sampled_from([1.0, 3.0]))
def test_quiet_is_neither_lit_nor_dark_nor_beside_a_lit_one(
    given_rows: Rows, growth_sigma: float
) -> None:
    """Pixel by pixel, as one would write it down."""
    one = given_rows
    apart = one.values.astype(np.float32) - one.mean_adu
    limit = one.sigma_adu * np.float32(growth_sigma)
    quiet = np.abs(apart) <= limit
    height, width = quiet.shape
    for y, x in zip(*np.nonzero(apart > limit), strict=True):
        for ny, nx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= ny < height and 0 <= nx < width:
                quiet[ny, nx] = False
    seen = look_at(one.values, one.mean_adu, one.sigma_adu, growth_sigma, 0.0)
    assert np.array_equal(seen.quiet, quiet)


@pytest.mark.parametrize("look", [look_at, in_numpy])
@pytest.mark.parametrize("shape", [(0, 30), (3, 30)])
def test_a_stripe_without_quiet_pixels_has_the_level_it_was_told(
    look: Any, shape: tuple[int, int]
) -> None:
    values = np.full(shape, 900, np.uint16)
    seen = look(values, np.zeros(shape, np.float32), np.ones(shape, np.float32), 3.0, 0.25)
    assert not seen.quiet.any()
    assert (seen.level_adu, seen.noise_square) == (0.25, 1.0)


@pytest.mark.parametrize("look", [look_at, in_numpy])
def test_level_and_noise_are_those_of_the_quiet_pixels(look: Any) -> None:
    random = np.random.default_rng(1)
    values = np.rint(random.normal(107, 4, (40, 200))).astype(np.uint16)
    values[::5, ::9] = 65_535
    maps = np.full(values.shape, 100, np.float32), np.full(values.shape, 4, np.float32)
    seen = look(values, *maps, 4.0, 6.0)
    quiet = values[seen.quiet].astype(float) - 100
    assert seen.level_adu == pytest.approx(quiet.mean(), abs=0.02)
    assert seen.noise_square == pytest.approx(((quiet - quiet.mean()) / 4).var(), abs=0.01)


def test_the_reference_writes_all_of_the_map_it_is_given() -> None:
    quiet = np.ones((2, 3), np.bool_)
    values, maps = np.full((2, 3), 9, np.uint8), np.ones((2, 3), np.float32)
    count, _, squares = look_numpy(values, maps, maps, np.float32(2), np.float32(0), 1, quiet)
    assert (count, squares) == (0, 0)
    assert not quiet.any()
