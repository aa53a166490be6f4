"""How long a rig waits before it connects again."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.delivery.backoff import FullJitter
from edge.server.brokers import find_mosquitto
from tests.brokers import mosquitto
from tests.edge.delivery.test_outbox import draft
from tests.edge.delivery.uplinks import Server, running, wait_until

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(find_mosquitto() is None, reason="needs Debian's mosquitto"),
]


class CountedBackoff(FullJitter):
    def __init__(self) -> None:
        super().__init__(0.02, 0.1)
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1
        super().reset()


def test_a_short_connection_that_delivered_was_a_good_one(tmp_path: Path) -> None:
    """A link that falters every few seconds must not make the rig wait for minutes."""
    backoff = CountedBackoff()
    with (
        mosquitto() as broker,
        running(tmp_path, broker.url, backoff=backoff) as (outbox, uplink),
    ):
        wait_until(lambda: uplink.stats.connected)
        broker.kill()
        wait_until(lambda: not uplink.stats.connected)
        assert backoff.resets == 0
        broker.start()
        with Server(broker.url) as server:
            wait_until(lambda: uplink.stats.connected)
            outbox.commit([draft()])
            uplink.wake()
            wait_until(lambda: outbox.is_empty)
            assert server.of("hit")
            broker.kill()
            wait_until(lambda: not uplink.stats.connected)
            assert backoff.resets == 1
