"""The hit at a place: only its own pixels, whatever shines beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.features.hit import HIT_NAMES, hit_features

CENTRE = (30, 30)


def told(excess: np.ndarray, place: tuple[int, int] | None = CENTRE) -> dict[str, float]:
    return dict(zip(HIT_NAMES, hit_features(excess, place).tolist(), strict=True))


def noise(seed: int = 0, sigma: float = 2.0) -> np.ndarray:
    values = np.rint(np.random.default_rng(seed).normal(0, sigma, (60, 60)))
    return values - np.median(values)


def track(length: int = 15, slope: float = 0.4, height: float = 200.0) -> np.ndarray:
    excess = noise()
    for step in range(length):
        excess[30 + round(slope * step), 30 + step] += height
    return excess


def test_a_brighter_pixel_elsewhere_changes_nothing_but_the_share_of_the_brightest() -> None:
    plain, beside = track(), track()
    beside[5, 5] = 900
    one, other = told(plain), told(beside)
    assert other.pop("hit_of_brightest") < 0.3 < 0.9 < one.pop("hit_of_brightest")
    assert other == pytest.approx(one)
    assert told(beside, None)["lit4_area_px"] == 1  # without a place it is the hit


@pytest.mark.parametrize("off", [(-1, -1), (0, 1), (1, 0)])
def test_the_place_may_be_one_pixel_off(off: tuple[int, int]) -> None:
    excess = noise()
    excess[30, 30] = 300
    assert told(excess, (30 + off[0], 30 + off[1])) == told(excess)


def test_a_straight_hit_is_long_and_a_bent_one_deviates() -> None:
    straight, bent = told(track()), noise()
    for step in range(15):
        bent[30 + round(4 * np.sin(step / 3)), 30 + step] += 200
    curved = told(bent)
    assert straight["lit4_near_length_px"] == pytest.approx(np.hypot(15, 6), abs=1.5)
    assert straight["lit4_near_bend"] < 1.2 < 2 < curved["lit4_near_bend"]
    assert straight["lit4_near_roundness"] < 0.2


def test_a_gap_of_a_pixel_is_bridged_only_where_near_ones_count() -> None:
    excess = track(slope=0.0)
    excess[30, 37] = 0
    found = told(excess)
    assert (found["lit4_area_px"], found["lit4_near_area_px"]) == (7, 14)


def test_charge_that_spreads_shows_in_the_neighbours_and_a_flicker_has_none() -> None:
    flicker, spread = noise(), noise()
    flicker[30, 30] += 400
    spread[30, 30] += 400
    spread[29:32, 29:32] += 8
    assert abs(np.sinh(told(flicker)["cross_sigma"])) < 4 < np.sinh(told(spread)["cross_sigma"])


@given(
    arrays(np.uint16, st.tuples(st.integers(1, 12), st.integers(1, 12))),
    st.none() | st.tuples(st.integers(-3, 14), st.integers(-3, 14)),
)
def test_any_picture_and_place_give_finite_numbers(
    pixels: np.ndarray, place: tuple[int, int] | None
) -> None:
    excess = pixels - np.median(pixels)
    found = hit_features(excess, place)
    assert np.isfinite(found).all()
    assert (hit_features(excess + 0.0, place) == found).all()


@given(st.integers(0, 3), st.integers(0, 30))
def test_turned_and_mirrored_hits_measure_the_same(turns: int, seed: int) -> None:
    excess = np.pad(track() + 0.001 * noise(seed), ((0, 1), (0, 1)))  # CENTRE is its middle
    # But for the cross-sections, which begin at the other end.
    found = hit_features(np.rot90(excess, turns), CENTRE)
    assert found == pytest.approx(hit_features(excess, CENTRE), rel=0.02, abs=1e-6)
