"""Clusters of packed and shifted frames, and floods: told alike, and never gathered whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.jit import numba_available
from edge.pixels import clusters
from edge.pixels.clusters import MOST_PX, grow, grow_numpy
from edge.pixels.picture import raw
from tests.edge.pixels.laid import KINDS, full_scale, laid, moved, picture, without_numba

compiled = pytest.mark.skipif(not numba_available(), reason="numba is not in use")


def lists(found: Any) -> list[list[int]] | None:
    return None if found is None else [cluster.tolist() for cluster in found]


def grow_without(*given: Any, **limits: Any) -> Any:
    with without_numba():
        return grow(*given, **limits)


def spots(random: np.random.Generator, shape: tuple[int, int], kind: str) -> Any:
    """A frame of which a third is above the growth threshold, and some seeds anywhere."""
    level = full_scale(kind) // 2
    values = random.integers(0, level, shape).astype(np.uint16)
    growth = np.full(shape, level, np.uint16)
    values[random.random(shape) < 0.3] = level + 9
    number = random.integers(0, values.size // 4 + 1)
    return values, growth, np.sort(random.choice(values.size, number, replace=False))


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.tuples(st.integers(1, 14), st.integers(1, 19)),
    st.sampled_from([0, 3, -3, 60, -60]),
    st.integers(0, 2**32),
)
def test_packed_and_shifted_frames_have_the_clusters_of_the_plain_one(
    kind: str, shape: tuple[int, int], shift_adu: int, seed: int
) -> None:
    values, growth, seeds = spots(np.random.default_rng(seed), shape, kind)
    plain, seen = moved(values, kind, shift_adu), picture(values, kind, shift_adu)
    expected = lists(grow_numpy(plain, growth, seeds)) if len(seeds) else []
    assert lists(grow(plain, growth, seeds)) == expected
    assert lists(grow(seen, growth, seeds)) == expected
    assert lists(grow_without(seen, growth, seeds)) == expected


@pytest.mark.parametrize("frame_layout", ["contiguous", "by columns", "columns reversed", "padded"])
@pytest.mark.parametrize("map_layout", ["contiguous", "by columns"])
def test_seeds_below_the_growth_threshold_belong_to_a_cluster_however_all_lies(
    frame_layout: str, map_layout: str
) -> None:
    frame = laid(np.zeros((4, 10), np.uint16), frame_layout)
    growth = laid(np.full((4, 10), 5, np.uint16), map_layout)
    seeds = np.array([3, 17, 18])
    for path in (grow, grow_without):
        assert lists(path(frame, growth, seeds)) == [[3], [17, 18]]


@settings(max_examples=120, deadline=None)
@given(st.tuples(st.integers(1, 14), st.integers(1, 19)), st.integers(0, 12), st.integers(0, 2**32))
def test_more_clusters_than_wanted_are_a_flood_to_both_paths(
    shape: tuple[int, int], most: int, seed: int
) -> None:
    values, growth, seeds = spots(np.random.default_rng(seed), shape, "uint16")
    marks = np.zeros(shape, np.uint8)
    whole = grow(values, growth, seeds, marks=marks)
    assert whole is not None
    assert not marks.any()
    found = grow(values, growth, seeds, most=most, marks=marks)
    assert not marks.any()
    assert lists(found) == (lists(whole) if len(whole) <= most else None)
    assert lists(grow_without(values, growth, seeds, most=most)) == lists(found)


@pytest.mark.parametrize("more_px", [-1, 0, 1, 9, 1000])
@pytest.mark.parametrize("parts", [1, 2])
def test_more_pixels_than_particles_light_are_a_flood_to_both_paths(
    more_px: int, parts: int
) -> None:
    """Just as many, one more, and many more, in one piece or in two."""
    frame, count = np.zeros((420, 400), np.uint16), MOST_PX + more_px
    half = count // parts
    frame.reshape(-1)[:half] = 9
    if parts == 2:
        frame.reshape(-1)[-(count - half) :] = 9
    seeds = np.flatnonzero(frame)[[0, -1]]
    growth, marks = np.full(frame.shape, 5, np.uint16), np.zeros(frame.shape, np.uint8)
    for found in (
        grow(frame, growth, seeds, most=50, marks=marks),
        grow_without(frame, growth, seeds, most=50),
    ):
        if more_px > 0:
            assert found is None
        else:
            assert found is not None
            assert sum(map(len, found)) == count
    assert not marks.any()


def test_who_sets_no_bound_gets_every_pixel() -> None:
    frame = np.full((300, 300), 9, np.uint8)
    for path in (grow, grow_without):
        (one,) = path(frame, np.zeros(frame.shape, np.uint16), np.array([77]))
        assert np.array_equal(one, np.arange(90_000))


@compiled
@pytest.mark.parametrize("kind", KINDS)
def test_of_a_flood_no_more_is_gathered_than_tells_that_it_is_one(kind: str) -> None:
    """All above the growth threshold; then seeds that all stand alone."""
    most = 50
    values = np.full((400, 500), full_scale(kind), np.uint16)
    marks = np.zeros(values.shape, np.uint8)
    everywhere = np.arange(0, values.size, 3)
    kernel = clusters._kernel()
    for level in (0, 65_535):
        growth = np.full(values.shape, level, np.uint16)
        seen = raw(picture(values, kind))
        alone = everywhere if level == 0 else everywhere.reshape(-1)[::5]
        members, ends = kernel(*seen, growth, alone, marks, most, MOST_PX)
        assert len(ends) <= most + 1
        assert len(members) <= MOST_PX + 8  # the neighbours of the last pixel looked at
        assert len(np.unique(members)) == len(members)
        assert ends[-1] == len(members)
        assert not marks.any()
        assert grow(picture(values, kind), growth, alone, most=most, marks=marks) is None


def test_marks_serve_frame_after_frame_floods_among_them() -> None:
    random, marks = np.random.default_rng(3), np.zeros((40, 50), np.uint8)
    told = set()
    for _ in range(30):
        values, growth, seeds = spots(random, (40, 50), "uint16")
        seeds = seeds[: random.integers(0, 30)]
        found = grow(values, growth, seeds, most=12, marks=marks)
        assert lists(found) == lists(grow(values, growth, seeds, most=12))
        told.add(found is None)
    assert told == {True, False}
