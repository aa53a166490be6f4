from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from edge.sources import fits_header


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"DATE-OBS": "2017-09-08T20:48:41.901"}, "2017-09-08T20:48:41.901"),
        ({"DATE-OBS": "2017-09-08T20:48:41"}, "2017-09-08T20:48:41"),
        ({"DATE-OBS": "2017-09-08", "TIME-OBS": "20:48:41.5"}, "2017-09-08T20:48:41.5"),
        ({"DATE-OBS": "2017-09-08T01:02:03", "TIME-OBS": "09:09:09"}, "2017-09-08T01:02:03"),
        ({"DATE-OBS": "08/09/97", "TIME-OBS": "20:48:41"}, "1997-09-08T20:48:41"),
        ({"DATE-OBS": "2016-12-31T23:59:60"}, "2017-01-01T00:00:00"),
        ({"DATE-OBS": "2017-09-08T20:48:41", "TIMESYS": "UTC"}, "2017-09-08T20:48:41"),
    ],
)
def test_the_start_of_exposure_is_read(cards: dict[str, str], expected: str) -> None:
    start = datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert fits_header.start_utc_ns(cards) == round(start.timestamp() * 1000) * 10**6


def test_nanoseconds_are_kept() -> None:
    cards = {"DATE-OBS": "1970-01-01T00:00:00.123456789"}
    assert fits_header.start_utc_ns(cards) == 123_456_789


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"DATE-OBS": ""},
        {"DATE-OBS": "2017-09-08"},
        {"DATE-OBS": "2017-13-08T00:00:00"},
        {"DATE-OBS": "yesterday"},
        {"DATE-OBS": 20170908},
        {"DATE-OBS": "2017-09-08T25:00:00"},
        {"DATE-OBS": "2017-09-08T20:48:41", "TIMESYS": "TDB"},
    ],
)
def test_no_time_is_better_than_a_wrong_one(cards: dict[str, object]) -> None:
    assert fits_header.start_utc_ns(cards) is None


def test_exposure_is_found_under_either_name() -> None:
    assert fits_header.exposure_ns({"EXPTIME": 0.1}) == 100_000_000
    assert fits_header.exposure_ns({"EXPOSURE": "60"}) == 60_000_000_000
    assert fits_header.exposure_ns({"EXPTIME": 0}) == 0
    assert fits_header.exposure_ns({"EXPTIME": -1}) is None
    assert fits_header.exposure_ns({"EXPTIME": "long"}) is None


@pytest.mark.parametrize(
    ("cards", "bits"),
    [
        ({}, None),
        ({"DATAMAX": 4095}, 12),
        ({"DATAMAX": 65535.0}, 16),
        ({"DATAMAX": 4000}, None),
        ({"BITDEPTH": 14}, 14),
        ({"BITDEPTH": 99}, None),
    ],
)
def test_bit_depth_is_taken_from_what_states_it(cards: dict[str, object], bits: int) -> None:
    assert fits_header.bit_depth(cards) == bits


@pytest.mark.parametrize("seconds", [-1, 1e10, 1e300, float("nan"), "long"])
def test_an_exposure_that_none_can_be_is_not_believed(seconds: object) -> None:
    assert fits_header.exposure_ns({"EXPTIME": seconds}) is None


@pytest.mark.parametrize("um", [-1, 0, 1e-9, 1e300])
def test_a_pitch_that_none_can_be_is_not_believed(um: float) -> None:
    assert fits_header.pixel_pitch_um({"XPIXSZ": um}) is None


def test_the_pitch_keeps_the_area_of_an_oblong_pixel() -> None:
    binned_apart = {"XPIXSZ": 9.0, "YPIXSZ": 9.0, "XBINNING": 1, "YBINNING": 2}
    assert fits_header.pixel_pitch_um(binned_apart) == pytest.approx(math.sqrt(9 * 18))
    already_counted = {"XPIXSZ": 9.0, "YPIXSZ": 18.0, "XBINNING": 1, "YBINNING": 2}
    assert fits_header.pixel_pitch_um(already_counted) == pytest.approx(math.sqrt(9 * 18))
    assert fits_header.pixel_pitch_um({"XPIXSZ": 5.4}) == pytest.approx(5.4)
    assert fits_header.pixel_pitch_um({"XPIXSZ": 0}) is None
