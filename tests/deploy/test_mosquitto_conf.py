"""The example of a broker's configuration: every line has a reason, and all of it holds."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.errors import Failed
from edge.messages import MAX_MESSAGE_BYTES, TOPICS
from edge.server.brokers import find_mosquitto
from edge.server.collector import Collector
from edge.server.store import open_store
from tests.brokers import free_port
from tests.edge.server.rigs import eventually, payload

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CONF = DEPLOY / "mosquitto.conf"
ACL = DEPLOY / "mosquitto.acl"
PASSWORDS = {"cellar-1": "one", "attic-1": "two", "collector": "three"}
OWN = {"collector": "server-passwords"}
NOT_AUTHORIZED = 135

needs_broker = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(
        not (find_mosquitto() and shutil.which("mosquitto_passwd") and shutil.which("openssl")),
        reason="needs Debian's mosquitto, and openssl",
    ),
]


@pytest.mark.parametrize("file", [CONF, ACL], ids=lambda file: file.name)
def test_every_line_or_group_of_lines_has_its_reason_above(file):
    before = "\n"
    for line in file.read_text().splitlines():
        if line and not line.startswith("#"):
            related = file is ACL and before.strip()
            assert before.startswith("# ") or related, f"no reason for {line!r}"
        before = line


def test_a_rig_may_write_its_topics_and_read_the_servers_and_no_more():
    rules = re.findall(r"^pattern (\w+) cosmic-edge/v1/%u/(\S+)$", ACL.read_text(), re.MULTILINE)
    wanted = [
        ("write" if topic.writer == "rig" else "read", topic.name) for topic in TOPICS.values()
    ]
    assert sorted(rules) == sorted(wanted)


@dataclass(frozen=True)
class Broker:
    port: int
    own_port: int
    ca: Path
    folder: Path

    def url(self, user: str, password: str | None = None) -> str:
        """URL for a user, with the password in a file as documented."""
        file = self.folder / f"{user}.password"
        file.write_text(f"{password or PASSWORDS[user]}\n")
        file.chmod(0o600)
        options = f"ca_file={self.ca}&password_file={file}"
        return f"mqtts://{user}@localhost:{self.port_of(user)}?{options}"

    def port_of(self, user: str) -> int:
        """Where this user comes in."""
        return self.own_port if user in OWN else self.port


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """The example as it is, but for its paths and its port."""
    folder = tmp_path_factory.mktemp("broker")
    (folder / "data").mkdir()
    make_certificates(folder)
    for user, password in PASSWORDS.items():
        file = folder / OWN.get(user, "passwords")
        new = [] if file.exists() else ["-c"]
        command = ["mosquitto_passwd", *new, "-b", str(file), user, password]
        subprocess.run(command, check=True, capture_output=True)
    port, own_port = free_port(), free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(substituted(folder, port, own_port))
    program = find_mosquitto()
    assert program
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-c", conf], stderr=log)
    try:
        assert eventually(lambda: answers(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield Broker(port, own_port, folder / "ca.crt", folder)
    finally:
        process.terminate()
        process.wait()


def substituted(folder: Path, port: int, own_port: int) -> str:
    text = CONF.read_text()
    for path, here in {
        "/etc/mosquitto/certs/": f"{folder}/",
        "/etc/mosquitto/passwords": f"{folder}/passwords",
        "/etc/mosquitto/server-passwords": f"{folder}/server-passwords",
        "/etc/mosquitto/mosquitto.acl": str(ACL),
        "/var/lib/mosquitto/": f"{folder}/data/",
        "listener 8883": f"listener {port} 127.0.0.1",
        "listener 8884 127.0.0.1": f"listener {own_port} 127.0.0.1",
        "autosave_interval 60": "autosave_interval 1",  # a test can't wait
    }.items():
        assert text.count(path) >= 1, path
        text = text.replace(path, here)
    # It would give its rights away and then not reach the test's files.
    return text + ("\nuser root\n" if os.geteuid() == 0 else "")


def make_certificates(folder: Path) -> None:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(
        *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Test CA", "-days", "2",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",  # Python 3.13 insists on it
    )  # fmt: skip
    openssl(
        *new, "-keyout", "broker.key", "-out", "broker.crt", "-subj", "/CN=localhost",
        "-days", "2", "-CA", "ca.crt", "-CAkey", "ca.key",
        "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def client(broker: Broker, user: str, name: str = ""):
    """A client that notes what came of its requests."""
    made = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=name or f"{user}-1", protocol=mqtt.MQTTv5
    )
    made.tls_set(str(broker.ca))
    made.username_pw_set(user, PASSWORDS[user])
    made.results = {}
    made.heard = []
    made.on_publish = lambda _c, _d, mid, reason, _p: made.results.update({mid: reason.value})
    made.on_message = lambda _c, _d, message: made.heard.append(message.topic)
    connected = threading.Event()
    made.on_subscribe = lambda *_: connected.set()
    made.on_connect = lambda c, *_: c.subscribe("cosmic-edge/v1/#", 1)
    made.connect("localhost", broker.port_of(user))
    made.loop_start()
    assert connected.wait(10)
    yield made
    made.disconnect()
    made.loop_stop()


def publish(made: mqtt.Client, topic: str, data: bytes = b"x") -> int:
    mid = made.publish(f"cosmic-edge/v1/{topic}", data, qos=1).mid
    assert eventually(lambda: mid in made.results)
    return int(made.results[mid])


class TestRunning:
    pytestmark = needs_broker

    def test_a_rig_writes_under_its_own_name_alone(self, broker):
        with client(broker, "cellar-1") as rig:
            for topic in TOPICS.values():
                allowed = topic.writer == "rig"
                result = publish(rig, f"cellar-1/{topic.name}")
                assert (result != NOT_AUTHORIZED) == allowed, topic.name
                assert publish(rig, f"attic-1/{topic.name}") == NOT_AUTHORIZED

    def test_a_rig_hears_what_it_is_told_and_nobody_else(self, broker):
        with client(broker, "cellar-1") as one, client(broker, "attic-1") as two:
            with client(broker, "collector") as server:
                assert publish(server, "attic-1/ack") != NOT_AUTHORIZED
                assert publish(server, "cellar-1/command") != NOT_AUTHORIZED
                assert publish(server, "cellar-1/hit") == NOT_AUTHORIZED
            assert eventually(lambda: one.heard == ["cosmic-edge/v1/cellar-1/command"])
            assert eventually(lambda: two.heard == ["cosmic-edge/v1/attic-1/ack"])

    def test_a_rig_that_says_to_be_another_one_is_itself(self, broker):
        with client(broker, "cellar-1", "cosmic-edge-cellar-1") as victim:
            ended = threading.Event()
            victim.on_disconnect = lambda *_: ended.set()
            for name in ("cosmic-edge-cellar-1", "cellar-1"):
                with client(broker, "attic-1", name) as hostile:
                    with client(broker, "collector") as server:
                        assert publish(server, "cellar-1/ack") != NOT_AUTHORIZED
                    assert eventually(lambda: victim.heard == ["cosmic-edge/v1/cellar-1/ack"])
                    victim.heard.clear()
                    assert hostile.heard == []
            assert not ended.is_set()

    def test_collectors_of_one_user_are_told_apart_by_the_names_they_give(self, broker):
        with client(broker, "collector", "one") as one, client(broker, "collector", "two") as two:
            with client(broker, "cellar-1") as rig:
                publish(rig, "cellar-1/hit")
            for server in (one, two):
                assert eventually(lambda s=server: s.heard == ["cosmic-edge/v1/cellar-1/hit"])

    @pytest.mark.parametrize("user", sorted(PASSWORDS))
    def test_a_password_is_good_at_its_own_way_in_alone(self, broker, user):
        wrong = broker.port if user in OWN else broker.own_port
        refused = []
        made = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="x", protocol=mqtt.MQTTv5)
        made.tls_set(str(broker.ca))
        made.username_pw_set(user, PASSWORDS[user])
        made.on_connect = lambda _c, _d, _f, reason, _p: refused.append(reason.value)
        made.connect("localhost", wrong)
        made.loop_start()
        assert eventually(lambda: refused != [])
        made.disconnect()
        made.loop_stop()
        assert refused[0] == NOT_AUTHORIZED

    def test_the_collector_works_with_its_own_user(self, broker, tmp_path):
        store = open_store(str(tmp_path / "c.db"))
        collector = Collector(broker.url("collector"), store)
        stop = threading.Event()
        thread = threading.Thread(target=collector.run, args=(stop,))
        thread.start()
        try:
            assert collector.wait_subscribed(10)
            with client(broker, "cellar-1") as rig:
                for seq in (1, 2, 3):
                    publish(rig, "cellar-1/hit", payload("hit", seq))
                ack = "cosmic-edge/v1/cellar-1/ack"
                assert eventually(lambda: ack in rig.heard)
        finally:
            stop.set()
            thread.join()
            store.close()
        assert collector.stats.stored == 3

    def test_a_wrong_password_is_one_line(self, broker, tmp_path):
        store = open_store(str(tmp_path / "c.db"))
        collector = Collector(broker.url("collector", "wrong"), store)
        with pytest.raises(Failed, match=r"refuses: (not authorized|bad user name)") as caught:
            collector.run(threading.Event())
        store.close()
        assert "wrong" not in str(caught.value)

    def test_a_broker_with_another_authority_is_not_trusted(self, broker, tmp_path):
        store = open_store(str(tmp_path / "c.db"))
        url = re.sub(r"ca_file=[^&]*&", "", broker.url("collector"))
        with pytest.raises(Failed, match=r"not trusted.*\?ca_file="):
            Collector(url, store).run(threading.Event())
        store.close()

    def test_a_certificate_file_that_is_none_is_one_line(self, broker, tmp_path):
        store = open_store(str(tmp_path / "c.db"))
        url = broker.url("collector").replace(str(broker.ca), str(tmp_path / "missing.crt"))
        with pytest.raises(Failed, match=r"certificates: .*missing\.crt|No such file"):
            Collector(url, store).run(threading.Event())
        store.close()

    def test_nobody_comes_in_without_a_name_or_without_encryption(self, broker):
        refused = []
        stranger = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="x", protocol=mqtt.MQTTv5)
        stranger.tls_set(str(broker.ca))
        stranger.on_connect = lambda _c, _d, _f, reason, _p: refused.append(reason.value)
        stranger.connect("localhost", broker.port)
        stranger.loop_start()
        assert eventually(lambda: refused != [])
        stranger.disconnect()
        stranger.loop_stop()
        assert refused[0] >= 128
        with socket.create_connection(("127.0.0.1", broker.port)) as plain:
            plain.settimeout(5)
            plain.sendall(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00")
            with contextlib.suppress(ConnectionResetError):
                assert not plain.recv(10).startswith(b"\x20")

    def test_what_is_no_message_of_a_rig_is_too_large(self, broker):
        with client(broker, "cellar-1") as rig, client(broker, "collector") as server:
            publish(rig, "cellar-1/hit", b"x" * MAX_MESSAGE_BYTES)
            assert eventually(lambda: "cosmic-edge/v1/cellar-1/hit" in server.heard)
            with client(broker, "attic-1") as other:
                ended = threading.Event()
                other.on_disconnect = lambda *_: ended.set()
                other.publish("cosmic-edge/v1/attic-1/hit", b"x" * 1_100_000, qos=1)
                assert ended.wait(5)
            publish(rig, "cellar-1/reply")
            assert eventually(lambda: "cosmic-edge/v1/cellar-1/reply" in server.heard)
        assert "cosmic-edge/v1/attic-1/hit" not in server.heard

    def test_a_rig_that_tries_what_it_may_not_is_told_and_stays_connected(self, broker):
        with client(broker, "cellar-1") as rig:
            ended = threading.Event()
            rig.on_disconnect = lambda *_: ended.set()
            for _ in range(5):
                assert publish(rig, "attic-1/hit") == NOT_AUTHORIZED
            assert not ended.is_set()

    def test_what_was_retained_is_on_disk_when_its_time_has_come(self, broker):
        with client(broker, "collector") as server:
            publish(server, "cellar-1/ack", b'{"epoch":"0123456789abcdef","upto":77777}')
            server.publish(
                "cosmic-edge/v1/cellar-1/ack", b"retained-and-safe", qos=1, retain=True
            ).wait_for_publish(5)
        database = broker.folder / "data" / "mosquitto.db"
        assert eventually(
            lambda: database.exists() and b"retained-and-safe" in database.read_bytes(), 5
        )
