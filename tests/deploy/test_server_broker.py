"""The server's broker: mosquitto with that very file; each limit does what it says."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import time
import warnings

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.delivery import BrokerAddress, Outbox, Uplink
from edge.delivery.backoff import FullJitter
from edge.messages import MAX_MESSAGE_BYTES
from edge.server.brokers import find_mosquitto
from edge.server.statuses import StatusListener
from tests.deploy.clients import Client, kept
from tests.deploy.server_files import (
    CONF,
    DEPLOY,
    SERVER,
    certificate,
    context,
    prepare,
    server_broker,
)
from tests.edge.delivery.test_outbox import hits
from tests.edge.server.collectors import collecting
from tests.edge.server.databases import rows
from tests.edge.server.rigs import eventually

RIGS = ("attic-1", "cellar-1", "tower-1")
_CONNECT = b"\x10\x15\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x08stranger"
_CONNACK = b"\x20"
unraisable = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""paho lets go of a socket whose handshake failed without closing it; Python then says so."""


def options(path):
    """Options by the listener they are said of; "" for those of the broker."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    found, listener = {"": {}}, ""
    for name, value in (line.split(" ", 1) for line in lines if not line.startswith("log_type")):
        if name == "listener":
            listener = value.split()[0]
            found[listener] = {"where": value}
        else:
            found["" if name in GLOBAL else listener][name] = value
    return found


GLOBAL = {
    *("max_keepalive", "persistence", "persistence_location", "autosave_on_changes"),
    *("autosave_interval", "max_inflight_messages", "max_queued_messages", "max_queued_bytes"),
    *("memory_limit", "max_packet_size", "persistent_client_expiration", "sys_interval"),
    "log_dest",
}


def test_it_is_the_file_without_docker_but_for_its_paths_and_logins():
    small, server = options(DEPLOY / "mosquitto.conf"), options(CONF)
    logins = options(SERVER / "client-certificates.conf")[""]
    assert set(small) == set(server) == {"", "8883", "8884"}
    for listener, said in server.items():
        here = small[listener]
        added = set(logins) if listener else set()
        assert set(said) == (set(here) - {"password_file"}) | added
        differ = {name for name in set(here) & set(said) if here[name] != said[name]}
        assert differ <= {"certfile", "keyfile", "persistence_location", "where"}
        for name in added & {"require_certificate", "use_identity_as_username"}:
            assert logins[name] == said[name]


def test_without_docker_the_servers_own_way_in_is_the_machines_alone():
    assert options(DEPLOY / "mosquitto.conf")["8884"]["where"] == "8884 127.0.0.1"


def test_every_line_has_its_reason_above_it():
    before = ""
    for line in CONF.read_text().splitlines():
        assert not line or line.startswith("#") or before.startswith("# "), line
        before = line


def test_the_limit_of_size_lets_every_message_of_a_rig_through():
    # 32 KiB of topic and properties is more than any message has.
    assert int(options(CONF)[""]["max_packet_size"]) >= MAX_MESSAGE_BYTES + 32_768


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    prepare(folder, "localhost", "127.0.0.1")
    for name in RIGS:
        certificate(folder, name)
    return folder


def heard_after(request, tls, plain):
    """Send something over TLS, and return what comes back; nothing where the other side ends it."""
    plain.settimeout(5)
    try:
        with tls.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(request)
            return secure.recv(10)
    except (ssl.SSLError, ConnectionError):
        return b""


@pytest.fixture(scope="module")
def broker(fleet):
    with server_broker(fleet) as broker:
        yield broker


@unraisable
@pytest.mark.mosquitto
@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
class TestRunning:
    def test_two_collectors_and_a_rig_lose_nothing_when_the_broker_is_killed(self, tmp_path):
        """It saves every 60 s, and need not save more often."""
        prepare(tmp_path, "localhost")
        certificate(tmp_path, "attic-1")
        database = tmp_path / "server.db"
        with server_broker(tmp_path) as broker, contextlib.ExitStack() as stack:
            for _ in range(2):
                server = broker.url("collector")
                stack.enter_context(collecting(server, database, share="server"))
            outbox = Outbox.open(tmp_path / "rig", "attic-1")
            stack.callback(outbox.close)
            address = BrokerAddress.parse(broker.url("attic-1"), environ={})
            uplink = Uplink(
                outbox, address, "attic-1", ack_timeout_s=1.0, backoff=FullJitter(0.02, 0.2)
            )
            stack.callback(uplink.stop)
            uplink.start()
            for _ in range(4):
                for _ in range(10):
                    outbox.commit(hits(25))
                uplink.wake()
                time.sleep(0.2)
                broker.process.kill()
                broker.process.start()
            assert uplink.drain(60), uplink.stats
            assert outbox.is_empty
        assert rows(database, "SELECT count(*), count(DISTINCT seq) FROM hits") == [(1000, 1000)]

    def test_a_rig_writes_under_the_name_of_its_certificate_alone(self, broker, fleet):
        with Client(broker, "attic-1") as rig:
            assert rig.publish("cosmic-edge/v1/attic-1/hit") < 128
            assert rig.publish("cosmic-edge/v1/cellar-1/hit") == 135
            assert rig.publish("cosmic-edge/v1/attic-1/ack") == 135
            assert not rig.ended.is_set()

    def test_the_watch_hears_statuses_and_the_broker_and_no_hits(self, broker, fleet):
        with (
            Client(broker, "watch") as watch,
            Client(broker, "attic-1") as rig,
        ):
            watch.subscribe("cosmic-edge/v1/#")
            rig.publish("cosmic-edge/v1/attic-1/hit")
            rig.publish("cosmic-edge/v1/attic-1/status")
            assert eventually(lambda: watch.heard == [("cosmic-edge/v1/attic-1/status", b"x")])
            assert watch.publish("cosmic-edge/v1/attic-1/command") == 135
        listener = StatusListener(BrokerAddress.parse(broker.url("watch")))
        listener.start()
        try:
            assert eventually(lambda: "dropped_messages" in listener.counts, 15)
            ends_s = listener.certificate_expiry_s - time.time()
            assert ends_s == pytest.approx(825 * 86_400, abs=3600)  # as certificates.sh has it
        finally:
            listener.stop()

    def test_without_a_certificate_or_without_encryption_nobody_comes_in(self, broker, fleet):
        with socket.create_connection(("127.0.0.1", broker.port)) as plain:
            assert not heard_after(_CONNECT, context(fleet, ""), plain).startswith(_CONNACK)
        with socket.create_connection(("127.0.0.1", broker.port)) as plain:
            plain.settimeout(5)
            plain.sendall(_CONNECT)
            with contextlib.suppress(ConnectionResetError):
                assert not plain.recv(10).startswith(_CONNACK)

    def test_an_old_tls_is_refused_and_the_newest_is_taken(self, broker, fleet):
        with socket.create_connection(("127.0.0.1", broker.port)) as plain:
            made = context(fleet, "attic-1")
            with made.wrap_socket(plain, server_hostname="localhost") as secure:
                assert secure.version() == "TLSv1.3"
        old = context(fleet, "attic-1")
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", broker.port)) as plain:
            assert heard_after(_CONNECT, old, plain) == b""
        with socket.create_connection(("127.0.0.1", broker.port)) as plain:
            good = context(fleet, "attic-1")
            assert heard_after(_CONNECT, good, plain).startswith(_CONNACK)

    def test_what_is_larger_than_any_message_is_hung_up_on_and_the_others_go_on(
        self, broker, fleet
    ):
        topic = "cosmic-edge/v1/cellar-1/hit"
        with (
            Client(broker, "cellar-1") as rig,
            Client(broker, "attic-1") as other,
        ):
            assert rig.publish(topic, b"x" * MAX_MESSAGE_BYTES) < 128
            assert rig.properties.MaximumPacketSize == int(options(CONF)[""]["max_packet_size"])
            rig.mqtt.publish(topic, b"x" * 1_100_000, qos=1)
            assert rig.ended.wait(10)
            assert other.publish("cosmic-edge/v1/attic-1/hit") < 128

    def test_who_asks_for_a_long_keepalive_is_told_a_shorter_one(self, broker, fleet):
        with Client(broker, "tower-1", keepalive_s=3600) as rig:
            assert rig.properties.ServerKeepAlive == 60
            assert rig.properties.MaximumQoS == 1

    def test_a_client_without_a_name_is_refused(self, broker, fleet):
        made = mqtt.Client(CallbackAPIVersion.VERSION2, "", protocol=mqtt.MQTTv5)
        made.tls_set_context(context(fleet, "tower-1"))
        answers = []
        made.on_connect = lambda _c, _d, _f, reason, _p: answers.append(reason.value)
        made.connect("localhost", broker.port)
        made.loop_start()
        assert eventually(lambda: answers != [])
        made.disconnect()
        made.loop_stop()
        assert answers[0] >= 128

    def test_no_more_come_in_than_there_is_room_for(self, fleet):
        with server_broker(fleet, max_connections="2") as broker, contextlib.ExitStack() as stack:
            for name in ("attic-1", "cellar-1"):
                assert stack.enter_context(Client(broker, name)).connack == 0
            with socket.create_connection(("127.0.0.1", broker.port)) as plain:
                assert heard_after(_CONNECT, context(fleet, "tower-1"), plain) == b""

    def test_who_is_away_is_kept_so_much_and_no_more(self, fleet):
        topic = "cosmic-edge/v1/attic-1/hit"
        with server_broker(fleet, max_queued_bytes="20000") as broker:
            with Client(broker, "collector", "away", **kept()) as away:
                away.subscribe("cosmic-edge/v1/+/hit")
            with Client(broker, "attic-1") as rig:
                for _ in range(50):
                    assert rig.publish(topic, b"x" * 1000) < 128
            with Client(broker, "collector", "away", **kept()) as back:
                assert eventually(lambda: len(back.heard) >= 15)
                time.sleep(0.5)
                assert len(back.heard) <= 21

    def test_what_is_retained_is_on_disk_after_its_interval_and_survives_a_kill(self, tmp_path):
        prepare(tmp_path, "localhost")
        certificate(tmp_path, "attic-1")
        with server_broker(tmp_path, autosave_interval="1") as broker:
            with Client(broker, "attic-1") as rig:
                rig.publish("cosmic-edge/v1/attic-1/status", b"early", retain=True)
            saved = broker.process.folder / "data" / "mosquitto.db"
            assert eventually(lambda: saved.exists() and b"early" in saved.read_bytes(), 10)
            broker.process.kill()
            broker.process.start()
            with Client(broker, "watch") as watch:
                watch.subscribe("cosmic-edge/v1/+/status")
                assert eventually(lambda: [data for _, data in watch.heard] == [b"early"])


def test_preparing_again_changes_no_secret_and_takes_over_who_was_revoked(tmp_path):
    secrets = prepare(tmp_path, "localhost")
    certificate(tmp_path, "attic-1")
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    inode = (secrets / "authority.crl").stat().st_ino
    subprocess.run(
        [str(SERVER / "certificates.sh"), "revoke", "attic-1"],
        env=os.environ | {"CERTIFICATES": f"{tmp_path}/certificates"},
        check=True,
        capture_output=True,
    )
    prepare(tmp_path, "localhost")
    after = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {"authority.crl"}
    assert (secrets / "authority.crl").stat().st_ino == inode  # the container sees the same file
    for path in secrets.iterdir():
        mode = path.stat().st_mode & 0o777
        assert mode == (0o644 if path.suffix == ".crl" else 0o400), path.name
