"""What a stripe teaches: compiled and in NumPy the same bits, in all maps."""

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
from calibration.learn import Steps, learn_numpy
from calibration.maps import MASKED
from tests.calibration import grids

STEPS = Steps(
    weight=1 / 64, step_adu=0.0, level_adu=0.0, usual_square=1.0, noise_memory=128,
    restless=1.6, risen_sigma=1.0, risen_adu=0.0,
)  # fmt: skip
NAMES = ("seed_threshold", "growth_threshold", "look_threshold")
SIGMAS = (5.7, 3.1, 3.9)

compiled = pytest.param(
    True, marks=pytest.mark.skipif(not numba_available(), reason="numba is not in use")
)
paths = pytest.mark.parametrize("numba", [compiled, False])


def maps_of(one: grids.Rows, full_scale_adu: int, looks: bool) -> learn.Rows:
    """Maps with hidden pixels and such that are judged alone; what is written holds garbage."""
    shape, random = one.values.shape, one.random
    thresholds = {
        name: (random.integers(0, MASKED, shape).astype(np.uint16), sigmas)
        for name, sigmas in zip(NAMES[: 2 + looks], SIGMAS, strict=False)
    }
    return learn.Rows(
        one.mean_adu,
        random.normal(0, 9, shape).astype(np.float32),
        (one.mean_adu - random.normal(0, 1, shape) * one.sigma_adu).astype(np.float32),
        one.sigma_adu,
        random.uniform(0, 3, shape).astype(np.float32),
        random.random(shape) < 0.1,
        random.random(shape) < 0.1,
        thresholds,
        full_scale_adu,
    )


def copy(rows: learn.Rows) -> learn.Rows:
    return replace(
        rows,
        next_adu=rows.next_adu.copy(),
        excess=rows.excess.copy(),
        thresholds={name: (values.copy(), s) for name, (values, s) in rows.thresholds.items()},
    )


def written(rows: learn.Rows) -> dict[str, bytes]:
    maps = {name: values.tobytes() for name, (values, _) in rows.thresholds.items()}
    return {"next": rows.next_adu.tobytes(), "excess": rows.excess.tobytes(), **maps}


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
@given(grids.rows(), steps, st.sampled_from([255, 1023, 65_535]), st.booleans())
def test_both_paths_learn_the_same_to_the_last_bit(
    given_rows: grids.Rows, how: Steps, full_scale_adu: int, looks: bool
) -> None:
    one = given_rows
    quiet = one.random.random(one.values.shape) < 0.8
    fast = maps_of(one, full_scale_adu, looks)
    plain = copy(fast)
    found = learn.learn(one.values, quiet, fast, how)
    expected = learn_numpy(one.values, quiet, plain, how)
    assert found.tolist() == expected.tolist()
    assert found.dtype == expected.dtype
    assert written(fast) == written(plain)


@settings(max_examples=80, deadline=None)
@given(grids.rows(heights=st.integers(1, 4)), steps)
def test_one_that_does_not_judge_learns_the_same_and_names_none(
    given_rows: grids.Rows, how: Steps
) -> None:
    one = given_rows
    quiet = one.random.random(one.values.shape) < 0.8
    judged = maps_of(one, 1023, True)
    unjudged = copy(judged)
    learn.learn(one.values, quiet, judged, replace(how, judges=True))
    assert learn.learn(one.values, quiet, unjudged, replace(how, judges=False)).tolist() == []
    assert written(judged) == written(unjudged)


def small(value: int, **changes: Any) -> tuple[np.ndarray, learn.Rows]:
    """A row of five pixels at a baseline of 100 with a noise of 4; the last but one is masked."""
    shape = (1, 5)
    flat = np.full(shape, 100, np.float32)
    heights = dict(zip(NAMES, (6.0, 3.0, 4.0), strict=True))
    rows = learn.Rows(
        flat, np.zeros(shape, np.float32), flat.copy(), np.full(shape, 4, np.float32),
        np.ones(shape, np.float32), np.array([[False, False, False, True, False]]),
        np.array([[False, False, True, False, False]]),
        {name: (np.zeros(shape, np.uint16), s) for name, s in heights.items()},
        1023,
    )  # fmt: skip
    return np.full(shape, value, np.uint16), replace(rows, **changes)


@paths
def test_a_value_moves_baseline_and_thresholds_of_quiet_pixels_alone(numba: bool) -> None:
    stripe, rows = small(116)
    quiet = np.array([[True, False, True, True, True]])
    with mock.patch.object(learn, "numba_available", return_value=numba):
        found = learn.learn(stripe, quiet, rows, replace(STEPS, weight=0.25, step_adu=2.0))
    assert rows.next_adu.tolist() == [[106, 102, 106, 106, 106]]
    assert rows.excess.tolist() == [[1 + 15 / 128, 1, *[1 + 15 / 128] * 3]]
    assert rows.thresholds["seed_threshold"][0].tolist() == [[130, 126, 130, MASKED, 130]]
    assert rows.thresholds["growth_threshold"][0].tolist() == [[118, 114, 118, MASKED, 118]]
    assert rows.thresholds["look_threshold"][0].tolist() == [[122, 118, 130, MASKED, 122]]
    assert found.tolist() == [0, 2, 3, 4]  # more than a sigma above where they began


@paths
@pytest.mark.parametrize(
    ("change", "named"),
    [({"restless": 1.05}, True), ({"restless": 1.2}, False), ({"risen_sigma": 0.9}, True),
     ({"risen_sigma": 0.9, "risen_adu": 3.0}, False)],
)  # fmt: skip
def test_a_pixel_is_named_for_its_scatter_or_its_rise(
    numba: bool, change: dict[str, float], named: bool
) -> None:
    stripe, rows = small(116)
    quiet = np.ones((1, 5), np.bool_)
    calm = replace(STEPS, weight=0.25, restless=9.0, risen_sigma=9.0)
    with mock.patch.object(learn, "numba_available", return_value=numba):
        found = learn.learn(stripe, quiet, rows, replace(calm, **change))
    assert found.tolist() == (list(range(5)) if named else [])
