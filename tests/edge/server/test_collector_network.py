"""Networks and brokers that fall silent without a word: the collector notices, says so, goes on."""

from __future__ import annotations

import gc
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from edge.errors import Failed
from edge.server import connection
from edge.server.collector import Collector
from edge.server.store import open_store
from tests.brokers import encrypted, free_port, mosquitto
from tests.edge.server.collectors import collecting
from tests.edge.server.rigs import Rig, eventually, payload
from tests.lossy_proxy import PUBACK, LossyProxy

pytestmark = pytest.mark.mosquitto


def stored(database: Path) -> list[int]:
    with sqlite3.connect(database) as db:
        return [row[0] for row in db.execute("SELECT seq FROM hits ORDER BY seq")]


@pytest.mark.parametrize("silent", ["network", "broker"])
def test_a_connection_that_is_dead_without_a_word_is_noticed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setattr(connection, "_KEEPALIVE_S", 2)
    database = tmp_path / "c.db"
    with (
        mosquitto() as broker,
        LossyProxy(broker.port) as network,
        collecting(network.url, database) as collector,
        Rig(broker.url) as rig,
    ):
        assert rig.deliver([("hit", 1, payload("hit", 1))])
        since_s = time.monotonic()
        if silent == "network":
            network.held = True
            rig.send(payload("hit", 2))
        else:
            broker.signal(signal.SIGSTOP)
        try:
            assert eventually(lambda: collector.state != "collecting", 10)
            assert time.monotonic() - since_s < 8
            assert str(broker.port) in collector.state or network.url in collector.state
        finally:
            network.held = False
            broker.signal(signal.SIGCONT)
        assert rig.deliver([("hit", seq, payload("hit", seq)) for seq in (2, 3)])
        assert collector.stats.reconnects >= 1
    assert stored(database) == [1, 2, 3]


def test_watermarks_that_the_broker_never_confirms_end_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "_PUBACK_TIMEOUT_S", 1.5)
    database = tmp_path / "c.db"
    with (
        mosquitto() as broker,
        LossyProxy(broker.port) as network,
        collecting(network.url, database) as collector,
        Rig(broker.url) as rig,
    ):
        network.lost.add(PUBACK)
        for seq in range(1, 41):
            rig.send(payload("hit", seq))
            time.sleep(0.02)  # each in a batch, and with a watermark, of its own
        assert eventually(lambda: collector.stats.stored == 40)
        assert eventually(lambda: collector.stats.reconnects >= 1, 10)
        assert "owes a PUBACK" in caplog.text
        network.lost.clear()
        assert rig.deliver([("hit", seq, payload("hit", seq)) for seq in range(1, 41)])
    assert stored(database) == list(range(1, 41))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_peer_that_hangs_in_the_handshake_is_left_in_time_and_keeps_nobody_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_HANDSHAKE_TIMEOUT_S", 1.0)
    port = free_port()
    url = f"mqtts://localhost:{port}?ca_file={tmp_path}/cert.pem"
    with mosquitto(options=encrypted(tmp_path, port)) as broker:
        broker.signal(signal.SIGSTOP)  # its system still takes connections
        store = open_store(str(tmp_path / "c.db"))
        collector, stop = Collector(url, store), threading.Event()
        ended: list[Failed] = []

        def work() -> None:
            try:
                collector.run(stop)
            except Failed as error:
                ended.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert eventually(lambda: "timed out" in collector.state, 5)
        stop.set()
        thread.join(4)
        assert not thread.is_alive()
        assert "timed out" in str(ended[0])
        broker.signal(signal.SIGCONT)
        store.close()
    gc.collect()
