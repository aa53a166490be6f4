"""Any hit and any exposure record that our messages allow has a body that CREDO's API takes."""

from __future__ import annotations

import base64
import json
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.credo_uplink.device import device_of
from edge.credo_uplink.items import Item, LeftOut, offer_hit, offer_ping
from edge.credo_uplink.picture import lit_pixels, make_picture, to_gray
from edge.credo_uplink.request import MAX_BODY_BYTES, Packer, Request
from edge.crop import encode_png
from edge.detection import Crop
from edge.hits.record import parse_hit
from edge.messages import encode, envelope, format_utc_ns, parse_message, parse_utc_ns
from tests.edge.credo_uplink.conftest import exposure, hit
from tests.edge.credo_uplink.credo_rules import DETECTION, DEVICE, PING, check_device, checked
from tests.edge.credo_uplink.credo_server import picture_mean
from tests.edge.hits.made import track

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=256)
IDENTIFIER = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
COUNT = st.integers(0, 2**53 - 1)
KEY = st.text("abcdefghijklmnopqrstuvwxyzABC_.-019", min_size=1, max_size=64)
UTC_NS = st.integers(-62_135_596_800 * 10**9, 253_402_300_799 * 10**9)
SCORE = st.none() | st.floats(0, 1)


@st.composite
def crops(draw: st.DrawFn) -> dict[str, Any]:
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    bits = draw(st.integers(1, 16))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    dtype = np.uint8 if bits <= 8 and draw(st.booleans()) else np.uint16
    pixels = rng.integers(0, 1 << bits, (height, width)).astype(dtype)
    return {
        "x0_px": draw(COUNT), "y0_px": draw(COUNT), "width_px": width, "height_px": height,
        "bit_depth": bits, "black_level_adu": draw(st.none() | FINITE), "encoding": "png",
        "data": base64.b64encode(encode_png(Crop(pixels, 0, 0))).decode(),
    }  # fmt: skip


@st.composite
def hits(draw: st.DrawFn) -> dict[str, Any]:
    """Hit messages as wild as the schema allows, from a camera."""
    moment = format_utc_ns(draw(UTC_NS))
    position = st.fixed_dictionaries(
        {"latitude_deg": st.floats(-90, 90), "longitude_deg": st.floats(-180, 180)},
        optional={
            "altitude_m": st.none() | FINITE,
            "accuracy_m": st.none() | st.floats(0, 1e300),
            "provider": st.none() | ANY_TEXT,
        },
    )
    body = {
        "time_utc": moment, "window_start_utc": moment, "window_end_utc": moment,
        "time_uncertainty_s": draw(st.none() | st.floats(0, 1e300)),
        "clock": draw(st.sampled_from(["synced", "holdover", "unsynced"])),
        "series": draw(ANY_TEXT), "frame": draw(COUNT), "frames_lit": draw(st.integers(1, 1000)),
        "x_px": draw(COUNT), "y_px": draw(COUNT), "peak_adu": draw(COUNT), "sum_adu": draw(FINITE),
        "area_px": draw(st.integers(1, 2**31)), "crop": draw(crops()),
        "features": draw(st.dictionaries(KEY, FINITE, max_size=64)),
        "class": draw(st.sampled_from(["spot", "track", "worm", "artefact"])),
        "scores": draw(st.fixed_dictionaries({}, optional={"spot": SCORE, "worm": SCORE})),
        "anomaly": draw(st.none() | FINITE),
        "temperature_c": draw(st.none() | st.floats(-273, 1000)),
        "position": draw(st.none() | position), "orientation": draw(st.none() | st.just({})),
        "provenance": {
            "calibration_id": draw(st.none() | IDENTIFIER),
            "model_id": draw(st.none() | IDENTIFIER),
            "config_hash": draw(IDENTIFIER), "software": draw(IDENTIFIER),
        },
    }  # fmt: skip
    rig = draw(st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True))
    return envelope("hit", body, rig=rig, epoch="0123456789ab", seq=1, floor=1, origin="camera")


MODES = st.fixed_dictionaries(
    {}, optional={"sensor": ANY_TEXT, "width_px": COUNT, "height_px": COUNT}
)


@settings(max_examples=150, deadline=None)
@given(one=hits(), mode=st.none() | MODES, model=st.none() | ANY_TEXT)
def test_any_hit_has_a_body_the_server_takes(
    one: dict[str, Any], mode: dict[str, Any] | None, model: str | None
) -> None:
    offer = offer_hit(parse_hit(encode(one), "test"), mode)
    assert isinstance(offer, Item)
    (request,) = Packer(model).pack([offer])
    value = json.loads(request.body())
    check_device(value)
    assert set(value) == {*DEVICE, "detections"}
    unknown: set[str] = set()
    (row,) = value["detections"]
    checked(row, DETECTION, unknown)
    assert not unknown
    assert row["timestamp"] == parse_utc_ns(one["time_utc"]) // 10**6
    assert len(row["frame_content"]) < 40_000
    assert json.loads(row["metadata"])["id"] == one["id"]
    if one["position"] is None:
        assert (row["latitude"], row["longitude"], row["provider"]) == (0.0, 0.0, "none")
    else:
        assert row["latitude"] == one["position"]["latitude_deg"]


@settings(max_examples=60, deadline=None)
@given(
    ends=st.tuples(UTC_NS, UTC_NS),
    live_ns=st.integers(0, 2**63 - 1),
    boots=st.tuples(st.none() | st.integers(0, 2**62), st.none() | st.integers(0, 2**62)),
    rejected=st.dictionaries(KEY, st.integers(0, 10), max_size=64),
    software=IDENTIFIER,
)
def test_any_record_has_a_ping_the_server_takes_or_is_too_long(
    ends: tuple[int, int],
    live_ns: int,
    boots: tuple[int | None, int | None],
    rejected: dict[str, int],
    software: str,
) -> None:
    record = exposure(
        1,
        from_utc=format_utc_ns(ends[0]), to_utc=format_utc_ns(ends[1]), live_time_ns=live_ns,
        from_boot_ns=boots[0], to_boot_ns=boots[1], rejected=rejected,
        candidates=3 + sum(rejected.values()),
        provenance={"calibration_id": None, "config_hash": "a", "software": software},
    )  # fmt: skip
    offer = offer_ping(parse_message(encode(record)))  # type: ignore[arg-type]
    if isinstance(offer, LeftOut):
        assert offer.real
        assert offer.reason == "too_long"
        span_ns = max(live_ns, abs(ends[1] - ends[0]), *(abs(one or 0) for one in boots))
        assert span_ns >= 2**31 * 10**6
        return
    (request,) = Packer().pack([offer])
    value = json.loads(request.body())
    check_device(value)
    unknown: set[str] = set()
    checked(value, PING, unknown, DEVICE)
    assert not unknown
    assert value["on_time"] == live_ns // 10**6


def test_metadata_that_would_be_too_long_lose_their_least_part_first() -> None:
    wild = "\U0001f600" * 128
    one = hit(
        1,
        features={f"{n:02d}{'f' * 62}": -1.2345678901234567e-300 for n in range(64)},
        provenance={
            "calibration_id": wild, "model_id": wild, "config_hash": wild, "software": wild
        },
    )  # fmt: skip
    offer = offer_hit(parse_hit(encode(one), "test"), None)
    assert isinstance(offer, Item)
    assert len(offer.content["metadata"]) <= 10_000
    metadata = json.loads(offer.content["metadata"])
    assert "features" not in metadata
    assert metadata["calibration_id"] == metadata["config_hash"] == wild


def test_the_example_of_the_api_is_met_field_by_field() -> None:
    offer = offer_hit(parse_hit(encode(hit(1)), "test"), {"sensor": "imx219", "width_px": 1280})
    assert isinstance(offer, Item)
    (request,) = Packer("Pi 4B imx219").pack([offer])
    text = request.body().decode()
    assert text.startswith('{"device_id":"roof-1","device_type":"cosmic-edge",')
    (row,) = json.loads(text)["detections"]
    assert list(row) == list(DETECTION)
    metadata = json.loads(row["metadata"])
    assert metadata["true_time"] == row["timestamp"]
    assert metadata["picture"] == {
        "way": "whole", "x0_px": 100, "y0_px": 200, "width_px": 60, "height_px": 60,
        "scale": "linear", "adu_of_0": 64.0, "adu_of_255": 1023.0,
    }  # fmt: skip


def test_counts_can_be_told_from_the_picture_as_the_metadata_says() -> None:
    one = hit(1)
    offer = offer_hit(parse_hit(encode(one), "test"), None)
    assert isinstance(offer, Item)
    how = json.loads(offer.content["metadata"])["picture"]
    gray = decoded(offer.content["frame_content"]).astype(float)
    counts = how["adu_of_0"] + gray * (how["adu_of_255"] - how["adu_of_0"]) / 255
    step = (how["adu_of_255"] - how["adu_of_0"]) / 255
    assert np.abs(counts - np.maximum(track(), 64)).max() <= step / 2 + 1e-3
    assert picture_mean(offer.content["frame_content"]) < 0.15 * 255


def test_long_names_of_rigs_stay_apart_and_short() -> None:
    names = [device_of("a" * 60 + end, "s").fields()["device_id"] for end in "bc"]
    assert names[0] != names[1]
    assert all(len(name) == 50 for name in names)
    assert device_of(" ", "\n", "\t").fields()["device_model"] == "unknown"


def test_a_rig_stays_one_device_where_a_calibration_is_gone() -> None:
    parsed = [parse_hit(encode(hit(seq)), "test") for seq in (1, 2, 3)]
    modes = [None, {"sensor": "imx219"}, None]
    items = [offer_hit(one, mode) for one, mode in zip(parsed, modes, strict=True)]
    requests = list(Packer(max_hits=2).pack(one for one in items if isinstance(one, Item)))
    assert [one.device.device_model for one in requests] == ["imx219", "imx219"]


def test_requests_are_of_one_rig_and_of_a_size_that_is_taken() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 1023, (160, 160)).astype(np.uint16)
    parsed = [
        parse_hit(encode(hit(seq, pixels=noise, rig="b" if seq > 40 else "a")), "test")
        for seq in range(1, 46)
    ]
    items = [offer_hit(one, None) for one in parsed]
    requests: list[Request] = list(
        Packer(max_hits=100).pack(i for i in items if isinstance(i, Item))
    )
    assert sum(len(one.items) for one in requests) == 45
    assert all(len({item.rig for item in one.items}) == 1 for one in requests)
    assert all(len(one.body()) <= MAX_BODY_BYTES for one in requests)
    assert len(requests) > 2


# -- pictures ---------------------------------------------------------------------------------


def decoded(text: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(text), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return picture


def scene(size: int, sigma: float, line: tuple[int, int, int, int]) -> np.ndarray:
    """A 12 bit crop with noise and a line of light."""
    pixels = np.random.default_rng(5).normal(800, sigma, (size, size))
    lit = np.zeros((size, size), np.uint8)
    cv2.line(lit, line[:2], line[2:], 1, 2)
    return np.clip(np.rint(pixels + lit.astype(float) * 3000), 0, 4095).astype(np.uint16)


@pytest.mark.parametrize(
    ("line", "size", "way"),
    [
        ((20, 20, 40, 40), 60, "whole"),
        ((100, 90, 160, 150), 256, "cut"),
        ((3, 3, 60, 30), 512, "cut"),
        ((10, 10, 160, 150), 512, "cut"),
        ((5, 5, 500, 505), 512, "ground_blacked"),
    ],
)
def test_no_pixel_of_a_hit_is_ever_cut_away(
    line: tuple[int, int, int, int], size: int, way: str
) -> None:
    counts = scene(size, 200.0, line)
    gray = to_gray(counts, 12, 0.0)
    picture = make_picture(counts, gray, (line[1], line[0]))
    assert picture.way == way
    assert len(picture.content) < 40_000
    shown = decoded(picture.content)
    assert shown.shape == (picture.height_px, picture.width_px)
    lit = np.argwhere(lit_pixels(counts, (line[1], line[0])))
    assert len(lit) > 20
    at = lit - (picture.y0_px, picture.x0_px)
    assert (at >= 0).all()
    assert (at < shown.shape).all()
    assert np.array_equal(shown[at[:, 0], at[:, 1]], gray[lit[:, 0], lit[:, 1]])


def test_a_cut_picture_has_a_size_that_credos_analysis_takes() -> None:
    counts = scene(512, 200.0, (300, 300, 320, 310))
    picture = make_picture(counts, to_gray(counts, 12, 0.0), (300, 300))
    assert (picture.width_px, picture.height_px) == (128, 128)


def test_a_hit_that_can_not_be_shown_is_sent_without_a_picture() -> None:
    counts = np.random.default_rng(1).integers(0, 2, (512, 512)).astype(np.uint16) * 2000
    counts[:, ::2] = np.random.default_rng(2).integers(1000, 4096, (512, 256))
    picture = make_picture(counts, to_gray(counts, 12, 0.0), (256, 256))
    assert picture.way in ("cut", "ground_blacked", "left_out")
    assert len(picture.content) < 40_000


def test_a_peak_outside_its_crop_is_no_fault() -> None:
    counts = scene(256, 200.0, (100, 100, 120, 120))
    picture = make_picture(counts, to_gray(counts, 12, 0.0), (-5, 1000))
    assert picture.brightest == to_gray(counts, 12, 0.0).max()
