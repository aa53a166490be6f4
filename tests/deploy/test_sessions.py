"""Sessions at the server's broker: a rig with a good certificate can take nobody's but its own."""

from __future__ import annotations

import contextlib
import ssl
import time

import pytest

from edge.config.model import BrokerConfig
from edge.delivery import BrokerAddress, Outbox, Uplink
from edge.delivery.archive_again import Confirmed
from edge.delivery.backoff import FullJitter
from edge.delivery.sending_again import send_again
from edge.doctor.broker import of_rig
from edge.server.brokers import find_mosquitto
from tests.deploy.clients import Client, kept
from tests.deploy.server_files import certificate, prepare, server_broker
from tests.edge.delivery.test_outbox import hits
from tests.edge.delivery.uplinks import wait_until
from tests.edge.server.collectors import collecting
from tests.edge.server.databases import rows
from tests.edge.server.rigs import eventually

VICTIM, OTHER, HOSTILE = "attic-1", "cellar-1", "hostile-1"
ACK, COMMAND = f"cosmic-edge/v1/{VICTIM}/ack", f"cosmic-edge/v1/{VICTIM}/command"
ITS_NAMES = (VICTIM, f"cosmic-edge-{VICTIM}")

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sessions")
    prepare(folder, "localhost")
    for name in (VICTIM, OTHER, HOSTILE):
        certificate(folder, name)
    with server_broker(folder) as broker:
        yield broker


@contextlib.contextmanager
def rig(broker, folder, name):
    """The device's own outbox and uplink."""
    outbox = Outbox.open(folder / name, name)
    address = BrokerAddress.parse(broker.url(name), environ={})
    uplink = Uplink(outbox, address, name, ack_timeout_s=600.0, backoff=FullJitter(0.02, 0.1))
    uplink.start()
    try:
        yield outbox, uplink
    finally:
        uplink.stop()
        outbox.close()


def test_two_rigs_deliver_undisturbed_while_a_third_says_to_be_either(broker, tmp_path):
    database = tmp_path / "server.db"
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(collecting(broker.url("collector"), database, share="server"))
        rigs = [stack.enter_context(rig(broker, tmp_path, name)) for name in (VICTIM, OTHER)]
        wait_until(lambda: all(uplink.stats.connected for _, uplink in rigs))
        for _ in range(5):
            for outbox, uplink in rigs:
                outbox.commit(hits(10))
                uplink.wake()
            for name in (*ITS_NAMES, f"cosmic-edge-{OTHER}"):
                with Client(broker, HOSTILE, name, **kept()) as hostile:
                    assert hostile.connack == 0
        for _, uplink in rigs:
            assert uplink.drain(30), uplink.stats
            assert (uplink.stats.connections, uplink.stats.resent) == (1, 0)
    assert rows(database, "SELECT count(*), count(DISTINCT rig) FROM hits") == [(100, 2)]


def test_hits_are_sent_again_beside_the_rig_that_runs_and_both_get_home(broker, tmp_path):
    """The two have one login, and so push each other off."""
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    address = BrokerAddress.parse(broker.url(VICTIM), environ={})
    with rig(broker, tmp_path, VICTIM) as (outbox, uplink):
        with collecting(broker.url("collector"), first):
            outbox.commit(hits(400))
            assert uplink.drain(30)
        with collecting(broker.url("collector"), second):
            sent = send_again(address, Confirmed(tmp_path / VICTIM), lambda _: None)
            outbox.commit(hits(5))
            assert uplink.drain(30), uplink.stats
            assert eventually(
                lambda: (
                    rows(second, "SELECT count(*), count(DISTINCT seq) FROM hits") == [(405, 405)]
                )
            )
    assert sent == {"hit": 400}
    assert uplink.stats.reconnects >= 1


def test_a_rig_that_runs_is_asked_how_its_link_is_and_stays_connected(broker, tmp_path):
    config = BrokerConfig(url=broker.url(VICTIM))
    with rig(broker, tmp_path, VICTIM) as (_, uplink):
        wait_until(lambda: uplink.stats.connected)
        assert eventually(lambda: of_rig(config, VICTIM, tmp_path / VICTIM).verdict == "ok")
        found = of_rig(config, VICTIM, tmp_path / VICTIM)
        assert "the rig that runs here is connected" in found.detail
        time.sleep(0.3)
        assert uplink.stats.connections == 1
    # Ended, it can't be pushed off: the broker is asked.
    assert "answers with MQTT 5" in of_rig(config, VICTIM, tmp_path / VICTIM).detail


def test_a_rig_that_is_not_let_in_says_so_to_whoever_asks_it(broker, tmp_path):
    config = BrokerConfig(url=broker.url(HOSTILE))
    outbox = Outbox.open(tmp_path / VICTIM, VICTIM)
    uplink = Uplink(outbox, BrokerAddress.parse(config.url, environ={}), VICTIM)
    outbox.commit(hits(1))
    uplink.start()
    try:
        assert eventually(
            lambda: "reason 135" in of_rig(config, VICTIM, tmp_path / VICTIM).detail, 10
        )
        assert of_rig(config, VICTIM, tmp_path / VICTIM).verdict == "fail"
        assert uplink.stats.connections == 1
    finally:
        uplink.stop()
        outbox.close()


def test_what_waits_for_a_rig_that_is_away_waits_for_it_alone(broker):
    with Client(broker, VICTIM, ITS_NAMES[1], **kept()) as victim:
        victim.subscribe(ACK, COMMAND)
    with Client(broker, "collector") as server:
        server.publish(COMMAND, b"for its eyes")
        server.publish(ACK, b"so far", retain=True)
    for name in ITS_NAMES:
        with Client(broker, HOSTILE, name, **kept()) as hostile:
            # The first is new to the broker, the second finds its own again: never the victim's.
            hostile.subscribe(ACK, COMMAND, f"$share/{VICTIM}/{COMMAND}")
            time.sleep(0.2)
            assert hostile.heard == []
    with Client(broker, VICTIM, ITS_NAMES[1], **kept()) as victim:
        assert victim.session_present
        assert eventually(
            lambda: sorted(victim.heard) == [(ACK, b"so far"), (COMMAND, b"for its eyes")]
        )


def test_a_collectors_session_can_not_be_taken_by_a_rig(broker):
    with Client(broker, "collector", "cosmic-edge-collect-0123", **kept()) as server:
        server.subscribe("cosmic-edge/v1/+/hit")
        with Client(broker, HOSTILE, "cosmic-edge-collect-0123", **kept()) as hostile:
            with Client(broker, VICTIM) as victim:
                victim.publish(f"cosmic-edge/v1/{VICTIM}/hit", b"whose?")
            assert eventually(lambda: server.heard == [(f"cosmic-edge/v1/{VICTIM}/hit", b"whose?")])
            assert not server.ended.is_set()
            assert hostile.heard == []


def test_collectors_of_one_user_do_not_disturb_each_other(broker):
    with Client(broker, "collector", "one") as one, Client(broker, "collector", "two") as two:
        time.sleep(0.2)
        assert not one.ended.is_set()
        assert not two.ended.is_set()


@pytest.mark.parametrize("name", [VICTIM, "collector", "watch"])
def test_nobody_comes_in_by_the_others_way(broker, name):
    wrong = broker.port if broker.port_of(name) == broker.own_port else broker.own_port
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        client = Client(broker, name, port=wrong)
        assert client.ended.wait(10)
        client.mqtt.loop_stop()
        assert client.connack is None
        client.mqtt = None


def test_a_rig_has_one_connection_and_no_more(broker):
    """Else one could take up all that the broker has, and keep the fleet out."""
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(Client(broker, HOSTILE, f"me-{n}")) for n in range(12)]
        assert eventually(lambda: all(one.ended.is_set() for one in many[:-1]))
        assert not many[-1].ended.is_set()
