"""A collector whose database takes its time, when the connection or the run ends."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

from edge.errors import Failed
from edge.server.brokers import find_mosquitto
from edge.server.collector import BATCH_MESSAGES, Collector
from edge.server.store import StoreUnavailableError, open_store
from tests.edge.server.databases import rows
from tests.edge.server.rigs import Rig, eventually, payload
from tests.lossy_proxy import LossyProxy

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto"),
]


class GatedStore:
    """A real store whose commits wait until they may."""

    def __init__(self, path):
        self._store = open_store(str(path))
        self.identity = self._store.identity
        self.gate = threading.Event()
        self.asked: list[int] = []
        self.error: Exception | None = None
        self.close = self._store.close

    def commit(self, batch):
        self.asked.append(len(batch))
        self.gate.wait(20)
        if self.error is not None:
            raise self.error
        return self._store.commit(batch)


@contextlib.contextmanager
def gated(url, path):
    """A collector whose store waits at its gate, open again in the end."""
    store = GatedStore(path)
    collector = Collector(url, store)
    stop = threading.Event()
    ended: list[Exception | None] = []

    def work():
        try:
            collector.run(stop)
        except Failed as error:
            ended.append(error)
        else:
            ended.append(None)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert collector.wait_subscribed(10)
        yield collector, store, stop, ended
    finally:
        store.gate.set()
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
        store.close()


def send(rig, first, last):
    for seq in range(first, last + 1):
        rig.send(payload("hit", seq, rig=rig.name))


def test_a_connection_lost_while_it_stores_loses_no_message_and_counts_none_twice(broker, path):
    with (
        LossyProxy(int(broker.url.rpartition(":")[2])) as network,
        Rig(broker.url, "cut") as rig,
        gated(network.url, path) as (collector, store, _, _),
    ):
        send(rig, 1, 1)
        assert eventually(lambda: store.asked == [1])
        send(rig, 2, 1 + BATCH_MESSAGES)
        time.sleep(0.2)
        network.cut()
        time.sleep(0.2)
        assert collector.stats.stored == 0
        store.gate.set()
        assert eventually(lambda: rig.upto == 1 + BATCH_MESSAGES)
        assert eventually(lambda: collector.stats.reconnects == 1 and not collector.in_hand)
        stats = collector.stats
        assert (stats.stored, stats.quarantined) == (1 + BATCH_MESSAGES, 0)
        assert stats.received == stats.stored + stats.duplicates
        assert stats.unsettled == 0
    assert rows(path, "SELECT count(*) FROM hits") == [(1 + BATCH_MESSAGES,)]


def test_a_stop_whose_time_is_over_tries_no_batch_after_batch(broker, path, monkeypatch):
    monkeypatch.setattr("edge.server.collector.DRAIN_S", 0.0)
    with gated(broker.url, path) as (collector, store, stop, ended), Rig(broker.url, "bad") as rig:
        send(rig, 1, 1)
        assert eventually(lambda: store.asked == [1])
        send(rig, 2, 4 * BATCH_MESSAGES)
        time.sleep(0.5)
        store.error = StoreUnavailableError("it hangs")
        stop.set()
        store.gate.set()
        assert eventually(lambda: ended == [None])
        assert len(store.asked) <= 2, "of the one in hand, and of one that had come"
        assert collector.stats.unsettled == sum(store.asked)
        assert rig.upto == 0
