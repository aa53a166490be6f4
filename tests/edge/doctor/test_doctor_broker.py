"""The look at the broker, against real ones."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.config.model import BrokerConfig
from edge.delivery import BrokerAddress
from edge.delivery.dating import Dating
from edge.delivery.folder import FolderLock
from edge.delivery.standing import StandingFile
from edge.doctor import Finding, Look, examine
from edge.doctor.broker import broker, of_rig
from edge.server.brokers import EmbeddedBroker, find_mosquitto
from tests.edge.delivery.scripted_broker import scripted_broker
from tests.edge.delivery.test_late_dating import hit as undated_hit
from tests.edge.delivery.uplinks import RIG, running, wait_until
from tests.edge.hand_clock import HandClock

Start = Callable[[str], int]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Start]:
    """Start mosquitto with a configuration; gives its port."""
    started: list[subprocess.Popen[bytes]] = []

    def start(conf: str) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        file = tmp_path / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        file.write_text(f"listener {port} 127.0.0.1\npersistence false\n{user}{conf}\n")
        program = find_mosquitto()
        assert program
        started.append(subprocess.Popen([program, "-c", str(file)], stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            time.sleep(0.01)
        raise AssertionError("mosquitto did not start")

    yield start
    for process in started:
        process.terminate()
        process.wait(5)


def look(url: str, **settings: object) -> Finding:
    return broker(BrokerConfig(url=url, **settings), "roof-1", timeout_s=2)


@pytest.mark.mosquitto
@pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto")
class TestMosquitto:
    def test_it_answers_and_says_what_the_server_acknowledged(self, mosquitto: Start) -> None:
        port = mosquitto("allow_anonymous true")
        url = f"mqtt://127.0.0.1:{port}"
        first = look(url)
        assert first.verdict == "ok"
        assert "answers with MQTT 5" in first.detail
        assert "no server has answered this rig yet" in first.detail
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", port)
        client.loop_start()
        topic = "cosmic-edge/v1/roof-1/ack"
        said = json.dumps({"epoch": "0123456789abcdef", "upto": 41})
        client.publish(topic, said, qos=1, retain=True).wait_for_publish(5)
        client.disconnect()
        client.loop_stop()
        assert "acknowledged up to 41" in look(url).detail
        assert "no server is waited for" in look(url, ack="broker").detail

    def test_a_wrong_password_and_a_missing_file_are_told_apart(
        self, mosquitto: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        users = tmp_path / "users"
        subprocess.run(
            ["mosquitto_passwd", "-b", "-c", str(users), "roof-1", "right"],
            check=True,
            capture_output=True,
        )
        url = f"mqtt://127.0.0.1:{mosquitto(f'password_file {users}')}"
        secret = tmp_path / "secret"
        secret.write_text("wrong\n")
        secret.chmod(0o600)
        refused = look(url, username="roof-1", password_file=secret)
        assert refused.verdict == "fail"
        assert "password_file" in refused.advice
        secret.write_text("right\n")
        assert look(url, username="roof-1", password_file=secret).verdict == "ok"
        assert look(f"{url}?password_file={secret}", username="roof-1").verdict == "ok"
        monkeypatch.setenv("COSMIC_EDGE_MQTT_PASSWORD", "wrong")
        assert look(url, username="roof-1", password_file=secret).verdict == "fail"
        monkeypatch.delenv("COSMIC_EDGE_MQTT_PASSWORD")
        secret.unlink()
        (check,) = examine(
            [Look("broker", lambda: look(url, username="roof-1", password_file=secret))]
        )
        assert check.finding.verdict == "fail"
        assert str(secret) in check.finding.detail

    # paho drops its socket unclosed where the handshake fails.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_tls_on_a_port_without_it_fails_in_one_line(self, mosquitto: Start) -> None:
        found = look(f"mqtts://127.0.0.1:{mosquitto('allow_anonymous true')}")
        assert found.verdict == "fail"
        assert "\n" not in found.detail


def test_a_broker_that_speaks_3_1_1_only_is_met_there() -> None:
    pytest.importorskip("amqtt")
    with EmbeddedBroker(prefer="amqtt") as running:
        found = look(running.url.partition("?")[0])
    assert found.verdict == "ok", found
    assert "MQTT 3.1.1" in found.detail


def test_nobody_there_is_a_failure_with_advice() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        found = look(f"mqtt://127.0.0.1:{port}")
    assert found.verdict == "fail"
    assert "refused" in found.detail
    assert "outbox" in found.advice


def test_something_that_is_no_broker_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []
        thread = threading.Thread(target=lambda: held.append(server.accept()[0]), daemon=True)
        thread.start()
        begun = time.monotonic()
        found = broker(
            BrokerConfig(url=f"mqtt://127.0.0.1:{server.getsockname()[1]}"), "roof-1", timeout_s=0.5
        )
        assert time.monotonic() - begun < 3
        thread.join(2)
        for connection in held:
            connection.close()
    assert found.verdict == "fail"
    assert "no answer within 0.5 s" in found.detail


def test_a_topic_the_rig_may_not_read_is_said_with_its_name() -> None:
    # mosquitto takes every subscription and keeps the messages back; other brokers say so.
    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"\x20\x03\x00\x00\x00")  # CONNACK: success
            mid = connection.recv(4096)[2:4]
            connection.sendall(b"\x90\x04" + mid + b"\x00\x87")  # SUBACK: not authorized
            connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        found = look(f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        thread.join(5)
    assert found.verdict == "fail"
    assert "does not let 'roof-1' read" in found.detail
    assert "cosmic-edge/v1/roof-1/#" in found.advice


def test_hits_that_wait_for_the_clock_are_no_fault_of_the_broker(tmp_path: Path) -> None:
    with (
        scripted_broker() as scripted,
        running(tmp_path, scripted.url, ack="broker") as (outbox, uplink),
    ):
        outbox.date_by(Dating(HandClock(), 600))
        outbox.commit([undated_hit(99.0)])
        uplink.wake()
        wait_until(lambda: "wait until the clock is set" in uplink.stats.last_error)
        config = BrokerConfig(url=scripted.url)
        wait_until(lambda: of_rig(config, RIG, tmp_path).verdict == "ok")
        time.sleep(1.2)  # it is noted again after a second
        assert "is connected with MQTT 5" in of_rig(config, RIG, tmp_path).detail


@pytest.mark.parametrize(
    ("state", "error", "verdict", "said"),
    [
        ("connected", "", "ok", "connected"),
        ("connecting", "", "warn", "connecting"),
        ("stopped", "", "warn", "starting, or ending"),
        ("refused", "not authorized", "fail", "not authorized"),
        ("connected", "the broker takes no hit as large", "fail", "as large"),
    ],
)
def test_a_rig_that_runs_is_asked_instead_of_its_broker(
    tmp_path: Path, state: str, error: str, verdict: str, said: str
) -> None:
    lock = FolderLock(tmp_path)
    address = BrokerAddress.parse("mqtt://127.0.0.1:1", environ={})
    StandingFile(tmp_path, address).note(state, "5", error)
    found = of_rig(BrokerConfig(url="mqtt://127.0.0.1:1"), RIG, tmp_path)
    lock.release()
    assert (found.verdict, said in found.detail) == (verdict, True)
