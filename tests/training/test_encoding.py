"""Numbers in steps: monotone, bounded, and of half precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.classification.numbers import NAMES
from training.encoding import MIDDLE, OF_HIT, OF_PICTURE, STEPS, Encoding

FIRST_USED, END = OF_PICTURE
USED = END - FIRST_USED


def told(seed: int = 0, count: int = 500) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = random.lognormal(0, 2, (count, len(NAMES))).astype(np.float32)
    values[:, END - 1] = 7  # tells nothing
    return values


@given(st.integers(0, 50))
def test_what_a_number_says_only_rises_with_it(seed: int) -> None:
    encoding = Encoding.of(told(), OF_PICTURE)
    one = told(seed, 1)
    more = one + np.abs(told(seed + 1, 1))
    less, above = encoding.encode(one), encoding.encode(more)
    assert less.shape == (1, STEPS * USED)
    assert (above >= less).all()
    assert np.abs(above).max() <= MIDDLE


def test_each_step_holds_its_share_of_the_crops() -> None:
    values = told(count=4000)
    shown = Encoding.of(values, OF_PICTURE).encode(values)
    inside = (np.abs(shown) < MIDDLE).mean(axis=0).reshape(STEPS, USED)
    # Borders of half precision, and many-valued numbers: about a third each.
    assert inside[:, :-1] == pytest.approx(np.full((STEPS, USED - 1), 1 / STEPS), abs=0.03)
    assert (shown.reshape(-1, STEPS, USED)[:, :, -1] == -MIDDLE).all()


def test_steps_are_numbers_of_half_precision_however_large_the_values() -> None:
    values = told()
    values[:, FIRST_USED] *= 1e9
    values[0, FIRST_USED + 1] = np.inf
    encoding = Encoding.of(values, OF_PICTURE)
    for one in (encoding.low, encoding.scale):
        assert np.isfinite(one).all()
        assert (one == one.astype(np.float16)).all()
    assert np.isfinite(encoding.encode(values)).all()


def test_what_tells_the_camera_is_not_shown() -> None:
    encoding, one = Encoding.of(told(), OF_PICTURE), told(1, 3)
    other = one.copy()
    other[:, :FIRST_USED] += 1000
    assert (encoding.encode(one) == encoding.encode(other)).all()


def test_a_picture_is_not_told_by_the_place_of_its_hit_and_a_hit_is() -> None:
    one = told(1, 3)
    other = one.copy()
    other[:, END : OF_HIT[1]] += 3
    for columns, same in ((OF_PICTURE, True), (OF_HIT, False)):
        encoding = Encoding.of(told(), columns)
        assert bool((encoding.encode(one) == encoding.encode(other)).all()) is same
