"""What the example broker keeps on its disk, and what that may cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.server.brokers import find_mosquitto
from tests.brokers import Mosquitto, mosquitto
from tests.edge.server.rigs import eventually
from tests.system.chaos.programs import deployed

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(find_mosquitto() is None, reason="needs Debian's mosquitto"),
]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    tmp_path.chmod(0o777)
    with mosquitto(options=deployed().format(folder=tmp_path)) as started:
        yield started


@contextmanager
def client(broker: Mosquitto, name: str) -> Iterator[mqtt.Client]:
    made = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
    made.connect("127.0.0.1", broker.port)
    made.loop_start()
    try:
        yield made
    finally:
        made.disconnect()
        made.loop_stop()


def test_what_was_retained_outlives_a_restart_in_order(broker: Mosquitto) -> None:
    with client(broker, "server") as server:
        server.publish("ack", b"77", qos=1, retain=True).wait_for_publish(5)
    broker.stop()
    broker.start()
    heard: list[bytes] = []
    with client(broker, "rig") as rig:
        rig.on_message = lambda _client, _data, message: heard.append(message.payload)
        rig.subscribe("ack", 1)
        assert eventually(lambda: heard == [b"77"], 5)


def test_what_waits_for_the_server_does_not_slow_the_rigs(broker: Mosquitto) -> None:
    """Written after every change, the file of 3000 messages let 70 a second through."""
    subscribed = threading.Event()
    with client(broker, "server") as server:
        server.on_subscribe = lambda *_: subscribed.set()
        server.subscribe("hit", 1)
        assert subscribed.wait(5)
    began = time.monotonic()
    with client(broker, "rig") as rig:
        for _ in range(6000):
            last = rig.publish("hit", b"x" * 1300, qos=1)
        last.wait_for_publish(30)
    assert time.monotonic() - began < 15
