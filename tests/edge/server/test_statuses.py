"""What a watch hears of a broker: retained statuses, wills, and the broker's own counts."""

from __future__ import annotations

import contextlib

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.delivery.address import BrokerAddress
from edge.messages import Status, encode
from edge.server.brokers import find_mosquitto
from edge.server.statuses import StatusListener
from tests.brokers import mosquitto
from tests.edge.server.rigs import EPOCH, eventually

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]


@pytest.fixture(scope="module")
def broker():
    with mosquitto(options="sys_interval 1\n") as broker:
        yield broker


def payload(rig, state, session=1):
    status = Status(rig=rig, state=state, session=session, epoch=EPOCH, ack="server")
    return encode(status.model_dump(by_alias=True))


@contextlib.contextmanager
def client(broker, will=None):
    made = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    if will is not None:
        made.will_set(will[0], will[1], qos=1, retain=True)
    made.connect("127.0.0.1", broker.port)
    made.loop_start()
    yield lambda topic, data: made.publish(topic, data, qos=1, retain=True).wait_for_publish(5)
    made.loop_stop()
    made.disconnect()


@contextlib.contextmanager
def listening(url):
    listener = StatusListener(BrokerAddress.parse(url))
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()


def state(listener, rig):
    status = listener.statuses.get(rig)
    return None if status is None else status.state


def test_what_was_retained_is_there_once_it_has_settled(broker):
    with client(broker) as publish:
        for number in range(50):
            publish(f"cosmic-edge/v1/many-{number}/status", payload(f"many-{number}", "online"))
        with listening(broker.url) as listener:
            assert listener.settle(10)
            assert sum(rig.startswith("many-") for rig in listener.statuses) == 50
            assert listener.ailment == ""


def test_a_late_will_does_not_hide_a_new_birth(broker):
    topic = "cosmic-edge/v1/born-1/status"
    with client(broker) as publish, listening(broker.url) as listener:
        assert listener.settle(10)
        publish(topic, payload("born-1", "online", session=8))
        assert eventually(lambda: state(listener, "born-1") == "online")
        publish(topic, payload("born-1", "offline", session=7))
        publish(topic, payload("born-1", "stopped", session=9))
        assert eventually(lambda: state(listener, "born-1") == "stopped")
        publish(topic, b"")
        assert eventually(lambda: "born-1" not in listener.statuses)


def test_nonsense_and_a_status_under_another_name_are_not_believed(broker):
    with client(broker) as publish, listening(broker.url) as listener:
        assert listener.settle(10)
        publish("cosmic-edge/v1/odd-1/status", b"\xff{")
        publish("cosmic-edge/v1/odd-1/status", payload("victim-1", "offline"))
        publish("cosmic-edge/v1/odd-2/status", payload("odd-2", "online"))
        assert eventually(lambda: state(listener, "odd-2") == "online")
        assert not {"odd-1", "victim-1"} & set(listener.statuses)


def test_the_broker_tells_how_many_are_connected(broker):
    with listening(broker.url) as listener:
        assert eventually(lambda: listener.counts.get("clients_connected", 0) >= 1)
        assert eventually(lambda: "dropped_messages" in listener.counts)


def test_a_broker_that_was_killed_is_named_and_heard_again_when_it_is_back():
    with mosquitto() as broker, listening(broker.url) as listener:
        assert listener.settle(10)
        broker.kill()
        assert eventually(lambda: listener.ailment != "")
        assert listener.counts == {}
        broker.start()
        assert eventually(lambda: listener.ailment == "")
