"""A frame read where somebody asks: packed, shifted, in part, always the pixels it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.frame import Frame, SensorMode
from edge.pixels.packing import LAYOUTS as PACKED
from edge.pixels.packing import value_at, values_at
from edge.pixels.picture import Picture, raw
from edge.pixels.unpack import packed_width_bytes, unpack, unpack_numpy
from tests.edge.pixels.laid import (
    KINDS,
    PACKINGS,
    Values,
    full_scale,
    laid,
    moved,
    packing_of,
    picture,
    stored,
    without_numba,
)

SHIFTS_ADU = st.sampled_from([0, 0, 1, -1, 9, -30, 255, -255, 65_535, -65_535])
SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 40))


def random_values(kind: str, shape: tuple[int, int], seed: int) -> Values:
    random = np.random.default_rng(seed)
    return random.integers(0, full_scale(kind) + 1, shape).astype(np.uint16)


@st.composite
def windows(draw: st.DrawFn) -> tuple[tuple[int, int], slice, slice]:
    shape = draw(SHAPES)
    return shape, draw(st.slices(shape[0])), draw(st.slices(shape[1]))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), windows(), SHIFTS_ADU, st.sampled_from([1, 32]), st.integers(0, 99))
@example("mipi10", ((3, 10), slice(None), slice(9, 3)), 0, 1, 1)
@example("mipi14", ((3, 11), slice(None, None, -1), slice(10, None, -3)), 4, 32, 1)
@example("mipi12", ((3, 5), slice(2, 2), slice(None)), 0, 1, 1)
def test_a_window_is_that_of_the_plain_frame(
    kind: str,
    window: tuple[tuple[int, int], slice, slice],
    shift_adu: int,
    row_align_bytes: int,
    seed: int,
) -> None:
    shape, rows, cols = window
    values = random_values(kind, shape, seed)
    expected = moved(values, kind, shift_adu)[rows, cols]
    seen = picture(values, kind, shift_adu, row_align_bytes)
    for read in (seen[rows, cols], without_numba_at(seen, rows, cols)):
        assert read.dtype == expected.dtype
        assert np.array_equal(read, expected)


def without_numba_at(seen: Picture, rows: Any, cols: Any) -> Any:
    with without_numba():
        return seen[rows, cols]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(KINDS),
    SHAPES,
    SHIFTS_ADU,
    st.sampled_from(["contiguous", "padded", "read-only", "by columns", "every second row"]),
    st.integers(0, 2**32),
)
def test_pixels_at_places_are_those_of_the_plain_frame(
    kind: str, shape: tuple[int, int], shift_adu: int, layout: str, seed: int
) -> None:
    values, random = random_values(kind, shape, seed), np.random.default_rng(seed)
    expected = moved(values, kind, shift_adu)
    pixels = laid(stored(values, kind), layout)
    seen = Picture(pixels, shape[1], packing_of(kind)).moved(shift_adu)
    rows, cols = (random.integers(0, length, (6, 4)) for length in shape)
    flat = random.integers(0, values.size, 12)
    assert np.array_equal(seen[rows, cols], expected[rows, cols])
    assert np.array_equal(seen[rows[:, :1], cols[:1]], expected[rows[:, :1], cols[:1]])
    assert np.array_equal(seen.take(flat), expected.reshape(-1)[flat])
    assert np.array_equal(seen.take(flat[:0]), expected.reshape(-1)[:0])
    plain = seen.plain()
    assert np.array_equal(plain, expected)
    assert (seen.shape, seen.size, seen.dtype) == (expected.shape, expected.size, plain.dtype)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PACKINGS), SHAPES, st.sampled_from([1, 3, 32]), st.integers(0, 2**32))
def test_every_way_to_unpack_gives_what_was_packed(
    packing: Any, shape: tuple[int, int], row_align_bytes: int, seed: int
) -> None:
    values = random_values(packing, shape, seed)
    packed = stored(values, packing, row_align_bytes)
    layout = PACKED[packing]
    one_by_one = [
        [value_at(packed, layout, 0, y, x) for x in range(shape[1])] for y in range(shape[0])
    ]
    assert np.array_equal(one_by_one, values)
    assert np.array_equal(values_at(packed, layout, *np.indices(shape)), values)
    assert np.array_equal(unpack(packed, shape[1], packing), values)
    assert np.array_equal(unpack_numpy(packed, shape[1], packing), values)


@pytest.mark.parametrize("packing", PACKINGS)
def test_every_value_of_every_place_in_a_group_survives(packing: Any) -> None:
    most, group = full_scale(packing), PACKED[packing].pixels
    values = np.zeros((group, (most + 1) * group), np.uint16)
    for place in range(group):  # alone in its group, so that no neighbour's bits can stand in
        values[place, place::group] = np.arange(most + 1)
    packed = stored(values, packing)
    assert packed.shape[1] == packed_width_bytes(values.shape[1], packing)
    assert np.array_equal(unpack(packed, values.shape[1], packing), values)
    assert np.array_equal(unpack_numpy(packed, values.shape[1], packing), values)
    assert np.array_equal(values_at(packed, PACKED[packing], *np.indices(values.shape)), values)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KINDS), SHIFTS_ADU, st.integers(0, 99))
def test_one_pixel_as_kernels_read_it_is_the_plain_one(
    kind: str, shift_adu: int, seed: int
) -> None:
    values = random_values(kind, (3, 9), seed)
    read = raw(picture(values, kind, shift_adu))
    one_by_one = [[value_at(*read, y, x) for x in range(9)] for y in range(3)]
    assert np.array_equal(one_by_one, moved(values, kind, shift_adu))


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_a_plain_frame_at_its_own_level_is_not_copied(kind: str) -> None:
    pixels = laid(np.arange(20, dtype=kind).reshape(4, 5), "padded")
    seen = Picture(pixels, 5)
    assert np.shares_memory(seen.plain(), pixels)
    assert np.shares_memory(raw(seen)[0], pixels)
    assert seen.moved(0) is seen


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_frame_is_seen_by_its_mode(packing: Any) -> None:
    values = random_values(packing, (6, 13), 3)
    mode = SensorMode("made", 13, 6, int(packing[4:]), packing=packing)
    frame = Frame(stored(values, packing, 32), 0, 0, mode)
    assert np.array_equal(Picture.of(frame).plain(), values)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("at", [(slice(None), np.array([1])), (np.array([1]), slice(None))])
def test_slices_and_places_are_not_mixed(packing: Any, at: Any) -> None:
    with pytest.raises(TypeError, match="two slices, or two arrays"):
        picture(random_values(packing, (3, 8), 1), packing)[at]
