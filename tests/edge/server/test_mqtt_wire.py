"""MQTT packets: in whatever pieces they come, and against paho's own writing."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.delivery.mqtt_forms import length, text
from edge.server import mqtt_packets as packets
from edge.server.mqtt_reader import (
    Acknowledged,
    Answered,
    HungUp,
    Pong,
    ProtocolError,
    Published,
    Reader,
)
from edge.server.retained import RetainedQueue

MOST = 1 << 20
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@st.composite
def messages(draw) -> tuple[bytes, Published]:
    """A PUBLISH of MQTT 5 whose properties paho wrote, and what should be read."""
    topic, payload = draw(TEXTS.filter(bool)), draw(st.binary(max_size=300))
    pairs = draw(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
    written = Properties(PacketTypes.PUBLISH)
    if draw(st.booleans()):
        written.PayloadFormatIndicator = 1
        written.ContentType = "application/json"
        written.MessageExpiryInterval = 70_000
        written.CorrelationData = b"\x00\x01"
        written.ResponseTopic = "somewhere"
        written.SubscriptionIdentifier = draw(st.integers(1, 268_435_455))
    if pairs:
        written.UserProperty = pairs
    qos, mid = draw(st.sampled_from([(0, 0), (1, 1), (1, 65_535)]))
    body = text(topic) + (mid.to_bytes(2, "big") if qos else b"") + written.pack() + payload
    data = bytes((0x30 | qos << 1,)) + length(len(body)) + body
    return data, Published(mid, qos, topic, payload, dict(pairs))


@given(st.lists(messages(), max_size=6), st.lists(st.integers(1, 50), min_size=1))
def test_messages_are_read_in_whatever_pieces_they_come(made, sizes):
    stream = b"".join(data for data, _ in made)
    reader, found, at = Reader("5", MOST), [], 0
    while at < len(stream):
        size = sizes[at % len(sizes)]
        found += reader.feed(stream[at : at + size])
        at += size
    assert found == [message for _, message in made]
    assert Reader("5", MOST).feed(stream) == found


@given(st.binary(max_size=200), st.sampled_from(["5", "3.1.1"]))
def test_anything_at_all_is_read_or_refused_in_one_way(data, version):
    reader = Reader(version, MOST)
    with contextlib.suppress(ProtocolError):
        reader.feed(data)


@given(messages(), st.data())
def test_a_message_with_a_changed_byte_is_read_or_refused_in_one_way(made, draw):
    data = bytearray(made[0])
    data[draw.draw(st.integers(0, len(data) - 1))] ^= draw.draw(st.integers(1, 255))
    with contextlib.suppress(ProtocolError):
        Reader("5", MOST).feed(bytes(data))


@given(TEXTS.filter(bool), st.binary(max_size=300), st.sampled_from(["5", "3.1.1"]))
def test_what_is_published_is_what_is_read(topic, payload, version):
    data = packets.publish(version, 7, topic, payload, retain=True)
    assert data[0] & 1
    assert Reader(version, MOST).feed(data) == [Published(7, 1, topic, payload, {})]


@given(st.integers(0, 268_435_455))
def test_a_length_is_as_paho_writes_it(value):
    from paho.mqtt.properties import VariableByteIntegers

    assert length(value) == VariableByteIntegers.encode(value)


def test_a_length_mqtt_has_no_room_for_is_refused():
    with pytest.raises(ValueError, match="room for 268435455"):
        length(268_435_456)
    with pytest.raises(ValueError, match="room for 65535"):
        text("x" * 65_536)


@pytest.mark.parametrize(
    ("version", "data", "packet"),
    [
        ("5", "20 03 00 00 00", Answered(0x20, (0,))),
        ("5", "20 09 00 00 06 21 00 14 13 00 0a", Answered(0x20, (0,), 20, 10)),
        ("5", "20 03 00 87 00", Answered(0x20, (135,))),
        ("3.1.1", "20 02 00 05", Answered(0x20, (135,))),
        ("3.1.1", "20 02 00 01", Answered(0x20, (132,))),
        ("5", "20 02 00 01", Answered(0x20, (132,))),
        ("5", "90 05 00 01 00 01 87", Answered(0x90, (1, 135))),
        ("3.1.1", "90 04 00 01 01 80", Answered(0x90, (1, 128))),
        ("5", "b0 04 00 02 00 00", Answered(0xB0)),
        ("5", "40 02 00 09", Acknowledged(9, 0)),
        ("5", "40 04 00 09 87 00", Acknowledged(9, 135)),
        ("5", "d0 00", Pong()),
        ("5", "e0 00", HungUp(0)),
        ("5", "e0 02 8e 00", HungUp(142)),
    ],
)
def test_the_brokers_answers_are_read(version, data, packet):
    assert Reader(version, MOST).feed(bytes.fromhex(data)) == [packet]


@pytest.mark.parametrize(
    ("version", "data", "what"),
    [
        ("5", "34 04 00 00 00 01", "QoS 2"),
        ("3.1.1", "e0 00", "type 0xe0"),
        ("5", "10 00", "type 0x10"),
        ("5", "30 ff ff ff ff 01", "no length"),
        ("5", "30 ff ff ff 7f", "a packet of 268435460 bytes"),
        ("5", "32 05 00 00 00 01 7f", "longer"),
        ("5", "32 05 00 00 00 01 02 26 00 00 00 00", "longer"),
        ("5", "20 01 00", "can't be read"),
    ],
)
def test_what_is_no_mqtt_is_refused_by_what_is_wrong(version, data, what):
    with pytest.raises(ProtocolError, match=what):
        Reader(version, MOST).feed(bytes.fromhex(data))


def test_properties_that_cannot_be_read_are_none_and_the_message_comes_through():
    unknown, short = "32 09 00 00 00 01 02 66 00 7b 7d", "32 0a 00 00 00 01 03 26 ff ff 7b 7d"
    for data in (unknown, short):
        assert Reader("5", MOST).feed(bytes.fromhex(data)) == [Published(1, 1, "", b"{}", {})]


class TestRetained:
    def test_the_brokers_silence_is_counted_from_its_last_word(self):
        queue = RetainedQueue("5", 3)
        assert queue.silent_s == 0.0
        for topic in ("a", "b"):
            queue.put(topic, b"")
        sent = Reader("5", MOST).feed(queue.due())
        time.sleep(0.05)
        assert queue.silent_s >= 0.05
        queue.acknowledged(sent[0].mid, 0)
        assert 0.0 < queue.silent_s < 0.05
        queue.acknowledged(sent[1].mid, 0)
        assert queue.silent_s == 0.0

    def test_only_the_newest_of_a_topic_is_sent_and_no_more_than_the_broker_takes(self):
        queue = RetainedQueue("5", 3)
        queue.limit = 2
        for topic, payload in [("a", b"1"), ("b", b"2"), ("a", b"3"), ("c", b"4")]:
            queue.put(topic, payload)
        sent = Reader("5", MOST).feed(queue.due())
        assert [(one.topic, one.payload) for one in sent] == [("b", b"2"), ("a", b"3")]
        assert queue.due() == b""
        queue.acknowledged(sent[0].mid, 0)
        (last,) = Reader("5", MOST).feed(queue.due())
        assert (last.topic, last.payload) == ("c", b"4")
        assert not queue.is_empty
        for one in (sent[1], last):
            queue.acknowledged(one.mid, 0)
        assert queue.is_empty

    def test_identifiers_go_round_and_leave_out_those_in_use(self):
        queue = RetainedQueue("5", 65_533)
        seen = []
        for number in range(7):
            queue.put(f"t{number}", b"")
            (sent,) = Reader("5", MOST).feed(queue.due())
            seen.append(sent.mid)
            if number:
                queue.acknowledged(sent.mid, 0)
        assert seen[0] == 65_533
        assert set(seen[1:]) == {65_534, 65_535}

    def test_a_refusal_is_said_once(self, caplog):
        queue = RetainedQueue("5", 3)
        for topic in ("a", "b"):
            queue.put(topic, b"")
        for sent in Reader("5", MOST).feed(queue.due()):
            queue.acknowledged(sent.mid, 135)
        assert [one.message for one in caplog.records] == [
            "the broker does not let the collector write a (reason 135): the rigs are not told "
            "that their messages are safe; look at its access list"
        ]
