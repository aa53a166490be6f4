"""Clients of the server's broker, honest and other ones."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterable

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.delivery.mqtt_forms import length, text
from tests.deploy.server_files import context
from tests.edge.server.rigs import eventually


class Client:
    """An MQTT 5 client that keeps what came of its requests, and stays away once it is put out.

    Attributes
    ----------
    connack : int or None
        Reason of the broker's answer; None: it gave none.
    heard : list of tuple
        Topic and payload of what came.
    ended : threading.Event
        The connection is over.
    """

    def __init__(self, broker, name, client_id="", keepalive_s=30, will=None, port=None, **session):
        self.results, self.heard, self.connack, self.properties = {}, [], None, None
        self.ended, self._answered = threading.Event(), threading.Event()
        self.subscribed, self.session_present = {}, False
        self.mqtt = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id or f"{name}-test",
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        self.mqtt.tls_set_context(context(broker.folder, name))
        self.mqtt.on_connect = self._on_connect
        self.mqtt.on_disconnect = lambda *_: self.ended.set()
        self.mqtt.on_subscribe = lambda _c, _d, mid, why, _p: self.subscribed.update({mid: why})
        self.mqtt.on_publish = lambda _c, _d, mid, why, _p: self.results.update({mid: why.value})
        self.mqtt.on_message = lambda _c, _d, message: self.heard.append(
            (message.topic, message.payload)
        )
        if will is not None:
            self.mqtt.will_set(*will)
        self.mqtt.connect("localhost", port or broker.port_of(name), keepalive_s, **session)
        self.mqtt.loop_start()

    def __enter__(self):
        assert self._answered.wait(10)
        return self

    def __exit__(self, *_):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()
        # In a cycle, its sockets would be found by the collector of garbage, and be told of.
        self.mqtt = None

    def subscribe(self, *topics):
        for topic in topics:
            _, mid = self.mqtt.subscribe(topic, 1)
            assert eventually(lambda mid=mid: mid in self.subscribed)

    def publish(self, topic, data=b"x", retain=False, **properties):
        """Publish, and return the reason of the answer."""
        told = Properties(PacketTypes.PUBLISH)
        for name, value in properties.items():
            setattr(told, name, value)
        mid = self.mqtt.publish(topic, data, qos=1, retain=retain, properties=told).mid
        assert eventually(lambda: mid in self.results)
        return self.results[mid]

    def vanish(self):
        """End the connection as a power cut does."""
        self.mqtt.socket().shutdown(socket.SHUT_RDWR)
        assert self.ended.wait(10)

    def _on_connect(self, _client, _data, flags, reason, properties):
        self.connack, self.properties = reason.value, properties
        self.session_present = flags.session_present
        self._answered.set()


def kept(expiry_s: int = 3600):
    """Options of a session that the broker keeps while its client is away."""
    expiry = Properties(PacketTypes.CONNECT)
    expiry.SessionExpiryInterval = expiry_s
    return {"clean_start": False, "properties": expiry}


class Raw:
    """A client that sends bytes, and reads only what it wants to."""

    def __init__(self, broker, name, keepalive_s=60):
        plain = socket.create_connection(("localhost", broker.port_of(name)))
        self.socket = context(broker.folder, name).wrap_socket(plain, server_hostname="localhost")
        self.socket.settimeout(20)
        body = b"\0\4MQTT\5\2" + struct.pack(">H", keepalive_s) + b"\0" + text("raw")
        self.socket.sendall(b"\x10" + length(len(body)) + body)
        assert self.socket.recv(1000)[:1] == b"\x20"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def subscribe(self, filters: Iterable[str]) -> int:
        """Ask for many at once; how many bytes the broker answered before all were granted."""
        wanted = b"".join(text(one) + b"\1" for one in filters)
        body = b"\0\1\0" + wanted
        self.socket.sendall(b"\x82" + length(len(body)) + body)
        return len(self.socket.recv(65_536))

    def flood(self, data: bytes, times: int) -> bool:
        """Send without reading; whether the broker took it all."""
        try:
            for _ in range(times):
                self.socket.sendall(data)
        except (ssl.SSLError, OSError):
            return False
        return True
