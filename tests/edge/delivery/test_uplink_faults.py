"""What no real broker can be told to do, and what must not end the delivery."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

from edge.delivery import BrokerAddress, Outbox, Uplink
from edge.delivery.courier import AHEAD
from edge.messages import LostMessage, parse_message
from tests.edge.delivery.scripted_broker import Verdict, scripted_broker
from tests.edge.delivery.test_outbox import draft, hits, owed
from tests.edge.delivery.uplinks import ACK_TOPIC, RIG, Clock, running, wait_until


@pytest.mark.parametrize(("maximum", "window"), [(3, 3), (40, 40)])
def test_no_more_is_in_flight_than_the_broker_can_take(
    tmp_path: Path, maximum: int, window: int
) -> None:
    def judge(topic: str, _: Any) -> Verdict:
        return 0 if topic.endswith("/status") else None

    with (
        scripted_broker(receive_maximum=maximum, verdict=judge) as broker,
        running(tmp_path, broker.url, ack="broker") as (outbox, uplink),
    ):
        outbox.commit(hits(160))
        uplink.wake()
        wait_until(lambda: broker.most_unacknowledged == window)
        time.sleep(0.1)
        while not outbox.is_empty:
            broker.release(2)
            time.sleep(0.002)
        assert broker.most_unacknowledged == window
        assert [m["seq"] for m in broker.of("hit")] == list(range(1, 161))


def test_a_broker_that_takes_one_at_a_time_is_served(tmp_path: Path) -> None:
    with (
        scripted_broker(receive_maximum=1) as broker,
        running(tmp_path, broker.url, ack="broker") as (outbox, uplink),
    ):
        uplink.publish_health({"counters": {}})
        outbox.commit(hits(20))
        assert uplink.drain(10)
        wait_until(lambda: len(broker.of("health")) == 1)


def turn_hours(
    uplink: Uplink, clock: Clock, until: Any, steps: int = 400, step_s: float = 30.0
) -> None:
    """Let the clock run ahead whenever the uplink is at rest."""
    for _ in range(steps):
        wait_until(lambda: until() or (uplink.stats.connected and not uplink.stats.in_flight))
        if until():
            return
        clock.added_s += step_s
        reads = clock.reads
        for more in (2, 4):  # two rounds of the uplink's loop
            uplink.wake()
            wait_until(lambda seen=reads + more: clock.reads >= seen)
    assert until(), "it did not come about in time"


@pytest.mark.parametrize("verdict", [153, "hang up"])
def test_what_the_broker_refuses_for_good_is_set_aside_and_the_rest_goes_on(
    tmp_path: Path, verdict: Verdict, caplog: pytest.LogCaptureFixture
) -> None:
    def judge(topic: str, message: Any) -> Verdict:
        return verdict if topic.endswith("/hit") and message["frame"] == 2 else 0

    clock = Clock()
    with (
        caplog.at_level(logging.CRITICAL, logger="edge.delivery"),
        scripted_broker(verdict=judge) as broker,
        running(tmp_path, broker.url, ack="broker", clock=clock) as (outbox, uplink),
    ):
        outbox.commit(hits(6))
        uplink.wake()
        wait_until(lambda: owed(outbox) == [3])
        began_s = clock()
        turn_hours(uplink, clock, lambda: uplink.stats.refused == 1)
        sends = [m for m in broker.of("hit") if m["frame"] == 2]
        assert len(sends) >= 5
        assert clock() - began_s >= 570
        assert uplink.drain(5)
        lost = parse_message(outbox_message(broker.of("lost")[0]))
        assert isinstance(lost, LostMessage)
        assert (lost.reason, lost.ranges[0].first_seq) == ("refused", 3)
        counts = outbox.counts()
        assert (counts.hits_acknowledged, counts.hits_lost) == (5, 1)
        db = outbox._store._db
        assert db.execute("SELECT seq, kind FROM set_aside").fetchall() == [(3, "hit")]


@pytest.mark.parametrize("reason", [139, 142])
def test_a_broker_that_hangs_up_for_another_cause_blames_no_message(
    tmp_path: Path, reason: int
) -> None:
    """A clone of the card that pushes the rig off, a broker that is started again and again."""
    pushed = True

    def judge(topic: str, message: Any) -> Verdict:
        if pushed and topic.endswith("/hit") and message["frame"] == 2:
            broker.disconnect(reason)
        return 0

    clock = Clock()
    with (
        scripted_broker(verdict=judge) as broker,
        running(tmp_path, broker.url, ack="broker", clock=clock) as (outbox, uplink),
    ):
        outbox.commit(hits(3))
        uplink.wake()

        def sends() -> int:
            return len([m for m in broker.of("hit") if m["frame"] == 2])

        for times in range(2, 12):
            wait_until(lambda seen=times: sends() >= seen)
            clock.added_s += 100
        assert uplink.stats.refused == 0
        pushed = False
        assert uplink.drain(10)
        assert outbox.counts().hits_acknowledged == 3


def test_a_window_refused_at_once_is_one_try_and_waits_as_for_one(tmp_path: Path) -> None:
    """Where the rig may not write (135): half a minute, however many were under way."""
    allowed = False

    def judge(topic: str, _: Any) -> Verdict:
        return 0 if allowed or not topic.endswith("/hit") else 135

    clock = Clock()
    with (
        scripted_broker(verdict=judge) as broker,
        running(tmp_path, broker.url, ack="broker", clock=clock) as (outbox, uplink),
    ):
        outbox.commit(hits(60))
        uplink.wake()
        wait_until(lambda: "access list" in uplink.stats.last_error)
        wait_until(lambda: not uplink.stats.in_flight)
        tried = len(broker.of("hit"))
        assert tried > 5
        turn_hours(uplink, clock, lambda: len(broker.of("hit")) > tried, steps=3, step_s=16.0)
        assert len(broker.of("hit")) == tried + 1, "one alone finds out whether it may now"
        allowed = True
        turn_hours(uplink, clock, lambda: outbox.is_empty, steps=5, step_s=16.0)
        assert outbox.counts().hits_lost == 0


def outbox_message(message: dict[str, Any]) -> bytes:
    from edge.messages import encode

    return encode(message)


def test_a_server_that_is_away_for_a_day_costs_no_message_and_few_sends(tmp_path: Path) -> None:
    clock = Clock()
    with (
        scripted_broker() as broker,
        running(tmp_path, broker.url, clock=clock) as (outbox, uplink),
    ):
        outbox.commit(hits(AHEAD + 200))
        uplink.wake()
        wait_until(lambda: len(broker.of("hit")) >= AHEAD)
        began_s = clock()
        turn_hours(uplink, clock, lambda: clock() - began_s >= 86_400, step_s=600)
        assert len(owed(outbox)) == AHEAD + 200
        assert uplink.stats.refused == 0
        assert {m["seq"] for m in broker.of("hit")} == set(range(1, AHEAD + 1))
        assert len(broker.of("hit")) < AHEAD + 20 * 150
        broker.say(ACK_TOPIC, {"epoch": outbox.epoch, "upto": AHEAD})
        wait_until(lambda: len({m["seq"] for m in broker.of("hit")}) == AHEAD + 200)
        broker.say(ACK_TOPIC, {"epoch": outbox.epoch, "upto": AHEAD + 200})
        assert uplink.drain(5)


def test_what_the_server_never_confirms_though_it_speaks_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that a broker of MQTT 3.1.1 swallows would hold up all that follow."""
    clock = Clock()
    with (
        caplog.at_level(logging.CRITICAL, logger="edge.delivery"),
        scripted_broker() as broker,
        running(tmp_path, broker.url, clock=clock) as (outbox, uplink),
    ):
        outbox.commit([*hits(2), draft("exposure")])
        uplink.wake()
        wait_until(lambda: len(broker.of("exposure")) == 1)
        spoken = 0

        def speak() -> bool:
            nonlocal spoken
            if len(broker.of("hit")) > spoken and not uplink.stats.in_flight:
                spoken = len(broker.of("hit"))
                clock.added_s += 6
                broker.say(ACK_TOPIC, {"epoch": outbox.epoch, "upto": 0})
            return uplink.stats.refused == 1

        turn_hours(uplink, clock, speak)
        assert 1 not in owed(outbox)
        assert [kind for _, kind in outbox.pending(0, 10)] == ["hit", "exposure", "lost"]
        assert sum(m["seq"] == 1 for m in broker.of("hit")) >= 5


def test_a_message_beyond_the_brokers_size_is_not_sent_and_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    with (
        caplog.at_level(logging.CRITICAL, logger="edge.delivery"),
        scripted_broker(maximum_packet=2500) as broker,
        running(tmp_path, broker.url, ack="broker", clock=clock) as (outbox, uplink),
    ):
        outbox.commit([draft("exposure"), *hits(1), draft("exposure")])
        uplink.wake()
        wait_until(lambda: owed(outbox) == [2])
        assert "takes no hit as large" in uplink.stats.last_error
        turn_hours(uplink, clock, lambda: uplink.stats.refused == 1)
        assert broker.of("hit") == []
        assert uplink.drain(5)
        assert uplink.stats.reconnects == 0


@pytest.mark.parametrize(
    ("reason", "said"),
    [(133, "client identifier"), (134, "username and password"), (136, "refuses the rig")],
)
def test_a_broker_that_refuses_is_one_line_and_asked_again(
    tmp_path: Path, reason: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING, logger="edge.delivery"),
        scripted_broker(connack=reason) as broker,
        running(tmp_path, broker.url) as (_, uplink),
    ):
        wait_until(lambda: len(broker.connects) >= 3)
        assert said in uplink.stats.last_error
        assert "\n" not in uplink.stats.last_error
        assert set(broker.connects) == {5}
        broker.connack = 0
        wait_until(lambda: uplink.stats.connected)
        assert uplink.stats.last_error == ""
    assert caplog.text.count("refuses the rig") == 1, "said once, not at each attempt"


def test_a_second_rig_of_the_same_name_is_said(tmp_path: Path) -> None:
    with (
        scripted_broker() as broker,
        running(tmp_path, broker.url, backoff=SlowBackoff()) as (_, uplink),
    ):
        wait_until(lambda: uplink.stats.connected)
        broker.disconnect(142)
        wait_until(lambda: "give each its own name" in uplink.stats.last_error)


class SlowBackoff:
    def next_s(self) -> float:
        return 0.3

    def reset(self) -> None:
        pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_network_thread_is_noticed_and_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox.open(tmp_path, RIG)
    with scripted_broker() as broker:
        uplink = Uplink(outbox, BrokerAddress.parse(broker.url), RIG, ack="broker")
        whole = uplink._one_connection

        def die() -> float:
            monkeypatch.setattr(uplink, "_one_connection", whole)
            raise SystemExit

        monkeypatch.setattr(uplink, "_one_connection", die)
        uplink.start()
        thread = uplink._thread
        assert thread is not None
        thread.join(5)
        outbox.commit(hits(3))
        uplink.wake()
        assert uplink.drain(5)
        assert uplink.stats.restarts == 1
        uplink.stop()
    outbox.close()


def test_a_defect_in_the_thread_does_not_end_the_delivery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.CRITICAL, logger="edge.delivery"),
        scripted_broker() as broker,
        running(tmp_path, broker.url, ack="broker") as (outbox, uplink),
    ):
        whole = uplink._courier.pump
        faults = iter(range(2))

        def stumble(now_s: float) -> None:
            if next(faults, None) is not None:
                raise ZeroDivisionError
            whole(now_s)

        monkeypatch.setattr(uplink._courier, "pump", stumble)
        outbox.commit(hits(3))
        assert uplink.drain(5)
        assert uplink.stats.restarts == 2


@pytest.mark.parametrize(
    "payload", [{"upto": 3}, {"epoch": "x", "upto": 3}, {"epoch": "0123456789abcdef", "upto": -1}]
)
def test_an_ack_that_is_none_lets_nothing_go(tmp_path: Path, payload: dict[str, Any]) -> None:
    with (
        scripted_broker() as broker,
        running(tmp_path, broker.url) as (outbox, uplink),
    ):
        outbox.commit(hits(3))
        uplink.wake()
        wait_until(lambda: uplink.stats.published == 3)
        broker.say(ACK_TOPIC, payload)
        wait_until(lambda: "ack can't be read" in uplink.stats.last_error)
        assert owed(outbox) == [1, 2, 3]
        broker.say(ACK_TOPIC, {"epoch": outbox.epoch, "upto": 3})
        assert uplink.drain(5)
        assert uplink.stats.last_error == ""
