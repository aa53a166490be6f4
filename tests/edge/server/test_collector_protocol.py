"""The collector and the version of MQTT: 3.1.1 on the broker's word alone."""

from __future__ import annotations

import pytest

from edge.delivery.address import BrokerAddress
from edge.errors import BadUse
from edge.server import collector as collector_module
from edge.server import connection
from edge.server.brokers import EmbeddedBroker, find_mosquitto
from edge.server.collector import Collector
from edge.server.store import open_store
from tests.edge.server.collectors import Gate, collecting
from tests.edge.server.databases import rows
from tests.edge.server.rigs import RIG, Rig, eventually, payload

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto"),
]


def test_sharing_needs_mqtt_5(path):
    store = open_store(str(path))
    with pytest.raises(BadUse, match="MQTT 5"):
        Collector("mqtt://box?protocol=3.1.1", store, "workers")
    store.close()


def test_a_broker_that_refuses_mqtt_5_is_spoken_to_in_311(broker, path):
    gate = Gate(BrokerAddress.parse(broker.url).port, b"\x20\x02\x00\x01")
    try:
        with collecting(gate.url, path), Rig(broker.url, "plain") as rig:
            rig.send(payload("hit", 1, rig="plain"))
            assert eventually(lambda: rig.upto == 1)
        assert [gate.levels.get_nowait() for _ in range(2)] == [5, 4]
    finally:
        gate.close()


def test_a_broker_that_stays_silent_is_no_reason_for_311(broker, path, monkeypatch):
    for name in ("_HANDSHAKE_TIMEOUT_S", "_FIRST_HANDSHAKE_TIMEOUT_S"):
        monkeypatch.setattr(connection, name, 0.2)
    monkeypatch.setattr(collector_module, "_PLAIN_ANSWER_S", 0.2)
    gate = Gate(BrokerAddress.parse(broker.url).port)
    try:
        with collecting(gate.url, path, subscribed=False) as collector:
            assert eventually(lambda: gate.levels.qsize() >= 3)
        assert "no answer to CONNECT" in str(collector.error)
        assert set(gate.levels.queue) == {5}
    finally:
        gate.close()


@pytest.mark.parametrize("wanted", ["url", "share"])
def test_where_311_will_not_do_the_refusal_is_final(broker, path, wanted):
    gate = Gate(BrokerAddress.parse(broker.url).port, b"\x20\x02\x00\x01")
    url = gate.url + ("?protocol=5" if wanted == "url" else "")
    share = "workers" if wanted == "share" else None
    try:
        with collecting(url, path, share, subscribed=False) as collector:
            assert eventually(lambda: collector.error is not None)
        assert "MQTT 5" in str(collector.error) or "protocol version" in str(collector.error)
    finally:
        gate.close()


@pytest.fixture(scope="module")
def amqtt():
    """Address of an amqtt, whose URL does not say that it knows no MQTT 5."""
    pytest.importorskip("amqtt")
    with EmbeddedBroker(prefer="amqtt") as broker:
        yield broker.url.partition("?")[0]


def test_amqtt_silent_to_mqtt_5_says_so_when_asked_plainly_and_is_collected_from(amqtt, path):
    with collecting(amqtt, path, subscribed=False) as collector:
        assert collector.wait_subscribed(6)  # well before a short --duration is over
        with Rig(f"{amqtt}?protocol=3.1.1") as rig:
            rig.send(payload("hit", 1))
            assert eventually(lambda: rig.upto == 1)
        assert collector.stats.reconnects == 0
    assert rows(path, "SELECT count(*) FROM hits") == [(1,)]


def test_amqtt_can_not_share_and_its_word_ends_the_attempt(amqtt, path):
    with collecting(amqtt, path, "workers", subscribed=False) as collector:
        assert eventually(lambda: collector.error is not None, 8)
    assert "has no MQTT 5, which a shared subscription needs" in str(collector.error)


def test_amqtt_is_not_asked_where_the_url_wants_mqtt_5(amqtt, path, monkeypatch):
    monkeypatch.setattr(connection, "_HANDSHAKE_TIMEOUT_S", 0.3)
    with collecting(f"{amqtt}?protocol=5", path, subscribed=False) as collector:
        assert not collector.wait_subscribed(2)
    assert "no answer to CONNECT" in str(collector.error)


def test_a_plain_question_leaves_the_queue_of_the_session_alone(broker, path, monkeypatch):
    """A broker that is silent for once still has what came while the collector was away."""
    with collecting(broker.url, path):
        pass
    with Rig(broker.url, "patient") as rig:
        rig.send(payload("hit", 1, rig="patient"))
        opens = connection.Connection.open
        silences = iter([True])

        def silent_once(self, **how):
            if next(silences, False):
                self.close()
                raise connection.BrokerSilentError("broker: no answer to CONNECT")
            opens(self, **how)

        monkeypatch.setattr(connection.Connection, "open", silent_once)
        with collecting(broker.url, path) as collector:
            assert eventually(lambda: rig.upto == 1)
            assert collector._asked_plainly


def test_amqtt_serves_as_well(path):
    messages = [("hit", seq, payload("hit", seq)) for seq in range(1, 101)]
    with EmbeddedBroker(prefer="amqtt") as broker, collecting(broker.url, path) as collector:
        with Rig(broker.url) as rig:
            assert rig.deliver(reversed(messages))
            rig.send(b"garbage")
            rig.send(payload("hit", 5))
            assert eventually(lambda: collector.stats.received >= 102)
        assert (collector.stats.stored, collector.stats.quarantined) == (100, 1)
    assert rows(path, "SELECT count(DISTINCT seq), count(*) FROM hits") == [(100, 100)]
    assert rows(path, f"SELECT upto FROM rigs WHERE rig = '{RIG}'") == [(100,)]
