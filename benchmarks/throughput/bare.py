"""Bare paho with TLS: the same sizes and window, nothing read, nothing stored."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.delivery.flights import WINDOW, WINDOW_BYTES

TOPIC = "bare/hit"


def _client(name: str, port: int, ca_file: str, window: int = WINDOW) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(window)
    client.tls_set(ca_file)
    client.connect("localhost", port)
    return client


def subscribe(port: int, ca_file: str, count: int) -> None:
    """Count what comes."""
    done = threading.Event()
    seen = 0

    def take(_client: mqtt.Client, _data: Any, _message: mqtt.MQTTMessage) -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            done.set()

    client = _client("bare-sub", port, ca_file)
    client.on_message = take
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.subscribe(TOPIC, qos=1)
    client.loop_start()
    done.wait()
    print(f"done {time.process_time():.3f}", flush=True)
    client.loop_stop()


def publish(port: int, ca_file: str, count: int, size: int) -> None:
    """Publish as fast as the window lets."""
    client = _client("bare-pub", port, ca_file, min(WINDOW, WINDOW_BYTES // size))
    client.loop_start()
    payload = bytes(size)
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.process_time()
    infos = [client.publish(TOPIC, payload, qos=1) for _ in range(count)]
    for info in infos:
        info.wait_for_publish()
    print(f"done {time.process_time() - begun:.3f}", flush=True)
    client.loop_stop()


if __name__ == "__main__":
    role, *rest = sys.argv[1:]
    if role == "subscribe":
        subscribe(int(rest[0]), rest[1], int(rest[2]))
    else:
        publish(int(rest[0]), rest[1], int(rest[2]), int(rest[3]))
