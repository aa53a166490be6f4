from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge.messages import parse_message
from tests.brokers import free_port, mosquitto
from tests.edge.delivery.test_outbox import REPOSITORY, draft, hits, owed
from tests.edge.delivery.uplinks import RIG, Clock, Server, running, wait_until

pytestmark = pytest.mark.mosquitto


def test_what_is_committed_is_published_stored_and_let_go(tmp_path: Path) -> None:
    with mosquitto() as broker, Server(broker.url) as server:
        with running(tmp_path, broker.url) as (outbox, uplink):
            outbox.commit([draft("calibration"), *hits(100), draft("exposure")])
            assert uplink.drain(10)
            stats = uplink.stats
            assert (stats.state, stats.protocol, stats.last_error) == ("connected", "5", "")
            assert (stats.published, stats.acknowledged, stats.resent) == (100, 100, 0)
            assert outbox.counts().owed == {}
        messages = [
            parse_message(payload) for _, payload, _ in server.messages if b'"seq"' in payload
        ]
        assert [message.seq for message in messages] == list(range(1, 103))
        assert [m.kind for m in messages] == ["calibration", *["hit"] * 100, "exposure"]
        told = [told for told in server.properties if told]
        assert told == [
            {"epoch": m.epoch, "seq": str(m.seq), "floor": str(m.floor)} for m in messages
        ]
        assert not any(retained for _, _, retained in server.messages)


def test_a_puback_is_not_safety_and_the_same_bytes_come_again(tmp_path: Path) -> None:
    with (
        mosquitto() as broker,
        Server(broker.url, answers=False) as server,
        running(tmp_path, broker.url, ack_timeout_s=0.2) as (outbox, uplink),
    ):
        outbox.commit(hits(3))
        uplink.wake()
        wait_until(lambda: len(server.payloads("hit")) >= 9)
        payloads = server.payloads("hit")
        assert len(set(payloads)) == 3
        assert owed(outbox) == [1, 2, 3]
        assert not uplink.drain(0.1)
        stats = uplink.stats
        assert (stats.published, stats.acknowledged) == (3, 0)
        assert stats.resent >= 6
        server.answer(epoch="0123456789abcdef", upto=3)
        server.answer(epoch=outbox.epoch, upto=2)
        wait_until(lambda: owed(outbox) == [3])
        server.answer(epoch=outbox.epoch, upto=3)
        assert uplink.drain(5)


def test_the_brokers_word_is_enough_where_that_is_asked_for(tmp_path: Path) -> None:
    with (
        mosquitto() as broker,
        Server(broker.url, answers=False) as server,
        running(tmp_path, broker.url, ack="broker") as (outbox, uplink),
    ):
        outbox.commit([*hits(50), draft("exposure")])
        assert uplink.drain(10)
        assert (uplink.stats.published, uplink.stats.acknowledged) == (50, 50)
        wait_until(lambda: len(server.of("exposure")) == 1)
        assert len(server.of("hit")) == 50
        assert server.of("status")[0]["ack"] == "broker"


def test_what_the_server_already_has_is_not_sent_after_a_restart(tmp_path: Path) -> None:
    with mosquitto() as broker, Server(broker.url, answers=False) as server:
        with running(tmp_path, broker.url) as (outbox, uplink):
            outbox.commit(hits(10))
            uplink.wake()
            wait_until(lambda: uplink.stats.published == 10)
            epoch = outbox.epoch
        server.answer(epoch=epoch, upto=8)
        time.sleep(0.1)
        with running(tmp_path, broker.url) as (outbox, uplink):
            wait_until(lambda: uplink.stats.published == 2)
            assert owed(outbox) == [9, 10]
        seqs = [message["seq"] for message in server.of("hit")]
        assert seqs == [*range(1, 11), 9, 10]


def test_a_broker_that_comes_late_gets_everything(tmp_path: Path) -> None:
    # The rig may be back before the server has subscribed: what went by is soon sent again.
    with (
        mosquitto(started=False) as broker,
        running(tmp_path, broker.url, ack_timeout_s=1.0) as (outbox, uplink),
    ):
        outbox.commit(hits(20))
        wait_until(lambda: "no broker at" in uplink.stats.last_error)
        assert uplink.stats.state in {"offline", "connecting"}
        assert not uplink.drain(0.1)
        broker.start()
        with Server(broker.url) as server:
            assert uplink.drain(10)
            assert len(server.of("hit")) >= 20
            assert uplink.stats.last_error == ""


def test_nothing_is_lost_over_brokers_that_are_killed(tmp_path: Path) -> None:
    with (
        mosquitto() as broker,
        Server(broker.url) as server,
        running(tmp_path, broker.url, ack_timeout_s=0.5) as (outbox, uplink),
    ):
        done = threading.Event()

        def make() -> None:
            for n in range(60):
                outbox.commit(hits(5, first=5 * n))
                uplink.wake()
                time.sleep(0.01)
            done.set()

        maker = threading.Thread(target=make)
        maker.start()
        for connection in (1, 2):
            wait_until(lambda: uplink.stats.connections >= connection)  # noqa: B023 - called here
            time.sleep(0.1)
            broker.kill()
            time.sleep(0.05)
            broker.start()
        maker.join()
        assert uplink.drain(15)
        assert uplink.stats.reconnects >= 2
        frames = {m["frame"] for m in server.stored.values() if "frame" in m}
        assert frames == set(range(300))
        counts = outbox.counts()
        assert (counts.hits_made, counts.hits_acknowledged, counts.hits_lost) == (300, 300, 0)


def test_a_hanging_broker_is_left_and_tried_anew(tmp_path: Path) -> None:
    clock = Clock()
    with (
        mosquitto() as broker,
        Server(broker.url),
        running(tmp_path, broker.url, clock=clock) as (outbox, uplink),
    ):
        wait_until(lambda: uplink.stats.connected and not uplink.stats.in_flight)
        broker.signal(signal.SIGSTOP)
        try:
            outbox.commit(hits(1))
            uplink.wake()
            wait_until(lambda: uplink.stats.in_flight == 1)
            clock.added_s += 61
            wait_until(lambda: "owes a PUBACK" in uplink.stats.last_error)
        finally:
            broker.signal(signal.SIGCONT)
        assert uplink.drain(10)
        assert uplink.stats.reconnects >= 1


def test_a_wrong_password_is_said_and_tried_until_it_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mosquitto(users={RIG: "right", "server": "s"}) as broker:
        secret = tmp_path / "password"
        secret.touch(mode=0o600)
        secret.write_text("wrong\n")
        url = f"mqtt://{RIG}@127.0.0.1:{broker.port}?password_file={secret}"
        with running(tmp_path / "state", url) as (outbox, uplink):
            outbox.commit(hits(1))
            wait_until(lambda: uplink.stats.state == "refused")
            said = uplink.stats.last_error
            assert "refuses the rig" in said
            assert "username and password" in said
            assert "wrong" not in said
            subprocess.run(
                ["mosquitto_passwd", "-b", str(broker.folder / "passwords"), RIG, "wrong"],
                check=True,
            )
            broker.signal(signal.SIGHUP)
            with Server(broker.url, login=("server", "s")):
                assert uplink.drain(30)
                assert uplink.stats.last_error == ""


CLOSED = (
    f"user {RIG}\ntopic read cosmic-edge/v1/{RIG}/ack\ntopic write cosmic-edge/v1/{RIG}/status\n"
)
SERVER = "user server\ntopic readwrite #\n"


def test_a_rig_that_may_not_write_gives_nothing_up(tmp_path: Path) -> None:
    clock = Clock()
    with mosquitto(users={RIG: "p", "server": "s"}, acl=CLOSED + SERVER) as broker:
        secret = tmp_path / "password"
        secret.touch(mode=0o600)
        secret.write_text("p\n")
        url = f"mqtt://{RIG}@127.0.0.1:{broker.port}?password_file={secret}"
        with running(tmp_path / "state", url, clock=clock) as (outbox, uplink):
            outbox.commit(hits(30))
            uplink.wake()
            for _ in range(8):  # over an hour
                wait_until(lambda: uplink.stats.state == "refused" and not uplink.stats.in_flight)
                clock.added_s += 601
                uplink.wake()
                time.sleep(0.05)
            said = uplink.stats.last_error
            assert f"cosmic-edge/v1/{RIG}/hit" in said
            assert "access list" in said
            assert (uplink.stats.refused, len(owed(outbox))) == (0, 30)
            opened = CLOSED + f"topic write cosmic-edge/v1/{RIG}/#\n" + SERVER
            (broker.folder / "acl").write_text(opened)
            broker.signal(signal.SIGHUP)
            with Server(broker.url, login=("server", "s")):
                time.sleep(0.1)
                clock.added_s += 601
                uplink.wake()
                assert uplink.drain(30)
                assert (uplink.stats.state, uplink.stats.last_error) == ("connected", "")


KILLED = """
import sys, time
from pathlib import Path
from tests.edge.delivery.uplinks import running
with running(Path(sys.argv[1]), sys.argv[2]) as (outbox, uplink):
    while uplink.stats.state != "connected" or uplink.stats.in_flight:
        time.sleep(0.01)
    print(outbox.session, flush=True)
    time.sleep(60)
"""


def test_a_killed_rig_is_seen_offline_and_comes_back_with_a_higher_session(tmp_path: Path) -> None:
    with mosquitto() as broker, Server(broker.url) as server:
        rig = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), broker.url],
            stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
        )  # fmt: skip
        assert rig.stdout is not None
        session = int(rig.stdout.readline())
        os.kill(rig.pid, signal.SIGKILL)
        rig.wait()
        rig.stdout.close()
        wait_until(lambda: len(server.of("status")) == 2)
        with running(tmp_path, broker.url) as (_, uplink):
            wait_until(lambda: uplink.stats.connected and not uplink.stats.in_flight)
        wait_until(lambda: len(server.of("status")) == 4)
    told = [(status["state"], status["session"] - session) for status in server.of("status")]
    assert told == [("online", 0), ("offline", 0), ("online", 1), ("stopped", 1)]


def test_status_health_and_calibration_are_retained_and_said_again_at_each_connection(
    tmp_path: Path,
) -> None:
    with mosquitto() as broker, running(tmp_path, broker.url) as (_, uplink):
        uplink.publish_health({"counters": {"hits": 1}})
        uplink.publish_health({"counters": {"hits": 2}, "gauges": {"fps": float("nan")}})
        uplink.publish_health({"counters": {"hits": 2}, "gauges": {"fps": 29.5}})
        uplink.publish_calibration_current(b'{"calibration_id":"c-1"}')
        with pytest.raises(ValueError, match="over 65536"):
            uplink.publish_calibration_current(b"x" * 65_537)
        wait_until(lambda: uplink.stats.connected and not uplink.stats.in_flight)
        for _ in range(2):
            with Server(broker.url) as late:
                wait_until(lambda: len(late.messages) == 3)
                assert all(retained for _, _, retained in late.messages)
                assert late.of("health")[0]["counters"] == {"hits": 2}
                assert late.of("calibration/current") == [{"calibration_id": "c-1"}]
                assert late.of("status")[0]["state"] == "online"
            before = uplink.stats.connections
            broker.kill()  # and with it all it had retained
            broker.start()
            wait_until(
                lambda before=before: (
                    uplink.stats.connections > before and not uplink.stats.in_flight
                )
            )


def test_a_conflict_begins_a_new_epoch_and_says_so(tmp_path: Path) -> None:
    with (
        mosquitto() as broker,
        Server(broker.url, answers=False) as server,
        running(tmp_path, broker.url) as (outbox, uplink),
    ):
        old = outbox.epoch
        outbox.commit(hits(5))
        uplink.wake()
        wait_until(lambda: len(server.of("hit")) == 5)
        server.answer(epoch=old, conflict=3)
        wait_until(lambda: len(server.of("hit")) == 10)
        wait_until(lambda: server.of("status")[-1]["epoch"] == outbox.epoch)
        assert outbox.epoch != old
        again = server.of("hit")[5:]
        assert [(m["epoch"], m["seq"], m["frame"]) for m in again] == [
            (outbox.epoch, n + 1, n) for n in range(5)
        ]
        server.answer(epoch=outbox.epoch, upto=5)
        assert uplink.drain(5)


def test_stop_without_a_broker_is_quick_and_idempotent(tmp_path: Path) -> None:
    with running(tmp_path, f"mqtt://127.0.0.1:{free_port()}") as (outbox, uplink):
        outbox.commit(hits(1))
        began = time.monotonic()
        uplink.stop()
        uplink.stop()
        assert time.monotonic() - began < 2
        assert uplink.stats.state == "stopped"
        uplink.wake()
        assert owed(outbox) == [1]
