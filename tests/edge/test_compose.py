"""The hit's message body: its times, its crop, its digits, and that the message model takes it."""

from __future__ import annotations

import base64
import dataclasses
import json

import numpy as np
import pytest

from edge.classification.rules import RuleClassifier
from edge.clock import RecordedClock, Stamp, SystemClock
from edge.compose import hit_body
from edge.crop import crop, decode_png
from edge.describe import describe
from edge.detection import Candidate, FrameStamp, Hit
from edge.frame import SensorMode
from edge.messages import HitMessage, encode, envelope, parse_message, parse_utc_ns
from edge.timeline import LiveTimeline, RecordedTimeline

MODE = SensorMode(
    sensor="imx219",
    width_px=100,
    height_px=80,
    bit_depth=10,
    exposure_ns=30_000_000,
    row_time_ns=18_904,
    black_level_adu=64.0,
)
PROVENANCE = {
    "calibration_id": "c-1",
    "model_id": "rules/1",
    "config_hash": "abc",
    "software": "cosmic-edge 0.1.0",
}
PLAN_KEYS = [
    "time_utc",
    "time_uncertainty_s",
    "window_start_utc",
    "window_end_utc",
    "clock",
    "series",
    "frame",
    "x_px",
    "y_px",
    "peak_adu",
    "sum_adu",
    "area_px",
    "crop",
    "features",
    "class",
    "scores",
    "anomaly",
    "position",
    "orientation",
    "provenance",
]
ADDED_KEYS = {"votes", "frames_lit", "temperature_c", "boot_id", "time_boot_ns"}


class FixedClock:
    """Boot time plus 1000 s, good to 1.5 ms."""

    boot_id = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"

    def boottime_ns(self) -> int:
        return 0

    def stamp(self, time_ns: int) -> Stamp:
        return Stamp(time_ns + 1_000_000_000_000, 0.0015, "synced")


def hit(**stamp: object) -> Hit:
    pixels = np.full((80, 100), 64, np.uint16)
    pixels[40, 50:56] = [100, 400, 900, 1023, 300, 90]
    rows, cols = np.nonzero(pixels > 64)
    found = Candidate(
        rows=rows.astype(np.int32),
        cols=cols.astype(np.int32),
        values_adu=pixels[rows, cols],
        excess_adu=(pixels[rows, cols] - 64.1).astype(np.float32),
        peak=3,
        peak_sigma=479.45,
        crop=crop(pixels, 40, 53),
    )
    features = describe(found)
    (answer,) = RuleClassifier().classify([(found, features)])
    base = FrameStamp(
        sequence=7,
        index=7,
        series="",
        mode=MODE,
        sensor_time_ns=5_000_000_000,
        utc_ns=None,
        exposure_ns=30_000_000,
        temperature_c=41.23456,
        origin="camera",
    )
    return Hit(
        frame=dataclasses.replace(base, **stamp),
        candidate=found,
        frames_lit=2,
        features=features,
        label=answer.label,
        scores=answer.scores,
    )


def message(body: dict[str, object]) -> HitMessage:
    whole = envelope(
        "hit", body, rig="cellar-1", epoch="0123456789abcdef", seq=5, floor=2, origin="camera"
    )
    parsed = parse_message(encode(whole))
    assert isinstance(parsed, HitMessage)
    return parsed


def test_body_makes_a_valid_message_that_says_what_the_hit_says():
    body = hit_body(
        hit(),
        SystemClock(),
        PROVENANCE,
        {"latitude_deg": 50.1, "longitude_deg": 19.9, "altitude_m": 220.0, "provider": "manual"},
        {"zenith_deg": 0.0},
    )
    read = message(body)
    assert (read.x_px, read.y_px, read.peak_adu, read.area_px) == (53, 40, 1023, 6)
    assert read.sum_adu == pytest.approx(2813 - 6 * 64.1, abs=0.001)
    assert (read.class_, read.frames_lit, read.frame) == ("track", 2, 7)
    assert read.position is not None
    assert read.position.latitude_deg == 50.1
    assert read.orientation is not None
    assert read.provenance.model_id == "rules/1"
    assert read.temperature_c == 41.235


def test_keys_are_the_plans_in_its_order():
    body = hit_body(hit(), FixedClock(), PROVENANCE)
    assert [key for key in body if key not in ADDED_KEYS] == PLAN_KEYS
    assert set(body) == {*PLAN_KEYS, *ADDED_KEYS}


def test_window_is_the_exposure_of_the_brightest_pixels_row():
    body = hit_body(hit(), FixedClock(), PROVENANCE)
    row_start_ns = 1_005_000_000_000 + 40 * 18_904
    assert parse_utc_ns(body["window_start_utc"]) == row_start_ns
    assert parse_utc_ns(body["window_end_utc"]) == row_start_ns + 30_000_000
    assert parse_utc_ns(body["time_utc"]) == row_start_ns + 15_000_000
    assert body["window_start_utc"] == "1970-01-01T00:16:45.000756160Z"
    assert body["time_boot_ns"] == 5_000_000_000 + 40 * 18_904 + 15_000_000
    assert body["time_uncertainty_s"] == 0.0015
    assert body["clock"] == "synced"


def test_odd_window_keeps_its_length():
    body = hit_body(hit(exposure_ns=3), FixedClock(), PROVENANCE)
    start, middle, end = (
        parse_utc_ns(body[key]) for key in ("window_start_utc", "time_utc", "window_end_utc")
    )
    assert (middle - start, end - middle) == (1, 2)


def test_recording_is_dated_by_its_own_time_and_holds_no_boot():
    utc_ns = parse_utc_ns("2019-03-02T01:02:03.000000004Z")
    body = hit_body(hit(utc_ns=utc_ns), RecordedClock(), PROVENANCE)
    assert body["window_start_utc"] == "2019-03-02T01:02:03.000756164Z"
    assert body["clock"] == "unsynced"
    assert body["time_uncertainty_s"] is None
    assert "boot_id" not in body
    assert "time_boot_ns" not in body
    message(body)


def test_recording_without_times_counts_from_1970_at_thirty_a_second():
    untimed = dataclasses.replace(MODE, exposure_ns=None, row_time_ns=0)
    stamp = {"sensor_time_ns": None, "exposure_ns": 0, "mode": untimed, "index": 30}
    body = hit_body(hit(**stamp), RecordedClock(), PROVENANCE)
    assert body["window_start_utc"] == "1970-01-01T00:00:01.000000000Z"
    assert body["window_end_utc"] == "1970-01-01T00:00:01.033333333Z"


def test_timeline_places_the_frame_where_given():
    timeline = RecordedTimeline()
    timeline.start_ns(hit(sensor_time_ns=4_000_000_000).frame)
    body = hit_body(hit(), RecordedClock(), PROVENANCE, timeline=timeline)
    assert body["window_start_utc"] == "1970-01-01T00:00:01.000756160Z"
    live = hit_body(hit(), FixedClock(), PROVENANCE, timeline=LiveTimeline())
    assert live == hit_body(hit(), FixedClock(), PROVENANCE)


def test_crop_comes_back_count_for_count():
    found = hit()
    body = hit_body(found, FixedClock(), PROVENANCE)["crop"]
    assert body["encoding"] == "png"
    assert (body["x0_px"], body["y0_px"]) == (23, 10)
    assert (body["width_px"], body["height_px"]) == (60, 60)
    assert (body["bit_depth"], body["black_level_adu"]) == (10, 64.0)
    np.testing.assert_array_equal(
        decode_png(base64.b64decode(body["data"])), found.candidate.crop.pixels
    )


def test_black_level_is_the_measured_one_before_the_stated_one():
    measured = hit_body(hit(), FixedClock(), PROVENANCE, black_level_adu=63.87654)
    assert measured["crop"]["black_level_adu"] == 63.877
    unknown = hit(mode=dataclasses.replace(MODE, black_level_adu=None))
    body = hit_body(unknown, FixedClock(), PROVENANCE)
    assert body["crop"]["black_level_adu"] is None
    message(body)


def test_digits_are_few_enough_to_be_the_same_everywhere():
    found = hit()
    wobbly = dataclasses.replace(
        found,
        features={name: value * (1 + 2e-16) for name, value in found.features.items()},
        scores={name: value * (1 + 2e-16) for name, value in found.scores.items()},
        anomaly=-0.0,
    )
    body, other = (
        encode(hit_body(one, RecordedClock(), PROVENANCE))
        for one in (dataclasses.replace(found, anomaly=0.0), wobbly)
    )
    assert body == other
    assert b"-0.0" not in other
    for value in json.loads(body)["features"].values():
        assert len(f"{value:.12g}".replace(".", "").replace("-", "").lstrip("0")) <= 6


def test_bound_is_rounded_up_never_down():
    class Fine(FixedClock):
        def stamp(self, time_ns: int) -> Stamp:
            return Stamp(time_ns, 0.0000000011, "holdover")

    body = hit_body(hit(), Fine(), PROVENANCE)
    assert body["time_uncertainty_s"] == 2e-9
    assert body["clock"] == "holdover"


@pytest.mark.parametrize("celsius", [None, float("nan"), float("inf")])
def test_temperature_that_is_no_number_is_absent(celsius):
    body = hit_body(hit(temperature_c=celsius), FixedClock(), PROVENANCE)
    assert body["temperature_c"] is None
    message(body)


def test_expected_votes_stand_beside_the_scores_and_are_null_where_nobody_knows():
    assert message(hit_body(hit(), FixedClock(), PROVENANCE)).votes is None
    votes = {"spot": 0.2, "track": 0.79999999, "worm": 0.0, "artefact": 0.0}
    voted = dataclasses.replace(hit(), votes=votes)
    body = hit_body(voted, FixedClock(), PROVENANCE)
    assert body["votes"] == {"spot": 0.2, "track": 0.8, "worm": 0.0, "artefact": 0.0}
    read = message(body).votes
    assert read is not None
    assert read.track == 0.8


def test_a_hit_written_before_there_were_votes_is_still_read():
    body = hit_body(hit(), FixedClock(), PROVENANCE)
    del body["votes"]
    assert message(body).votes is None
