"""Streaming statistics are exact, and the same on both paths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from calibration.statistics import (
    LARGEST_KEPT,
    MOST_FRAMES,
    WHEN_KEPT,
    PixelStatistics,
    _numba_kernel,
    add_numpy,
)
from edge.config.model import CalibrationConfig


@settings(max_examples=30, deadline=None)
@given(
    arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 5)),
    )
)
def test_the_compiled_path_equals_numpy_bit_for_bit(stack: np.ndarray) -> None:
    shape = stack.shape[1:]
    fast, plain = PixelStatistics(*shape), PixelStatistics(*shape)
    for number, frame in enumerate(stack):
        _numba_kernel()(frame, fast.total, fast.squares, fast.largest, fast.when, number)
        add_numpy(frame, plain.total, plain.squares, plain.largest, plain.when, number)
    assert np.array_equal(fast.total, plain.total)
    assert np.array_equal(fast.squares, plain.squares)
    assert np.array_equal(fast.largest, plain.largest)
    assert np.array_equal(fast.when, plain.when)


@settings(max_examples=30, deadline=None)
@given(arrays(np.uint16, st.tuples(st.integers(4, 12), st.just(2), st.just(3))))
def test_sums_and_largest_values_are_exact(stack: np.ndarray) -> None:
    statistics = PixelStatistics(2, 3)
    for frame in stack:
        statistics.add(frame)
    wide = stack.astype(np.uint64)
    assert np.array_equal(statistics.total, wide.sum(axis=0))
    assert np.array_equal(statistics.squares, (wide * wide).sum(axis=0))
    # Largest first, of equal ones the earliest; a zero is never taken down.
    order = np.argsort(-stack.astype(int), axis=0, kind="stable")[:LARGEST_KEPT]
    assert np.array_equal(statistics.largest, np.take_along_axis(stack, order, axis=0))
    when = np.where(statistics.largest > 0, order, 0)[:WHEN_KEPT]
    assert np.array_equal(statistics.when, when)


def test_the_largest_value_of_all_does_not_overflow_the_sums() -> None:
    statistics = PixelStatistics(1, 1)
    full = np.full((1, 1), 65_535, np.uint16)
    for _ in range(1000):
        statistics.add(full)
    assert statistics.total[0, 0] == 65_535 * 1000
    assert statistics.squares[0, 0] == 65_535**2 * 1000


def test_a_frame_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="statistics are"):
        PixelStatistics(2, 2).add(np.zeros((2, 3), np.uint8))


def test_no_frame_is_added_to_sums_that_are_given_back() -> None:
    statistics = PixelStatistics(1, 2)
    statistics.add(np.array([[3, 4]], np.uint8))
    statistics.release_sums()
    assert statistics.largest[0].tolist() == [[3, 4]]
    with pytest.raises(ValueError, match="statistics are"):
        statistics.add(np.array([[3, 4]], np.uint8))


def test_a_strided_read_only_frame_is_read_as_it_is() -> None:
    frame = np.arange(24, dtype=np.uint16).reshape(4, 6)[::2, ::3]
    frame.flags.writeable = False
    statistics = PixelStatistics(2, 2)
    statistics.add(frame)
    assert np.array_equal(statistics.total, frame)


def test_more_frames_than_the_integers_hold_are_refused() -> None:
    statistics = PixelStatistics(1, 1)
    statistics.count = MOST_FRAMES - 1
    statistics.add(np.ones((1, 1), np.uint16))
    assert statistics.when[0, 0, 0] == (MOST_FRAMES - 1) % 256
    with pytest.raises(ValueError, match="65536 frames can't take another"):
        statistics.add(np.ones((1, 1), np.uint16))


def test_the_longest_calibration_that_can_be_configured_fits() -> None:
    assert CalibrationConfig(frames=MOST_FRAMES).frames == MOST_FRAMES
    with pytest.raises(ValidationError):
        CalibrationConfig(frames=MOST_FRAMES + 1)
