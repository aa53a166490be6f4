"""A rig's place leaves it no more exactly than its owner wants."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.load import load_config
from edge.messages.hit import HitMessage
from edge.position import cell_of, stated_position
from tests.message_examples import message

LATITUDE, LONGITUDE = 50.0616123, 19.9373456


def stated(**settings: object) -> dict | None:
    told = stated_position(
        load_config(None, {f"position.{k}": v for k, v in settings.items()}).position
    )
    return None if told is None else dict(told)


def test_without_a_position_none_is_told_and_without_a_length_it_is_told_as_it_is() -> None:
    assert stated() is None
    told = stated(latitude_deg=LATITUDE, longitude_deg=LONGITUDE, altitude_m=219.4)
    assert told == {
        "latitude_deg": LATITUDE, "longitude_deg": LONGITUDE, "altitude_m": 219.4,
        "accuracy_m": None, "provider": "manual",
    }  # fmt: skip


def test_a_cell_is_told_by_its_middle_and_covers_the_rig() -> None:
    told = stated(
        latitude_deg=LATITUDE, longitude_deg=LONGITUDE, altitude_m=219.4, geohash_letters=5
    )
    assert told is not None
    # u2yhv of the published algorithm: 50.0537109375 to 50.09765625, 19.9072265625 to 19.951171875.
    assert (told["latitude_deg"], told["longitude_deg"]) == (50.0756836, 19.9291992)
    assert told["altitude_m"] == 220.0
    assert 2_000 < told["accuracy_m"] < 3_500
    HitMessage.model_validate(message("hit", position=told))


@given(
    st.floats(-90, 90), st.floats(-180, 180), st.integers(1, 12), st.floats(-1, 1), st.floats(-1, 1)
)
def test_every_place_of_a_cell_is_told_alike_and_within_the_stated_radius(
    latitude: float, longitude: float, length: int, dy: float, dx: float
) -> None:
    middle_y, middle_x, radius_m = cell_of(latitude, longitude, length)
    north_m = (latitude - middle_y) * 111_320
    east_m = (longitude - middle_x) * 111_320 * math.cos(math.radians(latitude))
    assert math.hypot(north_m, east_m) <= radius_m + 0.02
    bits = 5 * length
    half_y, half_x = 90 / 2 ** (bits // 2), 180 / 2 ** ((bits + 1) // 2)
    inside = middle_y + 0.99 * dy * half_y, middle_x + 0.99 * dx * half_x
    if length < 9:  # beyond, seven decimals round the middle
        assert cell_of(*inside, length) == (middle_y, middle_x, pytest.approx(radius_m))
