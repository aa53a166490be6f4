"""Whatever a collector is sent: nothing falls over, nothing wrong is stored, all is counted."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from edge.server.store import open_store
from tests import raw_mqtt
from tests.brokers import mosquitto
from tests.edge.server.collectors import collecting
from tests.edge.server.fuzzing import KINDS, Account, Sent, Stream
from tests.edge.server.rigs import eventually

BATCH = 250


def fuzz(database: str, count: int, seed: int) -> None:
    account, stream = Account(database), Stream(seed)
    with contextlib.closing(open_store(database)) as store:
        for _ in range(count // BATCH):
            batch = stream.batch(BATCH)
            account.add(batch, store.commit([one.looked_at() for one in batch]))
    reasons = account.check()
    print(dict(account.sums), dict(reasons))
    assert account.sums["stored"] > count // 5
    assert account.sums["duplicates"] > count // 50
    for reason in ("invalid", "conflict", "rig_differs", "kind_differs", "key_differs"):
        assert reasons[reason] > count // 1000, reason


def test_whatever_comes_is_stored_right_or_put_aside(database: str) -> None:
    fuzz(database, 4000, seed=1)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_a_hundred_thousand_spoilt_messages_are_stored_right_or_put_aside(database: str) -> None:
    fuzz(database, 100_000, seed=2)


def odd_properties(chance: random.Random) -> bytes:
    """Properties that no rig sends, some of which no broker passes on."""
    name = chance.choice(
        ("\ufeff", "\0", b"\xff", b"\xed\xa0\x80", "floor", "x" * 5000, "", "\u202e")
    )
    whole = chance.choice(
        (
            raw_mqtt.user_property(name, chance.choice(("\ufeff", "1", "", b"\xc0\x80"))),
            raw_mqtt.user_property("a", "b") * chance.choice((2, 300)),
            bytes([raw_mqtt.PAYLOAD_FORMAT, chance.randrange(256)]),
            bytes([chance.choice((3, 8))])
            + raw_mqtt.text(chance.choice(("\ufeff", "a/b", b"\xff"))),
            bytes([9]) + raw_mqtt.text(chance.randbytes(20)),
            bytes([2, 0, 0, 0, chance.choice((1, 60))]),
            chance.randbytes(chance.randint(1, 9)),
        )
    )
    return whole[: len(whole) - 1] if chance.random() < 0.1 else whole


def as_published(one: Sent, chance: random.Random) -> tuple[str | bytes, bytes, bytes]:
    """Topic, payload and properties on the wire."""
    if "good" not in one.topic and chance.random() < 0.05:
        return one.topic, one.payload, odd_properties(chance)
    if "good" not in one.topic and chance.random() < 0.01:
        return one.topic.encode() + chance.choice((b"\xff", b"/+", b"#")), one.payload, b""
    pairs = (raw_mqtt.user_property(name, value) for name, value in one.properties.items())
    return one.topic, one.payload, b"".join(pairs)


def is_listened_to(topic: str) -> bool:
    parts = topic.split("/")
    return len(parts) == 4 and parts[:2] == ["cosmic-edge", "v1"] and parts[3] in KINDS


def publish_all(port: int, stream: Stream, count: int, account: Account) -> None:
    """Publish, and note what the broker took and passes on to a collector."""
    chance = random.Random(count)
    publisher = raw_mqtt.RawPublisher(port)
    for one in stream.batch(count):
        topic, payload, properties = as_published(one, chance)
        if publisher.send(topic, payload, properties) and is_listened_to(str(topic)):
            odd = b"".join(raw_mqtt.user_property(*pair) for pair in one.properties.items())
            seen = one.properties if properties == odd else {}
            account.sent.append(Sent(one.topic, payload, seen))
    publisher.close()


def fuzz_over_a_broker(folder: Path, count: int) -> None:
    account = Account(str(folder / "collector.db"))
    with mosquitto(options="log_type none\nmax_queued_messages 0") as broker:
        with collecting(broker.url, folder / "collector.db") as collector:
            publish_all(broker.port, Stream(3), count, account)
            assert eventually(lambda: collector.stats.received >= len(account.sent), 60)
        stats = collector.stats
    print(stats)
    assert stats.received == len(account.sent) > count // 2
    assert (stats.reconnects, stats.unsettled) == (0, 0)
    for name in ("stored", "duplicates", "quarantined", "conflicts"):
        account.sums[name] = getattr(stats, name)
    account.check()


@pytest.mark.mosquitto
def test_what_comes_over_a_real_broker_is_accounted_for_too(tmp_path: Path) -> None:
    fuzz_over_a_broker(tmp_path, 3000)


@pytest.mark.prove
@pytest.mark.mosquitto
@pytest.mark.timeout(600)
def test_thirty_thousand_over_a_real_broker_are_accounted_for(tmp_path: Path) -> None:
    fuzz_over_a_broker(tmp_path, 30_000)
