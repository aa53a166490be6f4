"""The collector against real brokers: what comes in is stored once, and the rigs hear of it."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time

import pytest

from edge.delivery.address import BrokerAddress
from edge.errors import BadUse
from edge.server.brokers import EmbeddedBroker, find_mosquitto
from edge.server.collector import BATCH_MESSAGES, Collector
from edge.server.mqtt_reader import Reader
from edge.server.store import open_store
from tests.edge.server.collectors import Gate, collecting
from tests.edge.server.databases import rows
from tests.edge.server.rigs import EPOCH, Rig, eventually, payload

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto"),
]


def test_what_a_rig_sends_is_stored_and_the_rig_hears_how_far(broker, path):
    with collecting(broker.url, path) as collector, Rig(broker.url, "first") as rig:
        for seq, kind in enumerate(["hit", "exposure", "calibration", "clock"], 1):
            rig.send(payload(kind, seq, rig="first"), kind)
        assert eventually(lambda: rig.upto == 4)
        assert collector.stats.stored == 4
    assert rows(path, "SELECT count(*) FROM messages") == [(4,)]


def test_the_watermark_is_retained_for_a_rig_that_was_away(broker, path):
    with collecting(broker.url, path), Rig(broker.url, "absent") as rig:
        rig.send(payload("hit", 1, rig="absent"))
        assert eventually(lambda: rig.upto == 1)
    with Rig(broker.url, "absent") as rig:
        assert eventually(lambda: rig.upto == 1)


def test_a_message_that_comes_again_is_a_duplicate_and_answered_again(broker, path):
    with collecting(broker.url, path) as collector, Rig(broker.url, "again") as rig:
        rig.send(payload("hit", 1, rig="again"))
        assert eventually(lambda: collector.stats.stored == 1)
        assert eventually(lambda: rig.upto == 1)
        heard = len(rig.acks)
        rig.send(payload("hit", 1, rig="again"))
        assert eventually(lambda: collector.stats.duplicates == 1)
        assert eventually(lambda: len(rig.acks) > heard)
    assert rows(path, "SELECT count(*) FROM hits") == [(1,)]


def test_a_gap_holds_the_watermark_until_it_is_filled_or_declared_lost(broker, path):
    with collecting(broker.url, path) as collector, Rig(broker.url, "gaps") as rig:
        for seq in (1, 2, 6, 7, 4):
            rig.send(payload("hit", seq, rig="gaps"))
        assert eventually(lambda: collector.stats.stored == 5)
        assert eventually(lambda: rig.upto == 2)
        rig.send(payload("hit", 3, rig="gaps"))
        assert eventually(lambda: rig.upto == 4)
        lost = payload("lost", 8, rig="gaps", ranges=[{"first_seq": 5, "last_seq": 5}])
        rig.send(lost, "lost")
        assert eventually(lambda: rig.upto == 8)


def test_a_floor_tells_a_new_server_what_is_no_longer_owed(broker, path):
    with collecting(broker.url, path), Rig(broker.url, "old") as rig:
        rig.send(payload("hit", 1000, floor=998, rig="old"))
        rig.send(payload("hit", 998, floor=998, rig="old"))
        assert eventually(lambda: rig.upto == 998)
        rig.send(payload("hit", 999, floor=998, rig="old"))
        assert eventually(lambda: rig.upto == 1000)


def test_garbage_is_put_aside_and_passed_where_its_key_is_known(broker, path):
    with collecting(broker.url, path) as collector, Rig(broker.url, "odd") as rig:
        rig.send(payload("hit", 1, rig="odd"))
        rig.send(b"\x00garbage", properties={"epoch": EPOCH, "seq": "2", "floor": "1"})
        rig.send(payload("hit", 3, rig="odd"), "exposure")
        rig.send(payload("hit", 4, rig="odd", series="x" * 1_100_000), properties={
            "epoch": EPOCH, "seq": "4", "floor": "1"})  # fmt: skip
        rig.send(payload("hit", 9, rig="someone-else"))
        rig.send(b"")
        rig.send(payload("hit", 5, rig="odd"))
        assert eventually(lambda: rig.upto == 5)
        assert eventually(lambda: collector.stats.received == 7)
        assert (collector.stats.stored, collector.stats.quarantined) == (2, 5)
    reasons = rows(path, "SELECT reason FROM quarantine ORDER BY id")
    assert reasons == [("invalid",), ("kind_differs",), ("oversized",), ("rig_differs",),
                       ("invalid",)]  # fmt: skip


def test_other_content_under_a_used_number_is_told_as_a_conflict_and_no_watermark(broker, path):
    with collecting(broker.url, path) as collector, Rig(broker.url, "restored") as rig:
        rig.send(payload("hit", 1, rig="restored"))
        assert eventually(lambda: rig.upto == 1)
        heard = len(rig.acks)
        rig.send(payload("hit", 1, rig="restored", peak_adu=7))
        assert eventually(lambda: rig.conflicts == [1])
        assert len(rig.acks) == heard + 1
        assert collector.stats.conflicts == 1
    with Rig(broker.url, "restored") as rig:
        assert eventually(lambda: rig.conflicts == [1])


def test_the_sum_holds_at_every_moment(broker, path):
    with collecting(broker.url, path) as collector, Rig(broker.url, "sums") as rig:
        for seq in range(1, 400):
            rig.send(payload("hit", seq % 300 + 1, rig="sums") if seq % 10 else b"?")
        seen = []
        while collector.stats.received < 399:
            seen.append(collector.stats)
            time.sleep(0.001)
        seen.append(collector.stats)
    assert all(one.received == one.stored + one.duplicates + one.quarantined for one in seen)
    assert collector.stats.quarantined == 39


def test_a_batch_waits_for_the_disk_before_the_broker_is_told(broker, path):
    """Locked database: nothing counts, and what was not stored comes again by itself."""
    with collecting(broker.url, path) as collector, Rig(broker.url, "patient") as rig:
        collector._store._connection.execute("PRAGMA busy_timeout = 20")
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        rig.send(payload("hit", 1, rig="patient"))
        assert eventually(lambda: "locked" in collector.state)
        assert collector.stats.received == 0
        assert rig.acks == []
        lock.execute("ROLLBACK")
        assert eventually(lambda: rig.upto == 1)
        assert collector.state == "collecting"
        lock.close()


def test_what_could_not_be_stored_before_the_end_is_delivered_to_the_next_start(
    broker, path, monkeypatch
):
    monkeypatch.setattr("edge.server.collector.DRAIN_S", 0.3)
    with Rig(broker.url, "late") as rig:
        lock = sqlite3.connect(path, isolation_level=None)
        with collecting(broker.url, path) as collector:
            collector._store._connection.execute("PRAGMA busy_timeout = 20")
            lock.execute("BEGIN IMMEDIATE")
            rig.send(payload("hit", 1, rig="late"))
            assert eventually(lambda: "locked" in collector.state)
        lock.execute("ROLLBACK")
        lock.close()
        assert (collector.stats.received, collector.stats.unsettled) == (0, 1)
        with collecting(broker.url, path) as collector:
            assert eventually(lambda: rig.upto == 1)
            assert collector.stats.stored == 1


def test_what_comes_while_it_is_away_waits_at_the_broker(broker, path):
    with collecting(broker.url, path):
        pass
    with Rig(broker.url, "away") as rig:
        for seq in range(1, 50):
            rig.send(payload("hit", seq, rig="away"))
        with collecting(broker.url, path):
            assert eventually(lambda: rig.upto == 49)


def test_a_full_disk_is_waited_out(broker, path):
    with collecting(broker.url, path) as collector, Rig(broker.url, "full") as rig:
        database = collector._store._connection
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}")
        for seq in range(1, 40):
            rig.send(payload("hit", seq, rig="full"))
        assert eventually(lambda: "full" in collector.state)
        assert collector.stats.received == 0
        database.execute("PRAGMA max_page_count = 1000000")
        assert eventually(lambda: rig.upto == 39)


def test_a_broker_that_is_killed_is_found_again(path):
    with EmbeddedBroker(prefer="mosquitto") as first:
        port = BrokerAddress.parse(first.url).port
        with collecting(first.url, path) as collector:
            with Rig(first.url) as rig:
                rig.send(payload("hit", 1))
                assert eventually(lambda: rig.upto == 1)
                first.__exit__(None, None, None)
                assert eventually(lambda: collector.state != "collecting")
            with EmbeddedBroker(prefer="mosquitto", port=port) as second, Rig(second.url) as rig:
                assert rig.deliver([("hit", seq, payload("hit", seq)) for seq in range(1, 9)])
            assert collector.stats.reconnects >= 1
            assert (collector.stats.stored, collector.stats.quarantined) == (8, 0)


def test_a_broker_that_is_not_there_yet_is_waited_for(path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"mqtt://127.0.0.1:{port}"
    with collecting(url, path, subscribed=False) as collector:
        assert eventually(lambda: "Connection refused" in collector.state)
        with EmbeddedBroker(prefer="mosquitto", port=port):
            assert collector.wait_subscribed(20)
    assert collector.error is None


def test_a_batch_is_no_larger_than_is_said(broker, path):
    sizes = []
    with Rig(broker.url, "many") as rig:
        for seq in range(1, 601):
            rig.send(payload("hit", seq, rig="many"))
        store = open_store(str(path))
        collector = Collector(broker.url, store, noted=lambda receipt, _: sizes.append(receipt))
        stop = threading.Event()
        worker = threading.Thread(target=collector.run, args=(stop,))
        worker.start()
        assert collector.wait_subscribed(10)
        assert rig.deliver([("hit", n, payload("hit", n, rig="many")) for n in range(1, 601)])
        stop.set()
        worker.join()
        store.close()
    assert sum(one.stored for one in sizes) == 600
    assert max(one.stored + one.duplicates for one in sizes) <= BATCH_MESSAGES


def test_it_ends_in_time_though_more_and_more_comes(broker, path):
    ended, name = threading.Event(), "restless"

    def send():
        with Rig(broker.url, name) as rig:
            seq = 0
            while not ended.is_set():
                seq += 1
                rig.send(payload("hit", seq, rig=name))

    sending = threading.Thread(target=send)
    sending.start()
    try:
        with collecting(broker.url, path) as collector:
            assert eventually(lambda: collector.stats.stored > 300)
            begun = time.monotonic()
        assert time.monotonic() - begun < 5
    finally:
        ended.set()
        sending.join()
    assert collector.error is None
    assert rows(path, "SELECT count(*) FROM hits") == [(collector.stats.stored,)]


def test_without_a_broker_until_the_end_it_fails_in_one_line(path):
    with collecting("mqtt://127.0.0.1:1", path, subscribed=False) as collector:
        assert eventually(lambda: "Connection refused" in collector.state)
    assert "no broker at mqtt://127.0.0.1:1: Connection refused" in str(collector.error)


def test_a_defect_in_reading_does_not_deafen_it(broker, path, monkeypatch):
    whole, faults = Reader.feed, [ValueError("a defect")]

    def feed(reader, data):
        if b"/defect/hit" in data and faults:
            raise faults.pop()
        return whole(reader, data)

    monkeypatch.setattr(Reader, "feed", feed)
    with collecting(broker.url, path) as collector, Rig(broker.url, "defect") as rig:
        for _ in range(2):
            rig.send(payload("hit", 1, rig="defect"))
        assert eventually(lambda: rig.upto == 1)
        assert faults == []
        assert collector.stats.reconnects == 1


def test_collectors_share_the_work_and_agree_on_the_watermark(broker, path):
    with (
        collecting(broker.url, path, share="workers") as one,
        collecting(broker.url, path, share="workers") as two,
        Rig(broker.url, "shared") as rig,
    ):
        messages = [("hit", seq, payload("hit", seq, rig="shared")) for seq in range(1, 301)]
        assert rig.deliver(messages)
        assert one.stats.stored + two.stats.stored == 300
        assert one.stats.stored > 0
        assert two.stats.stored > 0
    assert rows(path, "SELECT count(DISTINCT seq), count(*) FROM hits") == [(300, 300)]


def test_two_collectors_of_one_session_are_told_why_they_lose_it(broker, path):
    with collecting(broker.url, path) as first, collecting(broker.url, path) as second:
        assert eventually(lambda: "--share" in first.state + second.state)
        assert (first.error, second.error) == (None, None)


def test_a_broker_that_tells_of_the_second_collector_ends_the_first(path):
    connack, suback = b"\x20\x03\x00\x00\x00", b"\x90\x08\x00\x01\x00" + b"\x01" * 5
    gate = Gate(0, connack, suback + b"\xe0\x02\x8e\x00")
    try:
        with collecting(gate.url, path) as collector:
            assert eventually(lambda: collector.error is not None)
        assert "session taken over" in str(collector.error)
        assert "--share" in str(collector.error)
    finally:
        gate.close()


@pytest.mark.parametrize("share", ["", "a/b", "+", "#", "a\n"])
def test_a_share_is_a_plain_name(path, share):
    store = open_store(str(path))
    with pytest.raises(BadUse, match="share"):
        Collector("mqtt://box", store, share)
    store.close()
