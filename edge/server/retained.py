"""What the collector publishes: the newest of each topic, as many at once as the broker takes."""

from __future__ import annotations

import logging
import time

from edge.delivery.address import ProtocolVersion
from edge.server import mqtt_packets as packets
from edge.server.mqtt_reader import DEFAULT_RECEIVE_MAXIMUM

_LAST_MID = 65_535
_REFUSED = 128
_log = logging.getLogger(__name__)


class RetainedQueue:
    """Retained messages on their way to the broker.

    Of a topic that has one waiting, only the newest is sent: a watermark says all that the one
    before it said.

    Parameters
    ----------
    version : {"5", "3.1.1"}
        MQTT version of the connection.
    first_mid : int
        Lowest message identifier that is free for them.

    Attributes
    ----------
    limit : int
        Messages without an acknowledgement; the broker's wish.
    """

    def __init__(self, version: ProtocolVersion, first_mid: int) -> None:
        self.limit = DEFAULT_RECEIVE_MAXIMUM
        self._version: ProtocolVersion = version
        self._first_mid = first_mid
        self._next_mid = first_mid
        self._waiting: dict[str, bytes] = {}
        self._flying: dict[int, str] = {}
        self._refused = False
        self._heard_s = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether all has arrived."""
        return not (self._waiting or self._flying)

    @property
    def silent_s(self) -> float:
        """How long the broker has owed its word on what was sent; 0 where it owes none."""
        return time.monotonic() - self._heard_s if self._flying else 0.0

    def put(self, topic: str, payload: bytes) -> None:
        """Have it published."""
        self._waiting.pop(topic, None)
        self._waiting[topic] = payload

    def due(self) -> bytes:
        """Return the packets that may go out now, in one piece."""
        data = []
        while self._waiting and len(self._flying) < min(self.limit, _LAST_MID - self._first_mid):
            topic = next(iter(self._waiting))
            payload = self._waiting.pop(topic)
            mid = self._free_mid()
            if not self._flying:
                self._heard_s = time.monotonic()
            self._flying[mid] = topic
            data.append(packets.publish(self._version, mid, topic, payload, retain=True))
        return b"".join(data)

    def acknowledged(self, mid: int, reason: int) -> None:
        """Note the broker's word on one; the first refusal is said aloud."""
        topic = self._flying.pop(mid, None)
        self._heard_s = time.monotonic()
        if topic is None or reason < _REFUSED or self._refused:
            return
        self._refused = True
        _log.warning(
            "the broker does not let the collector write %s (reason %d): the rigs are not told "
            "that their messages are safe; look at its access list",
            topic,
            reason,
        )

    def _free_mid(self) -> int:
        while self._next_mid in self._flying:
            self._next_mid = self._following(self._next_mid)
        mid, self._next_mid = self._next_mid, self._following(self._next_mid)
        return mid

    def _following(self, mid: int) -> int:
        return mid + 1 if mid < _LAST_MID else self._first_mid
