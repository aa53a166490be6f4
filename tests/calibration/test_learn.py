"""What a stripe teaches: compiled and in NumPy the same bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration import learn
from calibration.jit import numba_available
from calibration.learn import SCATTER_PARTS, Rows, Steps
from tests.calibration import grids

STEPS = Steps(
    weight=1 / 64, step_adu=0.0, level_adu=0.0, usual_square=1.0, noise_memory=128,
    restless=1.6, risen_sigma=1.0, risen_adu=0.0,
)  # fmt: skip
compiled = pytest.param(
    True, marks=pytest.mark.skipif(not numba_available(), reason="numba is not in use")
)
paths = pytest.mark.parametrize("numba", [compiled, False])


def rows_of(one: grids.Rows, full_scale_adu: int) -> Rows:
    """Maps of a stripe; what is written over holds garbage."""
    shape, random, parts = one.values.shape, one.random, 65_535 / full_scale_adu
    first = one.mean_adu - random.normal(0, 1, shape) * one.sigma_adu
    return Rows(
        now_adu=one.mean_adu,
        next_adu=random.normal(0, 9, shape).astype(np.float32),
        sigma_adu=one.sigma_adu,
        excess=random.integers(0, 65_536, shape).astype(np.uint16),
        first=np.clip(first * parts, 0, 65_535).astype(np.uint16),
        parts=parts,
    )


def copy(rows: Rows) -> Rows:
    return replace(rows, next_adu=rows.next_adu.copy(), excess=rows.excess.copy())


def written(rows: Rows) -> tuple[bytes, bytes]:
    return rows.next_adu.tobytes(), rows.excess.tobytes()


def in_numpy(*given_to_it: Any) -> Any:
    with mock.patch.object(learn, "numba_available", return_value=False):
        return learn.learn(*given_to_it)


steps = st.builds(
    Steps,
    weight=st.sampled_from([1.0, 1 / 13, 1 / 64]),
    step_adu=st.sampled_from([0.0, 0.31, -7.0]),
    level_adu=st.sampled_from([0.0, 0.21, -3.3, 400.0]),
    usual_square=st.sampled_from([1.0, 0.9137, 3.0]),
    noise_memory=st.sampled_from([1.0, 128.0]),
    restless=st.sampled_from([0.5, 1.6]),
    risen_sigma=st.sampled_from([0.0, 1.0]),
    risen_adu=st.sampled_from([0.0, 0.4]),
    judges=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(grids.rows(), steps, st.sampled_from([255, 1023, 65_535]))
def test_both_paths_learn_the_same_to_the_last_bit(
    given_rows: grids.Rows, how: Steps, full_scale_adu: int
) -> None:
    one = given_rows
    quiet = one.random.random(one.values.shape) < 0.8
    fast = rows_of(one, full_scale_adu)
    plain = copy(fast)
    found = learn.learn(one.values, quiet, fast, how)
    expected = in_numpy(one.values, quiet, plain, how)
    assert found.tolist() == expected.tolist()
    assert found.dtype == expected.dtype
    assert written(fast) == written(plain)
    assert np.isfinite(fast.next_adu).all()


@settings(max_examples=80, deadline=None)
@given(grids.rows(heights=st.integers(1, 4)), steps)
def test_one_that_does_not_judge_learns_the_same_and_names_none(
    given_rows: grids.Rows, how: Steps
) -> None:
    one = given_rows
    quiet = one.random.random(one.values.shape) < 0.8
    judged = rows_of(one, 1023)
    unjudged = copy(judged)
    learn.learn(one.values, quiet, judged, replace(how, judges=True))
    assert learn.learn(one.values, quiet, unjudged, replace(how, judges=False)).tolist() == []
    assert written(judged) == written(unjudged)


def small() -> Rows:
    """A row of three pixels at a baseline of 100 with a noise of 4, in 12 bits."""
    shape, parts = (1, 3), 65_535 / 4095
    return Rows(
        now_adu=np.full(shape, 100, np.float32),
        next_adu=np.zeros(shape, np.float32),
        sigma_adu=np.full(shape, 4, np.float32),
        excess=np.full(shape, SCATTER_PARTS, np.uint16),
        first=np.full(shape, 100 * parts, np.uint16),
        parts=parts,
    )


@paths
def test_a_value_moves_the_baseline_and_the_scatter_of_quiet_pixels_alone(numba: bool) -> None:
    rows, stripe = small(), np.full((1, 3), 116, np.uint16)
    quiet = np.array([[True, False, True]])
    with mock.patch.object(learn, "numba_available", return_value=numba):
        found = learn.learn(stripe, quiet, rows, replace(STEPS, weight=0.25, step_adu=2.0))
    assert rows.next_adu.tolist() == [[106, 102, 106]]
    # 16 in units of the variance, and 1 so far: the mean of 128 moves by 15 / 128.
    grown = SCATTER_PARTS * (1 + 15 / 128)
    assert rows.excess.tolist() == [[grown, SCATTER_PARTS, grown]]
    assert found.tolist() == [0, 2]  # more than a sigma above where they began


@paths
def test_scatter_beyond_what_sixteen_bits_hold_stays_at_the_most(numba: bool) -> None:
    rows, stripe = small(), np.full((1, 3), 4095, np.uint16)
    with mock.patch.object(learn, "numba_available", return_value=numba):
        learn.learn(stripe, np.ones((1, 3), np.bool_), rows, STEPS)
    assert rows.excess.tolist() == [[65_535] * 3]


@paths
@pytest.mark.parametrize(
    ("change", "named"),
    [({"restless": 1.05}, True), ({"restless": 1.2}, False), ({"risen_sigma": 0.9}, True),
     ({"risen_sigma": 0.9, "risen_adu": 3.0}, False)],
)  # fmt: skip
def test_a_pixel_is_named_for_its_scatter_or_its_rise(
    numba: bool, change: dict[str, float], named: bool
) -> None:
    rows, stripe = small(), np.full((1, 3), 116, np.uint16)
    calm = replace(STEPS, weight=0.25, restless=9.0, risen_sigma=9.0)
    with mock.patch.object(learn, "numba_available", return_value=numba):
        found = learn.learn(stripe, np.ones((1, 3), np.bool_), rows, replace(calm, **change))
    assert found.tolist() == ([0, 1, 2] if named else [])
