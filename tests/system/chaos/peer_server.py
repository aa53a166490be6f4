"""A server as the field builds it: a durable subscription, and one INSERT for each message.

paho acknowledges when the callback returns. Where the database is away, the callback connects
anew, five times; then it gives the message up, as a handler that logs its error does.
Run as ``python -m tests.system.chaos.peer_server BROKER DATABASE``.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from tests.system.chaos.peer_rig import TOPIC, aim

_TRIES, _WAIT_S = 5, 0.5


class Table:
    """The database, connected anew where that is needed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def insert(self, series: str, frame: int) -> None:
        """Store one; gives up after some tries."""
        for _ in range(_TRIES):
            try:
                self._connected().execute("INSERT INTO hits VALUES (%s, %s)", (series, frame))
                return
            except psycopg.Error:
                self._connection = None
                time.sleep(_WAIT_S)
        print("gave up", series, frame, flush=True)

    def _connected(self) -> psycopg.Connection[tuple[object, ...]]:
        if self._connection is None:
            self._connection = psycopg.connect(self._url, autocommit=True)
            self._connection.execute("CREATE TABLE IF NOT EXISTS hits (series text, frame bigint)")
        return self._connection


def main(broker: str, database: str) -> None:
    """Store what comes, for ever."""
    table = Table(database)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="peer-server", clean_session=False)

    def on_message(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        body = json.loads(message.payload)
        table.insert(body["maker"], body["number"])

    def on_connect(*_: object) -> None:
        client.subscribe(TOPIC, qos=1)

    client.on_connect = on_connect
    client.on_message = on_message
    client.reconnect_delay_set(1, 4)
    aim(client, broker)
    client.loop_forever(retry_first_connection=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
