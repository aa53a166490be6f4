"""A rig as the field builds it: paho's own queue, in memory or with a spool, its word is PUBACK.

``memory``: a hit is handed to `Client.publish`, which keeps it until the broker's PUBACK.
``spool``: it is first written to SQLite, on the disk when the commit returns, deleted at its PUBACK
and published again at the next start. Both use a session that the broker keeps.
Run as ``python -m tests.system.chaos.peer_rig``, with the options of the lean rig.
"""

from __future__ import annotations

import json
import queue
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.cli.shared import stop_on_signals
from edge.delivery import BrokerAddress
from tests.system.chaos.journal import Journal, read
from tests.system.chaos.lean_rig import options_of

TOPIC = "peer/hits"
_DRAIN_S = 60.0


def aim(client: mqtt.Client, broker: str) -> None:
    """Have it connect to where the URL says, encrypted where it says so."""
    address = BrokerAddress.parse(broker)
    if (tls := address.tls_context()) is not None:
        client.tls_set_context(tls)
    client.connect_async(address.host, address.port)


class Spool:
    """Hits on the disk until their PUBACK."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "spool.sqlite", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS spool (number INTEGER PRIMARY KEY)")

    def put(self, number: int) -> None:
        """Write one down."""
        self._db.execute("INSERT INTO spool VALUES (?)", (number,))

    def remove(self, number: int) -> None:
        """Let one go."""
        self._db.execute("DELETE FROM spool WHERE number = ?", (number,))

    def left(self) -> list[int]:
        """What waits."""
        return [n for (n,) in self._db.execute("SELECT number FROM spool ORDER BY number")]


class Peer:
    """Publishes, and forgets at PUBACK."""

    def __init__(self, broker: str, maker: str, spool: Spool | None) -> None:
        self._maker, self._spool = maker, spool
        self._sent: dict[int, int] = {}
        self._acked: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"peer-{maker}", clean_session=False
        )
        self._client.max_queued_messages_set(0)
        self._client.on_publish = self._on_publish
        self._client.reconnect_delay_set(1, 4)
        aim(self._client, broker)
        self._client.loop_start()
        for number in spool.left() if spool else []:
            self._publish(number)

    def make(self, number: int) -> None:
        """Hand over one hit."""
        if self._spool is not None:
            self._spool.put(number)
        self._publish(number)

    def settle(self) -> bool:
        """Let go of what the broker has; whether that was all."""
        while not self._acked.empty():
            number = self._sent.pop(self._acked.get(), None)
            if number is not None and self._spool is not None:
                self._spool.remove(number)
        return not self._sent

    def _publish(self, number: int) -> None:
        body = json.dumps({"maker": self._maker, "number": number, "pad": "x" * 1000})
        self._sent[self._client.publish(TOPIC, body, qos=1).mid] = number

    def _on_publish(self, _client: object, _data: object, mid: int, *_: object) -> None:
        # paho holds a lock here that `publish` wants: no lock of ours, and no work.
        self._acked.put(mid)


def main() -> int:
    """Make hits until SIGTERM, then wait for the broker."""
    options = options_of("--spool")
    stop = stop_on_signals()
    number = read(options.journal).announced
    journal = Journal(options.journal)
    journal.start()
    peer = Peer(options.broker, options.maker, Spool(options.state) if options.spool else None)
    began, start = time.monotonic(), number
    while not stop.is_set():
        number += 1
        journal.announce(number, number)
        peer.make(number)
        journal.made([(number, "-", number)])
        peer.settle()
        stop.wait(max(0.0, (number - start) / options.rate - (time.monotonic() - began)))
    deadline = time.monotonic() + _DRAIN_S
    while not peer.settle() and time.monotonic() < deadline:
        time.sleep(0.05)
    return 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
