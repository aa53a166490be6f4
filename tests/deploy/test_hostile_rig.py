"""What a rig with a good certificate can do to the others at the server's broker: be hung up on."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from pathlib import Path

import pytest

from edge.delivery.address import BrokerAddress
from edge.messages import MAX_MESSAGE_BYTES, TOPICS
from edge.server.brokers import find_mosquitto
from edge.server.statuses import StatusListener
from tests.deploy.clients import Client, Raw, kept
from tests.deploy.server_files import certificate, prepare, server_broker
from tests.edge.server.collectors import collecting
from tests.edge.server.databases import rows
from tests.edge.server.rigs import eventually, payload

VICTIM, HOSTILE = "attic-1", "hostile-1"
ROOT = "cosmic-edge/v1"
NOT_AUTHORIZED = 135
PING = b"\xc0\0"
EVERYTHING = ("#", f"{ROOT}/#", "+/+/+/+", f"{ROOT}/{VICTIM}/ack", f"{ROOT}/+/command", "$SYS/#")

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    prepare(folder, "localhost")
    for name in (VICTIM, HOSTILE, "cellar-1"):
        certificate(folder, name)
    return folder


@pytest.fixture
def broker(fleet):
    shutil.rmtree(fleet / "broker", ignore_errors=True)
    with server_broker(fleet) as broker:
        yield broker


def resident_mib(broker) -> int:
    status = Path(f"/proc/{broker.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) >> 10


def test_it_writes_its_own_topics_and_nothing_else_by_any_way(broker):
    with Client(broker, HOSTILE) as hostile:
        for name, topic in TOPICS.items():
            assert hostile.publish(f"{ROOT}/{VICTIM}/{topic.name}") == NOT_AUTHORIZED, name
            own = hostile.publish(f"{ROOT}/{HOSTILE}/{topic.name}", retain=True)
            assert (own == NOT_AUTHORIZED) == (topic.writer != "rig"), name
        for other in ("x", "$SYS/broker/x", "$CONTROL/dynamic-security/v1", f"$share/server/{ROOT}",
                      f"{ROOT}/{HOSTILE}", f"{ROOT}/{HOSTILE}/hit/more", f"{ROOT}/{HOSTILE}/other",
                      f"{ROOT}/{HOSTILE}/../{VICTIM}/hit", f"{ROOT}/{HOSTILE}/hit/" + "x" * 60_000,
                      ):  # fmt: skip
            assert hostile.publish(other) == NOT_AUTHORIZED, other[:60]
        # Known to the broker by a number from here on, the topic is asked for all the same.
        assert hostile.publish(f"{ROOT}/{VICTIM}/ack", TopicAlias=1) == NOT_AUTHORIZED
        assert hostile.publish("", TopicAlias=1) == NOT_AUTHORIZED
        assert not hostile.ended.is_set()


def test_it_hears_nothing_of_what_the_others_say_and_are_told(broker):
    with Client(broker, HOSTILE, **kept()) as hostile:
        hostile.subscribe(*EVERYTHING, *(f"$share/g/{one}" for one in EVERYTHING[:-1]))
        say_everything(broker)
        time.sleep(0.5)
        assert hostile.heard == []
    say_everything(broker)
    with Client(broker, HOSTILE, **kept()) as hostile:
        assert hostile.session_present
        time.sleep(0.5)
        assert hostile.heard == []
        # Of what the broker retains it is given nothing either.
        hostile.subscribe(*EVERYTHING)
        time.sleep(0.5)
        assert hostile.heard == []


def say_everything(broker):
    with Client(broker, VICTIM) as victim, Client(broker, "collector") as server:
        for topic in TOPICS.values():
            writer = victim if topic.writer == "rig" else server
            assert writer.publish(f"{ROOT}/{VICTIM}/{topic.name}", retain=True) < 128


def test_it_takes_no_message_from_the_collectors_by_joining_them(broker, tmp_path):
    """A broker hands each member of a group its part, and what one may not read is gone."""
    database = tmp_path / "server.db"
    with contextlib.ExitStack() as stack:
        hostile = stack.enter_context(Client(broker, HOSTILE))
        for group in ("server", "server-"):
            hostile.subscribe(f"$share/{group}/{ROOT}/+/hit", f"$share/{group}/{ROOT}/#")
        for _ in range(2):
            stack.enter_context(collecting(broker.url("collector"), database, share="server"))
        victim = stack.enter_context(Client(broker, VICTIM))
        for seq in range(1, 41):
            victim.publish(f"{ROOT}/{VICTIM}/hit", payload("hit", seq, rig=VICTIM))
        assert eventually(lambda: rows(database, "SELECT count(*) FROM hits") == [(40,)], 5)


@pytest.mark.parametrize("name", ["status", "ack", "command"])
def test_its_last_will_is_published_under_its_own_name_alone(broker, name):
    with Client(broker, "collector") as server:
        server.subscribe(f"{ROOT}/+/#")
        topic = f"{ROOT}/{VICTIM}/{name}"
        with Client(broker, HOSTILE, will=(topic, b"gone", 1, True)) as hostile:
            hostile.vanish()
        own = f"{ROOT}/{HOSTILE}/status"
        with Client(broker, HOSTILE, will=(own, b"x" * 65_000, 1, True)) as hostile:
            hostile.vanish()
        assert eventually(lambda: server.heard != [])
        assert [topic for topic, _ in server.heard] == [own]


def test_what_it_has_retained_is_no_more_than_its_topics_hold(broker):
    with Client(broker, HOSTILE) as hostile:
        for n in range(3):
            for topic in TOPICS.values():
                for name in (topic.name, f"{topic.name}/{n}"):
                    hostile.publish(f"{ROOT}/{HOSTILE}/{name}", b"x" * 1000, retain=True)
    mine = [topic for topic in TOPICS.values() if topic.writer == "rig"]
    with Client(broker, "collector") as server:
        server.subscribe(f"{ROOT}/#")
        time.sleep(0.5)
        assert len(server.heard) == len(mine)


def test_where_it_wants_the_answer_nobody_writes(broker, tmp_path):
    ack = f"{ROOT}/{VICTIM}/ack"
    with (
        collecting(broker.url("collector"), tmp_path / "server.db") as collector,
        Client(broker, VICTIM) as victim,
        Client(broker, HOSTILE) as hostile,
    ):
        victim.subscribe(ack)
        hostile.publish(
            f"{ROOT}/{HOSTILE}/hit",
            payload("hit", 1, rig=HOSTILE),
            ResponseTopic=ack,
            CorrelationData=b"x" * 60_000,
        )
        # Names of another in the message itself: put aside, and answered to nobody else.
        hostile.publish(f"{ROOT}/{HOSTILE}/hit", payload("hit", 2, rig=VICTIM))
        assert eventually(lambda: collector.stats.quarantined == 1), collector.stats
        assert eventually(lambda: collector.stats.stored == 1)
        time.sleep(0.3)
        assert victim.heard == []


@pytest.mark.parametrize("topic", ["/" * 300, f"{ROOT}/{HOSTILE}/hit" + "/x" * 300])
def test_a_topic_of_hundreds_of_levels_ends_its_own_connection(broker, topic):
    with Client(broker, VICTIM) as victim, Client(broker, HOSTILE) as hostile:
        hostile.mqtt.publish(topic, b"x", qos=1)
        assert hostile.ended.wait(10)
        assert victim.publish(f"{ROOT}/{VICTIM}/hit") < 128


def test_answers_that_it_does_not_fetch_are_its_end_and_not_the_brokers(fleet):
    """Without `memory_limit` 13 million pings in 8 s made mosquitto grow to 770 MB."""
    with (
        server_broker(fleet, memory_limit="60000000") as broker,
        Client(broker, VICTIM) as victim,
        Client(broker, "collector") as server,
    ):
        server.subscribe(f"{ROOT}/+/hit")
        with Raw(broker, HOSTILE) as hostile:
            assert not hostile.flood(PING * 5000, 2000)
        # A request that met the full memory may have ended the connection that made it.
        assert eventually(lambda: resident_mib(broker) < 120)
        assert "disconnected due to out of memory" in broker.process.log
        with Client(broker, "cellar-1") as another:
            assert another.publish(f"{ROOT}/cellar-1/hit") < 128
        if not victim.ended.is_set():
            assert victim.publish(f"{ROOT}/{VICTIM}/hit") < 128
        assert broker.process.running


def test_subscriptions_without_end_are_counted_and_go_with_its_connection(fleet):
    """Mosquitto has no limit for them: whoever watches is told."""
    with server_broker(fleet, sys_interval="1") as broker:
        listener = StatusListener(BrokerAddress.parse(broker.url("watch")))
        listener.start()
        try:
            with Raw(broker, HOSTILE) as hostile:
                for group in range(5):
                    hostile.subscribe(f"$share/{group}-{n}/{ROOT}/+/hit" for n in range(1000))
                hostile.subscribe(f"{ROOT}/{n}/ack" for n in range(1000))
                assert eventually(lambda: subscriptions(listener) >= 6000, 15)
            assert eventually(lambda: subscriptions(listener) < 100, 15)
        finally:
            listener.stop()


def subscriptions(listener: StatusListener) -> int:
    counts = listener.counts
    return counts.get("subscriptions", 0) + counts.get("shared_subscriptions", 0)


def test_a_message_of_the_largest_size_with_all_properties_is_read_or_put_aside(broker, tmp_path):
    """A rig's own quota of trouble: the collector goes on."""
    with (
        collecting(broker.url("collector"), tmp_path / "server.db") as collector,
        Client(broker, HOSTILE) as hostile,
        Client(broker, VICTIM) as victim,
    ):
        topic = f"{ROOT}/{HOSTILE}/hit"
        was = " ".join(f"{n:016x}:{n}" for n in range(3000))
        body = payload("hit", 1, rig=HOSTILE)
        hostile.publish(topic, body, UserProperty=[("was", was)] * 3)
        many = [(f"k{n}", "v" * 100) for n in range(8000)]
        hostile.publish(topic, b"[" * 50_000, UserProperty=many)
        hostile.publish(topic, b"\xff" * (MAX_MESSAGE_BYTES - 20))
        hostile.publish(topic, json.dumps({"schema": "x" * 500_000}).encode())
        victim.publish(f"{ROOT}/{VICTIM}/hit", payload("hit", 1, rig=VICTIM))
        assert eventually(lambda: collector.stats.stored == 2, 20)
        assert eventually(lambda: collector.stats.quarantined == 3, 20), collector.stats
