"""paho's client, kept alive over messages whose MQTT 5 properties it can't read, or that are huge.

A broker passes on what paho refuses to read: a user property with U+FEFF in it, a payload format
indicator of 7. paho ends the connection at such a message (eclipse-paho/paho.mqtt.python #173); if
it is retained, or was not acknowledged, it comes again on the next one, and a single message would
keep a rig from its watermark for ever. The same goes for what a broker adds to its answers. Limits
that stand beside what can't be read are then not known, and a rig takes its own.

MQTT allows messages of 256 MB, which a small computer has no memory for. An MQTT 5 broker is told
to send none; of what comes nevertheless the beginning is kept, too long to be taken for a message.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeVar

import paho.mqtt.client as mqtt
from paho.mqtt import MQTTException
from paho.mqtt.enums import MQTTErrorCode

from edge.messages.codec import MAX_MESSAGE_BYTES

MOST_PACKET_BYTES = MAX_MESSAGE_BYTES + (1 << 17)
"""The longest message that is read, its topic and properties."""
_READ_BYTES = 1 << 16
_T = TypeVar("_T")
_UNREADABLE = (MQTTException, ValueError, LookupError, struct.error)
_AT_LEAST_ONCE = 0x06
"""Of the fixed header: QoS above 0, and so an identifier before the properties."""


class SturdyClient(mqtt.Client):
    """A client to which unreadable properties are none, and huge messages cost no memory."""

    def _sock_recv(self, bufsize: int) -> bytes:
        # paho asks for all that is still to come of a packet, and makes room for it at once.
        data = super()._sock_recv(min(bufsize, _READ_BYTES))
        del self._in_packet["packet"][MOST_PACKET_BYTES:]
        return data

    def _handle_publish(self) -> MQTTErrorCode:
        # paho offers no seam before the properties are read.
        try:
            return super()._handle_publish()
        except _UNREADABLE:
            bare = without_properties(self._in_packet["command"], self._in_packet["packet"])
            if bare is None or self._protocol != mqtt.MQTTv5:
                raise
            self._in_packet["packet"] = bare
            return super()._handle_publish()

    def _handle_connack(self) -> MQTTErrorCode:
        return self._bare_if_unreadable(super()._handle_connack, 2, b"\0")

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        return self._bare_if_unreadable(partial(super()._handle_pubackcomp, cmd), 3)

    def _handle_disconnect(self) -> None:
        self._bare_if_unreadable(super()._handle_disconnect, 1)

    def _bare_if_unreadable(self, handle: Callable[[], _T], kept: int, end: bytes = b"") -> _T:
        """Handle a packet; where its properties can't be read, its first bytes and `end` alone."""
        try:
            return handle()
        except _UNREADABLE:
            packet = self._in_packet["packet"]
            if self._protocol != mqtt.MQTTv5 or len(packet) <= kept + len(end):
                raise
            self._in_packet["packet"] = packet[:kept] + end
            return handle()


def without_properties(header: int, packet: bytes | bytearray) -> bytearray | None:
    """Take the properties out of an MQTT 5 PUBLISH.

    Parameters
    ----------
    header : int
        First byte of the packet.
    packet : bytes
        All after the remaining length: topic, identifier, properties, payload.

    Returns
    -------
    bytearray or None
        The same with no properties; None where it is no such packet.
    """
    at = 2 + int.from_bytes(packet[:2], "big") + (2 if header & _AT_LEAST_ONCE else 0)
    length = 0
    for place in range(4):
        if at + place >= len(packet):
            return None
        length |= (packet[at + place] & 0x7F) << (7 * place)
        if packet[at + place] < 0x80:
            end = at + place + 1 + length
            return bytearray(packet[:at] + b"\0" + packet[end:]) if end <= len(packet) else None
    return None
