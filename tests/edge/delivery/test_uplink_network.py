"""Networks and brokers that fall silent without a word: noticed in time, said, and outlived."""

from __future__ import annotations

import gc
import signal
import socket
import sqlite3
import time
from pathlib import Path

import pytest

from edge.delivery import transport
from tests.brokers import encrypted, free_port, mosquitto
from tests.edge.delivery.test_outbox import hits
from tests.edge.delivery.uplinks import RIG, Clock, running, wait_until
from tests.edge.server.collectors import collecting
from tests.lossy_proxy import PUBACK, LossyProxy

pytestmark = pytest.mark.mosquitto


def frames(database: Path) -> list[int]:
    with sqlite3.connect(database) as db:
        return sorted(row[0] for row in db.execute("SELECT frame FROM hits WHERE rig = ?", (RIG,)))


def test_a_network_that_loses_the_brokers_word_costs_no_hit(tmp_path: Path) -> None:
    clock = Clock()
    with (
        mosquitto() as broker,
        collecting(broker.url, tmp_path / "c.db"),
        LossyProxy(broker.port) as network,
        running(tmp_path / "rig", network.url, clock=clock) as (outbox, uplink),
    ):
        wait_until(lambda: uplink.stats.connected and not uplink.stats.in_flight)
        network.lost.add(PUBACK)
        outbox.commit(hits(50))
        uplink.wake()
        wait_until(lambda: uplink.stats.in_flight == 20)
        clock.added_s += 61
        wait_until(lambda: "owes a PUBACK" in uplink.stats.last_error)
        network.lost.clear()
        assert uplink.drain(20)
        assert uplink.stats.reconnects >= 1
        assert outbox.counts().hits_acknowledged == 50
        assert frames(tmp_path / "c.db") == list(range(50))


@pytest.mark.parametrize("idle", [True, False])
def test_a_connection_that_is_dead_without_a_word_is_noticed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: bool
) -> None:
    """The broker hangs, or the way to it is gone: the keepalive tells, whoever has what to say."""
    monkeypatch.setattr(transport, "KEEPALIVE_S", 2)
    with (
        mosquitto() as broker,
        collecting(broker.url, tmp_path / "c.db"),
        LossyProxy(broker.port) as network,
        running(tmp_path / "rig", network.url) as (outbox, uplink),
    ):
        outbox.commit(hits(5))
        assert uplink.drain(10)
        network.held = True
        since_s = time.monotonic()
        if not idle:
            outbox.commit(hits(5, first=5))
            uplink.wake()
        wait_until(lambda: not uplink.stats.connected, 10)
        assert (
            time.monotonic() - since_s < 8
        )  # one keepalive until the question, one for the answer
        assert "connection" in uplink.stats.last_error
        network.held = False
        if idle:
            outbox.commit(hits(5, first=5))
        assert uplink.drain(20)
        assert frames(tmp_path / "c.db") == list(range(10))


def test_a_socket_that_is_closed_underneath_is_noticed_at_once(tmp_path: Path) -> None:
    with (
        mosquitto() as broker,
        collecting(broker.url, tmp_path / "c.db"),
        running(tmp_path / "rig", broker.url) as (outbox, uplink),
    ):
        for n in range(3):
            outbox.commit(hits(10, first=10 * n))
            assert uplink.drain(10)
            own = uplink._courier._transport._client.socket()  # type: ignore[union-attr]
            own.shutdown(socket.SHUT_RDWR) if n else own.close()
            wait_until(lambda n=n: uplink.stats.reconnects > n, 5)  # type: ignore[misc]
        outbox.commit(hits(10, first=30))
        assert uplink.drain(10)
        assert frames(tmp_path / "c.db") == list(range(40))


# paho lets go of a socket whose handshake failed without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_peer_that_hangs_in_the_handshake_is_left_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_S", 0.5)
    port = free_port()
    with (
        mosquitto(options=encrypted(tmp_path, port)) as broker,
        collecting(broker.url, tmp_path / "c.db"),
    ):
        broker.signal(signal.SIGSTOP)  # its system still takes connections
        since_s = time.monotonic()
        url = f"mqtts://localhost:{port}?ca_file={tmp_path}/cert.pem"
        with running(tmp_path / "rig", url) as (outbox, uplink):
            outbox.commit(hits(5))
            try:
                wait_until(lambda: "timed out" in uplink.stats.last_error, 5)
                assert time.monotonic() - since_s < 4
            finally:
                broker.signal(signal.SIGCONT)
            assert uplink.drain(10)
        assert frames(tmp_path / "c.db") == list(range(5))
    gc.collect()
