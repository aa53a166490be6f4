"""What is known of a tile spares a look at its thresholds, and hides no lit pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.pixels import thresholds
from edge.pixels.packing import TILE_PX, tile_px_of
from edge.pixels.scan import scan
from edge.pixels.thresholds import ThresholdMap

LEVEL = 300


@st.composite
def maps(draw: st.DrawFn) -> np.ndarray:
    """Thresholds near one level, with few pixels far above it, or all alike, or masked."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 2 * TILE_PX + 3))
    values = rng.integers(LEVEL, LEVEL + draw(st.sampled_from([1, 2, 30])), shape)
    for _ in range(draw(st.integers(0, 5))):
        y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        values[y, x] = draw(st.sampled_from([0, LEVEL + 60, 4000, 65_535]))
    return values.astype(np.uint16)


@settings(max_examples=200, deadline=None)
@given(maps())
def test_tiles_are_known_the_same_compiled_and_in_numpy(values: np.ndarray) -> None:
    fast = ThresholdMap.of(values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thresholds, "numba_available", lambda: False)
        plain = ThresholdMap.of(values)
    assert np.array_equal(fast.lowest, plain.lowest)
    assert np.array_equal(fast.apart, plain.apart)
    assert np.array_equal(fast.apart_limit[fast.apart >= 0], plain.apart_limit[plain.apart >= 0])


@settings(max_examples=300, deadline=None)
@given(maps(), st.integers(0, 2**32), st.sampled_from([np.uint8, np.uint16]))
def test_no_pixel_above_its_threshold_is_passed_over(
    values: np.ndarray, seed: int, kind: type
) -> None:
    rng = np.random.default_rng(seed)
    if kind is np.uint8:
        values = np.minimum(values // 4, 255).astype(np.uint16)
    # As bright as the thresholds, a little below or above: hot pixels that are lit and are not.
    near = values.astype(np.int64) + rng.choice(
        [-9, -1, 0, 1], values.shape, p=[0.9, 0.05, 0.04, 0.01]
    )
    pixels = np.clip(near, 0, np.iinfo(kind).max).astype(kind)
    found = scan(pixels, ThresholdMap.of(values), 70)
    assert np.array_equal(found.seeds, np.flatnonzero(pixels > values))


def test_one_hot_pixel_of_a_tile_is_known_by_its_place_and_two_are_not() -> None:
    values = np.full((3, 2 * TILE_PX + 5), LEVEL, np.uint16)
    tile_px = ThresholdMap.of(values).tile_px
    values[0, 7] = 4000
    values[1, [7, 9]] = 4000
    values[2, -1] = 65_535
    made = ThresholdMap.of(values)
    assert made.apart.tolist() == [[7, -1], [-1, -1], [-1, 2 * TILE_PX + 4 - tile_px]]
    assert made.apart_limit[0, 0] == 4000
    assert made.lowest.tolist() == [[LEVEL, LEVEL]] * 3


@pytest.mark.parametrize("width_px", [1, 63, 64, 320, 640, 767, 768, 1280, 1920, 2592, 4056, 9999])
def test_the_tiles_of_a_row_are_of_about_one_width(width_px: int) -> None:
    tile_px = tile_px_of(width_px)
    tiles = -(-width_px // tile_px)
    assert tile_px % 64 == 0
    assert tile_px <= 768
    assert tiles == max(round(width_px / TILE_PX), 1)
    if tiles > 4:
        assert width_px - (tiles - 1) * tile_px > tile_px / 4
