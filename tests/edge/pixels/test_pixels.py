"""The pixel pass: both paths agree bit for bit, and clusters are what they should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.pixels import clusters, scan, unpack
from edge.pixels.thresholds import ThresholdMap

shapes = st.tuples(st.integers(1, 14), st.integers(1, 17))


@st.composite
def frames_and_thresholds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = draw(shapes)
    kind = draw(st.sampled_from([np.uint8, np.uint16]))
    top = np.iinfo(kind).max
    values = st.sampled_from([0, 1, 5, 6, 7, top - 1, top])
    frame = draw(arrays(kind, shape, elements=values))
    limits = st.sampled_from([0, 5, 6, top, 65_535])
    seed = draw(arrays(np.uint16, shape, elements=limits))
    growth = np.minimum(draw(arrays(np.uint16, shape, elements=limits)), seed)
    return frame, seed, growth


@settings(max_examples=150, deadline=None)
@given(frames_and_thresholds(), st.integers(0, 300))
def test_scan_is_the_same_compiled_and_in_numpy(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], black: int
) -> None:
    frame, seed, _ = case
    fast = scan.scan(frame, ThresholdMap.of(seed), black)
    plain = scan.scan_numpy(frame, ThresholdMap.of(seed), black)
    assert (fast.total_adu, fast.bright, fast.lit) == (plain.total_adu, plain.bright, plain.lit)
    assert np.array_equal(fast.seeds, plain.seeds)


@settings(max_examples=150, deadline=None)
@given(frames_and_thresholds())
def test_clusters_are_the_same_compiled_and_in_numpy(
    case: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    frame, seed, growth = case
    seeds = scan.scan_numpy(frame, ThresholdMap.of(seed), 0).seeds
    fast = clusters.grow(frame, growth, seeds)
    plain = clusters.grow_numpy(frame, growth, seeds) if len(seeds) else []
    assert len(fast) == len(plain)
    for a, b in zip(fast, plain, strict=True):
        assert np.array_equal(a, b)
    if fast:
        together = np.concatenate(fast)
        assert len(np.unique(together)) == len(together)
        assert set(seeds) <= set(together)


@settings(max_examples=50, deadline=None)
@given(frames_and_thresholds(), st.integers(1, 3), st.integers(1, 3))
def test_strided_read_only_frames_give_the_same_as_copies(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], row_step: int, col_step: int
) -> None:
    frame, seed, _ = case
    view, limit = frame[::row_step, ::col_step], seed[::row_step, ::col_step]
    view.flags.writeable = False
    found = scan.scan(view, ThresholdMap.of(limit), 3)
    expected = scan.scan_numpy(view.copy(), ThresholdMap.of(limit), 3)
    assert found.total_adu == expected.total_adu
    assert np.array_equal(found.seeds, expected.seeds)


def test_a_saturated_large_frame_sums_without_overflow() -> None:
    frame = np.full((2000, 3000), 65_535, np.uint16)
    found = scan.scan(frame, ThresholdMap.of(np.full_like(frame, 65_535)), 65_534)
    assert found.total_adu == 65_535 * 6_000_000
    assert found.bright == 6_000_000
    assert found.lit == 0


def test_more_lit_pixels_than_can_be_looked_at_are_counted_all_the_same() -> None:
    frame = np.full((300, 300), 9, np.uint8)
    found = scan.scan(frame, ThresholdMap.of(np.zeros((300, 300), np.uint16)), 0)
    assert found.lit == 90_000
    assert len(found.seeds) == scan.MOST_SEEDS


def grown(picture: list[str]) -> list[list[int]]:
    """Clusters of a drawing: '#' seeds, '+' growth, '.' dark."""
    levels = {"#": 9, "+": 5, ".": 0}
    frame = np.array([[levels[c] for c in row] for row in picture], np.uint8)
    seeds = np.flatnonzero(frame > 7)
    found = clusters.grow(frame, np.full(frame.shape, 3, np.uint16), seeds)
    return [cluster.tolist() for cluster in found]


def test_diagonal_neighbours_are_one_cluster() -> None:
    assert grown(["#..", ".+.", "..+"]) == [[0, 4, 8]]


def test_growth_pixels_without_a_seed_are_no_cluster() -> None:
    assert grown(["++.", "...", "..#"]) == [[8]]


def test_two_seeds_apart_are_two_clusters_joined_seeds_are_one() -> None:
    assert grown(["#.#"]) == [[0], [2]]
    assert grown(["#+#"]) == [[0, 1, 2]]


def test_clusters_do_not_wrap_around_the_edge_of_a_row() -> None:
    assert grown(["..#", "#.."]) == [[2], [3]]


def test_a_long_track_is_one_cluster() -> None:
    frame = np.zeros((200, 200), np.uint16)
    np.fill_diagonal(frame, 100)
    found = clusters.grow(frame, np.full(frame.shape, 10, np.uint16), np.flatnonzero(frame))
    assert [len(cluster) for cluster in found] == [200]


@pytest.mark.parametrize("packing", ["mipi10", "mipi12", "mipi14"])
@pytest.mark.parametrize("width", [1, 4, 5, 7, 64])
def test_packed_rows_unpack_to_what_was_packed(packing: unpack.Packing, width: int) -> None:
    bits = int(packing[4:])
    rng = np.random.default_rng(width)
    values = rng.integers(0, 1 << bits, (3, width)).astype(np.uint16)
    packed = pack(values, packing)
    padded = np.pad(packed, ((0, 0), (0, 6)))
    assert np.array_equal(unpack.unpack(padded, width, packing), values)


def pack(values: np.ndarray, packing: unpack.Packing) -> np.ndarray:
    """Pack as MIPI CSI-2 says, byte by byte."""
    low = {"mipi10": 2, "mipi12": 4, "mipi14": 6}[packing]
    pixels = {"mipi10": 4, "mipi12": 2, "mipi14": 4}[packing]
    rows = []
    for values_of_row in values.tolist():
        row = values_of_row + [0] * (-len(values_of_row) % pixels)
        data = bytearray()
        for i in range(0, len(row), pixels):
            group = row[i : i + pixels]
            data += bytes(v >> low for v in group)
            tail = sum((v & ((1 << low) - 1)) << (low * k) for k, v in enumerate(group))
            data += tail.to_bytes(low * pixels // 8, "little")
        rows.append(np.frombuffer(bytes(data), np.uint8))
    return np.stack(rows)
