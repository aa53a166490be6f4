"""What a model is shown: the same whatever camera it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.classification.prepare import CHANNELS, SIZE_PX, prepare
from tests.edge.classification.made import tracked


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 140),
    width=st.integers(1, 140),
    depth=st.sampled_from([np.uint8, np.uint16]),
    seed=st.integers(0, 9),
    lit=st.booleans(),
)
def test_every_crop_becomes_a_finite_square(height, width, depth, seed, lit):
    most = np.iinfo(depth).max
    pixels = np.random.default_rng(seed).integers(0, most, (height, width), depth, endpoint=True)
    shown = prepare(pixels if lit else np.full_like(pixels, most))
    assert shown.shape == (SIZE_PX, SIZE_PX, CHANNELS)
    assert shown.dtype == np.float32
    assert np.isfinite(shown).all()


def test_the_black_level_does_not_show():
    assert prepare(tracked() + 100) == pytest.approx(prepare(tracked()), abs=1e-5)


def test_where_the_hit_lies_in_its_crop_does_not_show():
    there = np.full((60, 60), 64, np.uint16)
    there[20:24, 20:30] = 500
    here = np.roll(there, (7, -4), (0, 1))
    np.testing.assert_allclose(prepare(here), prepare(there), atol=1e-6)


def test_a_small_crop_is_padded_and_a_large_one_cut():
    pixels = np.full((20, 20), 10, np.uint8)
    pixels[10, 10] = 200
    large = np.full((300, 200), 10, np.uint8)
    large[250, 120] = 200
    np.testing.assert_allclose(prepare(pixels), prepare(large), atol=1e-6)


def test_the_pixels_that_are_given_are_not_changed():
    pixels = tracked()
    before = pixels.copy()
    prepare(pixels)
    assert np.array_equal(pixels, before)
