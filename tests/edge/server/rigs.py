"""A rig on the wire: publishes what it is told to, and hears what the server answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.delivery.address import BrokerAddress
from edge.messages import encode, envelope
from tests.message_examples import EPOCH, RIG, body

__all__ = ["EPOCH", "RIG", "Rig", "eventually", "payload"]


def payload(
    kind: str,
    seq: int,
    *,
    floor: int = 1,
    rig: str = RIG,
    epoch: str = EPOCH,
    origin: str = "camera",
    **changes: Any,
) -> bytes:
    """A whole message as it travels."""
    return encode(
        envelope(
            kind, body(kind, **changes), rig=rig, epoch=epoch, seq=seq, floor=floor, origin=origin
        )
    )


def eventually(true: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    """Wait for something to become true."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.01)
    return bool(true())


class Rig:
    """An MQTT client with a rig's topics; sends, and sends again, until all is safe."""

    def __init__(self, url: str, name: str = RIG, epoch: str = EPOCH) -> None:
        self.name = name
        self.epoch = epoch
        self.acks: list[dict[str, Any]] = []
        self._url = url
        self._subscribed = threading.Event()

    def __enter__(self) -> Rig:
        address = BrokerAddress.parse(self._url)
        self._version5 = address.protocol != "3.1.1"
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5 if self._version5 else mqtt.MQTTv311
        )
        self._client.on_message = self._on_message
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(address.host, address.port)
        self._client.loop_start()
        assert self._subscribed.wait(5)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # Without the cycle it goes now, and closes its sockets before they are found open.
        self._client.on_message = self._client.on_connect = self._client.on_subscribe = None
        del self._client

    @property
    def upto(self) -> int:
        """Greatest watermark heard of."""
        return max(
            (ack["upto"] for ack in list(self.acks) if "upto" in ack and self._mine(ack)), default=0
        )

    @property
    def conflicts(self) -> list[int]:
        """Sequence numbers the server has in another form."""
        return [ack["conflict"] for ack in list(self.acks) if "conflict" in ack]

    def send(
        self,
        data: bytes,
        kind: str = "hit",
        properties: dict[str, str] | None = None,
        *,
        retain: bool = False,
    ) -> None:
        """Publish once."""
        extra: dict[str, Any] = {}
        if properties is not None:
            made = Properties(PacketTypes.PUBLISH)
            made.UserProperty = list(properties.items())
            extra["properties"] = made
        self._client.publish(f"cosmic-edge/v1/{self.name}/{kind}", data, 1, retain, **extra)

    def deliver(self, messages: Iterable[tuple[str, int, bytes]], timeout_s: float = 30.0) -> bool:
        """Send what the watermark does not pass, again and again."""
        owed = list(messages)
        deadline = time.monotonic() + timeout_s
        while owed and time.monotonic() < deadline:
            for kind, _, data in owed:
                self.send(data, kind)
            last = max(seq for _, seq, _ in owed)
            eventually(lambda last=last: self.upto >= last, 1.0)  # type: ignore[misc]
            owed = [one for one in owed if one[1] > self.upto]
        return not owed

    def _mine(self, ack: dict[str, Any]) -> bool:
        return bool(ack["epoch"] == self.epoch)

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(f"cosmic-edge/v1/{self.name}/ack", 1)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.acks.append(json.loads(message.payload))
