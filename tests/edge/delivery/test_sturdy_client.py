"""Properties that paho can't read end neither the collector's connection nor a rig's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.delivery.backoff import FullJitter
from edge.delivery.sturdy_client import without_properties
from tests import raw_mqtt
from tests.brokers import mosquitto
from tests.edge.delivery.scripted_broker import scripted_broker
from tests.edge.delivery.test_outbox import hits
from tests.edge.delivery.uplinks import RIG, Server, running, wait_until
from tests.edge.server.collectors import collecting
from tests.edge.server.rigs import Rig, payload

UNREADABLE = {
    "U+FEFF in a user property": raw_mqtt.user_property("note", "\ufeff9"),
    "U+FEFF in the content type": bytes([raw_mqtt.CONTENT_TYPE]) + raw_mqtt.text("\ufeff"),
    "a format of 7": bytes([raw_mqtt.PAYLOAD_FORMAT, 7]),
    "U+FEFF in the response topic": bytes([raw_mqtt.RESPONSE_TOPIC]) + raw_mqtt.text("a\ufeff"),
}


@pytest.mark.mosquitto
@pytest.mark.parametrize("why", UNREADABLE)
def test_one_message_of_one_rig_does_not_stop_the_collector_of_all(
    tmp_path: Path, why: str
) -> None:
    with mosquitto() as broker, collecting(broker.url, tmp_path / "c.db") as collector:
        stranger = raw_mqtt.RawPublisher(broker.port)
        topic = "cosmic-edge/v1/stranger/hit"
        assert stranger.send(topic, payload("hit", 1, rig="stranger"), UNREADABLE[why])
        assert stranger.send(topic, b"{}", UNREADABLE[why])
        stranger.close()
        with Rig(broker.url) as rig:
            assert rig.deliver([("hit", 1, payload("hit", 1))])
        stats = collector.stats
    # The payload stands for itself: what is wrong is beside it.
    assert (stats.stored, stats.quarantined, stats.reconnects) == (2, 1, 0)


@pytest.mark.mosquitto
@pytest.mark.parametrize("why", UNREADABLE)
def test_a_rig_hears_the_server_behind_what_it_cannot_read(tmp_path: Path, why: str) -> None:
    with mosquitto() as broker, Server(broker.url, answers=False) as server:
        stranger = raw_mqtt.RawPublisher(broker.port)
        with running(tmp_path, broker.url) as (outbox, uplink):
            outbox.commit(hits(3))
            uplink.wake()
            wait_until(lambda: len(server.of("hit")) == 3)
            said = json.dumps({"epoch": outbox.epoch, "upto": 2}).encode()
            assert stranger.send(f"cosmic-edge/v1/{RIG}/ack", said, UNREADABLE[why])
            wait_until(lambda: outbox.counts().owed.get("hit") == 1)
            server.answer(epoch=outbox.epoch, upto=3)
            assert uplink.drain(5)
            assert uplink.stats.connections == 1
        stranger.close()


@pytest.mark.parametrize(
    "notes",
    [UNREADABLE["U+FEFF in a user property"], b"\x1f" + raw_mqtt.text("\ufeffwhy"), b"\x7f\x00"],
)
def test_a_broker_whose_answers_hold_what_cannot_be_read_is_served(
    tmp_path: Path, notes: bytes
) -> None:
    with (
        scripted_broker(notes=notes) as broker,
        running(tmp_path, broker.url, ack="broker", backoff=FullJitter(5, 5)) as (outbox, uplink),
    ):
        outbox.commit(hits(5))
        assert uplink.drain(10)
        assert (uplink.stats.connections, uplink.stats.refused) == (1, 0)
        broker.disconnect(142)
        wait_until(lambda: "another client says" in uplink.stats.last_error)


@given(
    topic=st.text(min_size=1, max_size=20),
    payload=st.binary(max_size=300),
    properties=st.binary(max_size=300),
    mid=st.none() | st.integers(1, 65_535),
)
def test_topic_identifier_and_payload_stay_as_they_were(
    topic: str, payload: bytes, properties: bytes, mid: int | None
) -> None:
    def body(properties: bytes) -> tuple[int, bytes]:
        whole = raw_mqtt.publish(topic, payload, properties, mid)
        length = 1 + next(n for n in range(1, 5) if whole[n] < 0x80)
        return whole[0], whole[length:]

    assert without_properties(*body(properties)) == body(b"")[1]


@given(st.integers(0, 255), st.binary(max_size=40))
def test_whatever_else_it_is_shown_is_said_to_be_none_or_gets_shorter(
    head: int, packet: bytes
) -> None:
    bare = without_properties(head, packet)
    assert bare is None or len(bare) <= len(packet)
