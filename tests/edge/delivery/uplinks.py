"""What tests of the uplink share: a clock to turn, a small server, waiting."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.delivery import BrokerAddress, Outbox, Uplink
from edge.delivery.backoff import FullJitter

RIG = "cellar-1"
ACK_TOPIC = f"cosmic-edge/v1/{RIG}/ack"


def wait_until(what: Callable[[], Any], timeout_s: float = 10.0) -> None:
    """Wait until `what` is true; fail the test where it does not become so."""
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)


class Clock:
    """Real seconds plus what the test adds."""

    def __init__(self) -> None:
        self.added_s = 0.0
        self.reads = 0

    def __call__(self) -> float:
        self.reads += 1
        return time.monotonic() + self.added_s


@contextmanager
def running(folder: Path, url: str, **more: Any) -> Iterator[tuple[Outbox, Uplink]]:
    """Run an outbox and its uplink; impatient, so that tests are short."""
    outbox = Outbox.open(folder, RIG)
    more.setdefault("backoff", FullJitter(0.02, 0.1))
    uplink = Uplink(outbox, BrokerAddress.parse(url, environ={}), RIG, **more)
    try:
        uplink.start()
        yield outbox, uplink
    finally:
        uplink.stop()
        outbox.close()


class Server:
    """The server's end in small: keeps what comes, and answers with the watermark if told."""

    def __init__(self, url: str, *, answers: bool = True, login: tuple[str, str] | None = None):
        self.answers = answers
        self.messages: list[tuple[str, bytes, bool]] = []
        self.properties: list[dict[str, str]] = []
        self.stored: dict[tuple[str, int], Any] = {}
        self._subscribed = False
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.on_connect = lambda *_: self._client.subscribe(f"cosmic-edge/v1/{RIG}/#", 1)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        host, port = url.removeprefix("mqtt://").split(":")
        self._client.connect(host, int(port))
        self._client.loop_start()

    def __enter__(self) -> Server:
        wait_until(lambda: self._subscribed)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def of(self, name: str) -> list[Any]:
        """JSON of all messages of one topic, in the order they came."""
        full = f"cosmic-edge/v1/{RIG}/{name}"
        return [json.loads(payload) for topic, payload, _ in self.messages if topic == full]

    def payloads(self, name: str) -> list[bytes]:
        """Bytes of all messages of one topic."""
        full = f"cosmic-edge/v1/{RIG}/{name}"
        return [payload for topic, payload, _ in self.messages if topic == full]

    def answer(self, **ack: Any) -> None:
        """Publish an ack, retained."""
        self._client.publish(ACK_TOPIC, json.dumps(ack), qos=1, retain=True)

    def upto(self, epoch: str) -> int:
        """The watermark: every seq from the highest floor on is there."""
        mine = {seq: message for (of, seq), message in self.stored.items() if of == epoch}
        mark = max(message["floor"] for message in mine.values()) - 1
        while mark + 1 in mine:
            mark += 1
        return mark

    def _on_subscribe(self, *_: Any) -> None:
        self._subscribed = True

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic == ACK_TOPIC:
            return
        self.messages.append((message.topic, message.payload, message.retain))
        self.properties.append(dict(getattr(message.properties, "UserProperty", [])))
        content = json.loads(message.payload) if message.payload else {}
        if "seq" in content:
            self.stored[content["epoch"], content["seq"]] = content
            if self.answers:
                self.answer(epoch=content["epoch"], upto=self.upto(content["epoch"]))
