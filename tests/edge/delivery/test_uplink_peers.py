"""The uplink beside other brokers, TLS and the real collector."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.brokers import encrypted, free_port, make_certificates, mosquitto
from tests.edge.delivery.scripted_broker import scripted_broker
from tests.edge.delivery.test_outbox import draft, hits, publish
from tests.edge.delivery.uplinks import Server, running, wait_until


def test_silence_is_no_reason_for_the_older_mqtt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.delivery.uplink._CONNACK_TIMEOUT_S", 0.1)
    with (
        scripted_broker(connack=None) as broker,
        running(tmp_path, broker.url) as (_, uplink),
    ):
        wait_until(lambda: len(broker.connects) >= 3)
        assert set(broker.connects) == {5}
        assert "gave no answer after CONNECT" in uplink.stats.last_error


@pytest.mark.parametrize("connack", [132, 1])
def test_only_the_reason_unsupported_protocol_version_leads_to_the_older_mqtt(
    tmp_path: Path, connack: int
) -> None:
    with (
        scripted_broker(connack=connack) as broker,
        running(tmp_path, broker.url) as (_, uplink),
    ):
        wait_until(lambda: len(broker.connects) >= 2)
        assert broker.connects[:2] == [5, 4]
        assert uplink.stats.protocol == "3.1.1"
    with (
        scripted_broker(connack=connack) as broker,
        running(tmp_path, broker.url + "?protocol=5") as (_, uplink),
    ):
        wait_until(lambda: len(broker.connects) >= 3)
        assert set(broker.connects) == {5}
        assert "speaks no MQTT 5" in uplink.stats.last_error


def test_amqtt_says_that_it_speaks_no_mqtt_5_and_is_served_with_3_1_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers a CONNECT of MQTT 5 with a last will by silence, and a bare one by its reason."""
    pytest.importorskip("amqtt")
    monkeypatch.setattr("edge.delivery.uplink._CONNACK_TIMEOUT_S", 0.5)
    from edge.server.brokers import EmbeddedBroker

    with EmbeddedBroker(prefer="amqtt") as broker:
        url = broker.url.split("?")[0]
        with running(tmp_path, url, ack="broker") as (outbox, uplink):
            outbox.commit(hits(30))
            assert uplink.drain(10)
            assert (uplink.stats.protocol, uplink.stats.published) == ("3.1.1", 30)


def make_certificate_of_the_future(folder: Path) -> None:
    """Replace the certificate by one whose time begins in 2040."""
    (folder / "index").write_text("")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\n"
        "default_md = sha256\npolicy = any\ncopy_extensions = copy\n[any]\ncommonName = supplied\n"
    )
    for command in (
        ["req", "-new", "-key", "key.pem", "-out", "r.pem", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        ["ca", "-batch", "-selfsign", "-config", "ca.cnf", "-keyfile", "key.pem", "-in", "r.pem",
         "-out", "cert.pem", "-notext", "-startdate", "20400101000000Z",
         "-enddate", "20410101000000Z"],
    ):  # fmt: skip
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.mosquitto
def test_a_clock_in_the_past_of_a_certificate_is_named_and_waited_for(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    make_certificate_of_the_future(tmp_path)
    port = free_port()
    tls = (
        f"listener {port} 127.0.0.1\ncertfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem\n"
        "allow_anonymous true"
    )
    url = f"mqtts://localhost:{port}?ca_file={tmp_path}/cert.pem"
    with (
        mosquitto(options=tls) as broker,
        running(tmp_path / "state", url) as (outbox, uplink),
        Server(broker.url) as server,
    ):
        outbox.commit(hits(3))
        uplink.wake()
        wait_until(lambda: "not valid yet" in uplink.stats.last_error)
        assert "waiting for its clock to be set" in uplink.stats.last_error
        assert not uplink.drain(0.2)
        assert server.of("hit") == []
        assert outbox.owed == 3


# paho lets go of a socket whose handshake failed without closing it; Python then does, and says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.mosquitto
def test_tls_is_checked_and_works_with_the_authority_named(tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(options=encrypted(tmp_path, port)) as broker, Server(broker.url) as server:
        url = f"mqtts://localhost:{port}"
        with running(tmp_path / "state", url) as (_, uplink):
            wait_until(lambda: "not trusted" in uplink.stats.last_error)
            assert "ca_file" in uplink.stats.last_error
        with running(tmp_path / "state", f"{url}?ca_file={tmp_path}/cert.pem") as (outbox, uplink):
            outbox.commit(hits(200))
            assert uplink.drain(10)
        assert len(server.of("hit")) == 200


@pytest.mark.mosquitto
def test_the_real_collector_confirms_what_it_has_stored(tmp_path: Path) -> None:
    import threading

    from edge.server.collector import Collector
    from edge.server.store import open_store

    with (
        mosquitto() as broker,
        running(tmp_path, broker.url, ack_timeout_s=0.5) as (outbox, uplink),
    ):
        outbox.commit([draft("calibration"), *hits(100), draft("exposure"), draft("clock")])
        publish(outbox, [1])
        store = open_store(f"{tmp_path}/server.sqlite")
        collector = Collector(broker.url, store)
        stop = threading.Event()
        thread = threading.Thread(target=lambda: collector.run(stop))
        thread.start()
        try:
            assert uplink.drain(10)
        finally:
            stop.set()
            thread.join()
            store.close()
        assert collector.stats.stored == 103
        assert collector.stats.quarantined == 0
