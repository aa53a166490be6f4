"""Augmented crops are crops of the same hit; dim ones hold none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.classification.numbers import NAMES, numbers
from edge.classification.prepare import prepare
from training.augment import augmented, dimmed, on_other_ground


def hit(dtype: type, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    scale = 1 if dtype is np.uint8 else 16
    pixels = np.rint(random.normal(12, 1, (60, 60)) * scale)
    for step in range(12):
        pixels[30 + step // 2, 26 + step] += 90 * scale
    return np.clip(pixels, 0, np.iinfo(dtype).max).astype(dtype)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([np.uint8, np.uint16]), st.integers(0, 500))
def test_a_copy_is_a_crop_of_its_kind_and_the_hit_still_stands_out(dtype: type, seed: int) -> None:
    pixels = hit(dtype, 1)
    made = augmented(pixels, np.random.default_rng(seed))
    assert (made.dtype, made.shape) == (pixels.dtype, pixels.shape)
    stands_out = numbers(made)[NAMES.index("stands_out_log")]
    assert np.exp(stands_out) > 18
    same = augmented(pixels, np.random.default_rng(seed))
    assert np.array_equal(made, same)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([np.uint8, np.uint16]), st.integers(0, 500))
def test_in_a_dim_copy_nothing_stands_out_as_a_particle_does(dtype: type, seed: int) -> None:
    made = dimmed(hit(dtype, 2), np.random.default_rng(seed))
    assert made.dtype == dtype
    assert np.exp(numbers(made)[NAMES.index("stands_out_log")]) < 30


def test_black_level_gain_and_depth_do_not_reach_the_model() -> None:
    pixels = np.zeros((60, 60), np.uint8)
    pixels[28:32, 29:33] = [[3, 20, 9, 0], [8, 60, 50, 5], [2, 40, 44, 9], [0, 3, 8, 1]]
    shown = prepare(pixels)
    for other in (pixels + np.uint8(40), pixels.astype(np.uint16) + np.uint16(200)):
        assert np.array_equal(prepare(other), shown)
    # Another gain changes how far it stands out of no noise at all, not its shape.
    assert np.allclose(prepare(pixels * np.uint8(2))[..., 0], shown[..., 0])


def test_a_hit_away_from_the_middle_is_shown_in_it() -> None:
    here, there = np.zeros((60, 60), np.uint8), np.zeros((60, 60), np.uint8)
    here[30, 30:33], there[5, 50:53] = 90, 90
    middle = prepare(here)[16:32, 16:32]
    assert np.array_equal(prepare(there)[16:32, 16:32], middle)
    assert middle.max() == pytest.approx(1.0, abs=0.3)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([np.uint8, np.uint16]), st.integers(0, 500))
def test_another_ground_changes_its_level_and_leaves_the_hit_and_the_noise(
    dtype: type, seed: int
) -> None:
    pixels = hit(dtype, 2)
    made = on_other_ground(pixels, np.random.default_rng(seed))
    assert (made.dtype, made.shape) == (pixels.dtype, pixels.shape)
    lit = pixels > np.median(pixels) + 40 * (1 if dtype is np.uint8 else 16)
    moved = made.astype(float) - pixels
    assert np.ptp(moved[lit]) < 12 * pixels[~lit].std()
    place = NAMES.index("stands_out_log")
    assert abs(numbers(made)[place] - numbers(pixels)[place]) < np.log(2)
