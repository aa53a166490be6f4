"""Brokers that take less than a rig says, and messages larger than a rig has memory for."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.delivery.beside import BesideQueue
from edge.delivery.flights import Flight
from edge.delivery.sturdy_client import MOST_PACKET_BYTES, SturdyClient
from tests import raw_mqtt
from tests.brokers import mosquitto
from tests.edge.delivery.scripted_broker import scripted_broker
from tests.edge.delivery.test_outbox import draft, hits
from tests.edge.delivery.uplinks import ACK_TOPIC, Server, running, wait_until

LARGE = b'{"hot":"' + b"x" * 60_000 + b'"}'
NO_LIMIT = 1 << 28


@pytest.mark.mosquitto
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("limit", ["max_packet_size", "message_size_limit"])
def test_what_is_too_large_for_the_broker_holds_up_nothing_that_is_owed(
    tmp_path: Path, limit: str, protocol: str
) -> None:
    with mosquitto(options=f"{limit} 20000") as broker:
        url = f"{broker.url}?protocol={protocol}"
        with Server(broker.url) as server, running(tmp_path, url) as (outbox, uplink):
            uplink.publish_calibration_current(LARGE)
            uplink.publish_health({"counters": {}})
            outbox.commit(hits(3))
            assert uplink.drain(10)
            wait_until(lambda: server.of("health"))
            # Of a broker that hangs up it takes some connections to be sure.
            silent = limit == "message_size_limit" and protocol == "3.1.1"
            if not silent:
                wait_until(lambda: "calibration/current" in uplink.stats.last_error)
            outbox.commit(hits(1))
            assert uplink.drain(10)
            assert uplink.stats.connected
            assert server.of("calibration/current") == []


def test_a_declared_size_costs_no_connection_and_a_smaller_one_goes(tmp_path: Path) -> None:
    with (
        scripted_broker(maximum_packet=2500) as broker,
        running(tmp_path, broker.url, ack="broker") as (outbox, uplink),
    ):
        uplink.publish_calibration_current(LARGE)
        uplink.publish_reply(LARGE)
        outbox.commit([draft("exposure")])
        assert uplink.drain(5)
        assert "60010 bytes" in uplink.stats.last_error
        uplink.publish_calibration_current(b"{}")
        uplink.publish_reply(b"{}")
        wait_until(lambda: broker.of("calibration/current") == [{}] == broker.of("reply"))
        assert uplink.stats.last_error == ""
        assert uplink.stats.connections == 1


def test_what_was_in_flight_at_a_hang_up_goes_alone_and_is_cleared_by_an_answer() -> None:
    queue = two_kept()
    taken = [one_of(queue), one_of(queue)]
    queue.ended([Flight(name, 0.0, 5) for name in taken], 1.0, hung_up=True)
    queue.connected()
    assert queue.take(NO_LIMIT, 1) is None, "not while anything is in flight"
    first = one_of(queue)
    assert queue.wants_quiet
    assert queue.take(NO_LIMIT, 0) is None, "one alone"
    queue.taken(first)
    assert {first, one_of(queue)} == set(taken)


def test_what_is_hung_up_on_alone_three_times_is_left_out_until_it_is_smaller() -> None:
    queue = two_kept()
    queue.ended([Flight(one_of(queue), 0.0, 5), Flight(one_of(queue), 0.0, 5)], 1.0, hung_up=True)
    for _ in range(3):
        queue.connected()
        while (name := one_of(queue)) != "calibration/current":
            queue.taken(name)
        queue.ended([Flight(name, 2.0, 5)], 2.1, hung_up=True)
    queue.connected()
    assert one_of(queue) == "health"
    queue.taken("health")
    assert queue.take(NO_LIMIT, 0) is None
    assert "calibration/current (5 bytes)" in queue.left_out["calibration/current"]
    queue.keep("calibration/current", b"1234")
    assert one_of(queue) == "calibration/current"
    assert queue.left_out == {}


@pytest.mark.parametrize(("after_s", "hung_up"), [(30.0, True), (1.0, False)])
def test_a_connection_that_ends_later_or_by_itself_blames_nobody(
    after_s: float, hung_up: bool
) -> None:
    queue = two_kept()
    for _ in range(10):
        queue.connected()
        names = [one_of(queue, 5), one_of(queue, 6)]
        queue.ended([Flight(name, 0.0, 5) for name in names], after_s, hung_up=hung_up)


@pytest.mark.mosquitto
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_message_larger_than_the_memory_is_not_kept_and_the_next_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    held: list[int] = []
    receive = SturdyClient._sock_recv

    def watched(client: SturdyClient, bufsize: int) -> bytes:
        data = receive(client, bufsize)
        held.append(len(client._in_packet["packet"]) + len(data))
        return data

    monkeypatch.setattr(SturdyClient, "_sock_recv", watched)
    with mosquitto() as broker, Server(broker.url, answers=False) as server:
        stranger = raw_mqtt.RawPublisher(broker.port)
        with running(tmp_path, f"{broker.url}?protocol={protocol}") as (outbox, uplink):
            outbox.commit(hits(3))
            uplink.wake()
            wait_until(lambda: len(server.of("hit")) == 3)
            assert stranger.send(ACK_TOPIC, bytes(20 << 20))
            if protocol == "3.1.1":  # a broker of MQTT 5 passes nothing on that is not wanted
                wait_until(lambda: "over 1000000" in uplink.stats.last_error)
            server.answer(epoch=outbox.epoch, upto=3)
            assert uplink.drain(10)
            assert uplink.stats.connections == 1
        stranger.close()
    assert max(held) <= MOST_PACKET_BYTES + (1 << 16)
    assert (max(held) > MOST_PACKET_BYTES) == (protocol == "3.1.1")


def two_kept() -> BesideQueue:
    queue = BesideQueue()
    for name in ("health", "calibration/current"):
        queue.keep(name, b"12345")
    return queue


def one_of(queue: BesideQueue, in_flight: int = 0) -> str:
    one = queue.take(NO_LIMIT, in_flight)
    assert one is not None
    return one.name
