"""Message or garbage, and whose."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.server.arrival import Key, examine
from tests.edge.server.rigs import EPOCH, RIG, payload

HIT = f"cosmic-edge/v1/{RIG}/hit"
NAMED = {"epoch": EPOCH, "seq": "7", "floor": "3"}


def test_a_good_message_passes_with_and_without_properties():
    for properties in ({}, NAMED):
        arrival = examine(HIT, payload("hit", 7, floor=2), properties)
        assert arrival.refusal is None
        assert arrival.key == Key(RIG, EPOCH, 7)
        assert arrival.floor == 2
        assert arrival.message is not None


@pytest.mark.parametrize(
    ("topic", "data", "reason"),
    [
        (HIT, b"", "invalid"),
        (HIT, b"\xff\xfe\x00", "invalid"),
        (HIT, b"[1, 2]", "invalid"),
        (HIT, b"{" * 100_000, "invalid"),
        (HIT, payload("hit", 7)[:-20], "invalid"),
        (HIT, payload("hit", 7, peak_adu=-1), "invalid"),
        (HIT, payload("hit", 7).replace(b"hit/1", b"hit/2"), "invalid"),
        (HIT, payload("hit", 7, series="x" * 1_100_000), "oversized"),
        ("cosmic-edge/v1/other/hit", payload("hit", 7), "rig_differs"),
        (f"cosmic-edge/v1/{RIG}/exposure", payload("hit", 7), "kind_differs"),
        ("cosmic-edge/v1/No Such Rig/hit", payload("hit", 7), "rig_differs"),
        ("elsewhere", payload("hit", 7), "rig_differs"),
    ],
)
def test_what_is_no_message_says_why(topic, data, reason):
    arrival = examine(topic, data, {})
    assert arrival.message is None
    assert arrival.refusal is not None
    assert arrival.refusal.reason == reason
    assert arrival.refusal.detail
    assert "\n" not in arrival.refusal.detail


@pytest.mark.parametrize("twice", ["NaN", "-Infinity", "1e400", "3", "{}", "null"])
def test_a_field_that_is_there_twice_is_no_message(twice):
    data = payload("hit", 7).replace(
        b'"anomaly":null', f'"anomaly":{twice},"anomaly":null'.encode()
    )
    arrival = examine(HIT, data, NAMED)
    assert arrival.refusal is not None
    assert arrival.refusal.reason == "invalid"
    assert arrival.key == Key(RIG, EPOCH, 7)


@pytest.mark.parametrize("properties", [{"epoch": "ab" * 8}, {"seq": "8"}, {"seq": "x"}])
def test_a_key_that_travelled_as_another_is_refused(properties):
    refusal = examine(HIT, payload("hit", 7), properties).refusal
    assert refusal is not None
    assert refusal.reason == "key_differs"


def test_properties_name_what_nobody_can_read():
    arrival = examine(HIT, b"\x00", NAMED)
    assert (arrival.key, arrival.floor) == (Key(RIG, EPOCH, 7), 3)


def test_a_readable_envelope_names_a_bad_message_but_its_floor_is_not_believed():
    arrival = examine(HIT, payload("hit", 7, floor=6, peak_adu=-1), {})
    assert (arrival.key, arrival.floor) == (Key(RIG, EPOCH, 7), None)


def test_the_topic_says_whose_it_is_never_the_payload():
    arrival = examine("cosmic-edge/v1/other/hit", payload("hit", 7), {})
    assert arrival.key is None
    assert examine("cosmic-edge/v1/other/hit", payload("hit", 7), NAMED).key == Key(
        "other", EPOCH, 7
    )


@pytest.mark.parametrize(
    "properties",
    [
        {"epoch": EPOCH, "seq": "0"},
        {"epoch": EPOCH, "seq": "-1"},
        {"epoch": EPOCH, "seq": str(2**63)},
        {"epoch": EPOCH, "seq": "٣"},
        {"epoch": "not hex!", "seq": "7"},
        {"epoch": EPOCH},
    ],
)
def test_a_key_that_is_none_is_not_guessed(properties):
    assert examine(HIT, b"\x00", properties).key is None


def test_a_floor_above_its_own_number_is_not_believed():
    assert examine(HIT, b"\x00", NAMED | {"floor": "8"}).floor is None


def test_a_loss_beyond_belief_is_refused():
    ranges = [{"first_seq": 1, "last_seq": 2**50}]
    data = payload("lost", 2**50 + 1, ranges=ranges)
    refusal = examine(f"cosmic-edge/v1/{RIG}/lost", data, {}).refusal
    assert refusal is not None
    assert "declared lost" in refusal.detail


@given(st.binary(max_size=300), st.dictionaries(st.sampled_from(["epoch", "seq"]), st.text()))
def test_it_never_raises_on_bytes(data, properties):
    assert examine(HIT, data, properties).refusal is not None


MESSAGE = json.loads(payload("hit", 7))


@given(st.sampled_from(sorted(MESSAGE)), st.recursive(st.none() | st.integers() | st.floats()
       | st.text() | st.booleans(), lambda inner: st.lists(inner, max_size=3)))  # fmt: skip
def test_it_never_raises_on_json_and_the_digest_is_stable(field, value):
    data = json.dumps(MESSAGE | {field: value}).encode()
    first, second = examine(HIT, data, {}), examine(HIT, data, {})
    assert first == second
    assert (first.message is None) == (first.refusal is not None)
