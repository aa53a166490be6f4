from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from edge.messages import (
    MAX_MESSAGE_BYTES,
    MESSAGE_TYPES,
    Ack,
    Health,
    HitMessage,
    MessageError,
    Status,
    digest,
    encode,
    envelope,
    message_id,
    parse_message,
    parse_service,
)
from tests.message_examples import EPOCH, RIG, body, message, png


@pytest.mark.parametrize("kind", MESSAGE_TYPES)
def test_every_kind_comes_back_as_its_model(kind: str) -> None:
    parsed = parse_message(encode(message(kind)))
    assert type(parsed) is MESSAGE_TYPES[kind]
    assert (parsed.kind, parsed.key) == (kind, (RIG, EPOCH, 9))


def test_the_envelope_comes_first_and_bytes_are_stable() -> None:
    payload = encode(message("hit"))
    assert list(json.loads(payload))[:7] == [
        "schema", "rig", "epoch", "seq", "id", "floor", "origin",
    ]  # fmt: skip
    assert payload == encode(json.loads(payload))
    assert b": " not in payload


def test_the_id_is_a_hash_of_rig_epoch_and_seq_and_is_checked() -> None:
    assert message_id("a", EPOCH, 1) != message_id("a", EPOCH, 2)
    other = message("hit") | {"id": message_id(RIG, EPOCH, 8)}
    with pytest.raises(MessageError, match="id is not the hash"):
        parse_message(encode(other))


def _frames(**counts: int) -> dict[str, int]:
    return body("exposure")["frames"] | counts


def _crop(**changes: Any) -> dict[str, Any]:
    return body("hit")["crop"] | changes


@pytest.mark.parametrize(
    ("kind", "changes", "why"),
    [
        ("hit", {"rig": "Cellar"}, "rig"),
        ("hit", {"rig": "a" * 65}, "rig"),
        ("hit", {"seq": 0}, "seq"),
        ("hit", {"seq": "9"}, "seq: Input should be a valid integer"),
        ("hit", {"floor": 10}, "floor 10 is above seq 9"),
        ("hit", {"origin": "elsewhere"}, "origin"),
        ("hit", {"colour": "red"}, "colour: Extra inputs are not permitted"),
        ("hit", {"x_px": -1}, "x_px"),
        ("hit", {"class": "muon"}, "class"),
        ("hit", {"scores": {"spot": 1.5}}, "scores.spot"),
        ("hit", {"time_utc": "2026-11-21T10:00:00Z"}, "time_utc"),
        ("hit", {"time_utc": "2026-11-21T10:00:01.000000000Z"}, "outside window"),
        ("hit", {"features": {str(n): 0.0 for n in range(65)}}, "features"),
        ("hit", {"crop": _crop(data="A" * 40)}, "not a PNG"),
        ("hit", {"crop": _crop(data="*" * 40)}, "not base64"),
        ("hit", {"crop": _crop(data=png(61, 60))}, "another size"),
        ("hit", {"position": {"latitude_deg": 91.0, "longitude_deg": 0.0}}, "latitude_deg"),
        ("exposure", {"frames": _frames(bad=2)}, "frames: received 1790 is not .*1791"),
        ("exposure", {"frames": _frames(missing=9)}, "frames: expected 1800 is not"),
        ("exposure", {"hits": 4}, "candidates 10 is not hits \\+ rejected = 11"),
        ("exposure", {"dead_time_ns": {"missing": -1}}, "dead_time_ns"),
        ("lost", {"ranges": [{"first_seq": 3, "last_seq": 2}]}, "3 to 2 is empty"),
        ("lost", {"ranges": [{"first_seq": 3, "last_seq": 9}]}, "9 can't be lost in message 9"),
        ("calibration", {"hot_pixels": 1.5}, "hot_pixels"),
        ("clock", {"rate_ppm": 5000.0}, "rate_ppm"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line_that_names_it(
    kind: str, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(MessageError, match=why) as caught:
        parse_message(encode(message(kind) | changes))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999"])
def test_numbers_without_a_value_are_refused(number: bytes) -> None:
    payload = encode(message("hit"))
    for good in (b"1234.5", b"0.25"):
        with pytest.raises(MessageError, match="finite"):
            parse_message(payload.replace(good, number))


@pytest.mark.parametrize(
    "payload",
    [b"", b"nonsense", b"\xff\xfe", b"[1]", b"null", b"{}", b'{"schema":3}', b"[" * 100_000],
)
def test_junk_is_refused_in_one_line(payload: bytes) -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(payload)
    assert "\n" not in str(caught.value)
    assert len(digest(payload)) == 64


def test_a_newer_schema_is_refused_by_its_name() -> None:
    with pytest.raises(MessageError, match=r"unknown schema 'cosmic-edge/hit/2'.*hit/1"):
        parse_message(encode(message("hit") | {"schema": "cosmic-edge/hit/2"}))


def test_an_enormous_message_is_refused_unread() -> None:
    with pytest.raises(MessageError, match="bytes is over"):
        parse_message(b" " * (MAX_MESSAGE_BYTES + 1))


def test_the_largest_crop_of_noise_fits() -> None:
    import base64

    import cv2

    noise = np.random.default_rng(1).integers(0, 65536, (512, 512), dtype=np.uint16)
    data = base64.b64encode(cv2.imencode(".png", noise)[1].tobytes()).decode()
    crop = _crop(width_px=512, height_px=512, bit_depth=16, data=data)
    assert isinstance(parse_message(encode(message("hit", crop=crop))), HitMessage)


def test_the_same_message_has_the_same_digest_whatever_its_floor_order_and_spaces() -> None:
    first = message("hit", floor=1)
    later = message("hit", floor=7)
    shuffled = json.dumps(dict(reversed(later.items())), indent=2).encode()
    assert digest(encode(first)) == digest(encode(later)) == digest(shuffled)
    assert digest(encode(first)) != digest(encode(message("hit", x_px=41)))
    assert digest(b'{"a":"\\ud800"}') != digest(b'{"a":"\\ud801"}')


def test_numpy_scalars_are_written_as_numbers_and_nan_is_not_written() -> None:
    assert encode({"a": np.int32(3), "b": np.float32(0.5)}) == b'{"a":3,"b":0.5}'
    for bad in (float("nan"), np.float64("inf"), object(), np.zeros(3)):
        with pytest.raises(MessageError, match="can't be written as JSON"):
            encode({"a": bad})


@pytest.mark.parametrize(
    "twice",
    [
        b'{"epoch":"0123456789abcdef","upto":7,"upto":9}',
        b'{"epoch":"0123456789abcdef","epoch":"fedcba9876543210","upto":7}',
    ],
)
def test_a_service_message_with_two_meanings_is_refused(twice: bytes) -> None:
    with pytest.raises(MessageError, match="is there twice"):
        parse_service(Ack, twice)


def test_the_servers_ack_says_a_watermark_or_a_conflict() -> None:
    assert parse_service(Ack, b'{"epoch":"0123456789abcdef","upto":7}').upto == 7
    assert parse_service(Ack, b'{"epoch":"0123456789abcdef","conflict":7}').conflict == 7
    for bad in (b'{"epoch":"0123456789abcdef"}', b'{"upto":7}', b"{", b'{"epoch":"x","upto":-1}'):
        with pytest.raises(MessageError):
            parse_service(Ack, bad)


def test_status_and_health_are_checked_on_both_ends() -> None:
    status = Status(rig=RIG, state="online", session=3, epoch=EPOCH, ack="server")
    payload = encode(status.model_dump(by_alias=True))
    assert parse_service(Status, payload) == status
    with pytest.raises(MessageError, match="gauges"):
        parse_service(
            Health,
            b'{"rig":"a","session":1,"time_utc":"2026-11-21T10:00:00.000000000Z",'
            b'"gauges":{"cpu_c":"hot"}}',
        )


def test_an_envelope_of_an_unknown_kind_is_a_defect() -> None:
    with pytest.raises(KeyError):
        envelope("muon", {}, rig=RIG, epoch=EPOCH, seq=1, floor=1, origin="camera")
