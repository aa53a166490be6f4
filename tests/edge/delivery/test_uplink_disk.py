"""A disk that is full or damaged under a running uplink must not end the delivery."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.edge.delivery.scripted_broker import scripted_broker
from tests.edge.delivery.test_outbox import hits, owed
from tests.edge.delivery.uplinks import ACK_TOPIC, Clock, running, wait_until


def test_a_full_disk_under_the_uplink_is_waited_out(tmp_path: Path) -> None:
    clock = Clock()
    with (
        scripted_broker() as broker,
        running(tmp_path, broker.url, clock=clock) as (outbox, uplink),
    ):
        wait_until(lambda: uplink.stats.connected and not uplink.stats.in_flight)
        db = outbox._store._db
        outbox.commit(hits(40))
        db.execute("PRAGMA query_only = 1")
        uplink.wake()
        wait_until(lambda: "can't be written" in uplink.stats.last_error)
        assert broker.of("hit") == []
        db.execute("PRAGMA query_only = 0")
        clock.added_s += 6
        uplink.wake()
        wait_until(lambda: uplink.stats.published == 40)
        assert uplink.stats.last_error == ""


def test_damage_under_the_uplink_goes_on_in_the_new_epoch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.CRITICAL, logger="edge.delivery"),
        scripted_broker() as broker,
        running(tmp_path, broker.url) as (outbox, uplink),
    ):
        old = outbox.epoch
        outbox.commit(hits(30))
        uplink.wake()
        wait_until(lambda: uplink.stats.published == 30)
        path = tmp_path / "rig.sqlite"
        outbox._store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        outbox._store._db.execute("PRAGMA cache_size = 1")
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 4096))
        outbox.commit(hits(5, first=30))
        uplink.wake()
        assert outbox.epoch != old
        wait_until(lambda: {m["seq"] for m in broker.of("hit") if m["epoch"] == outbox.epoch})
        last = owed(outbox)[-1]
        broker.say(ACK_TOPIC, {"epoch": old, "upto": 30})
        broker.say(ACK_TOPIC, {"epoch": outbox.epoch, "upto": last})
        wait_until(lambda: owed(outbox) == [])
        assert {m["frame"] for m in broker.of("hit")} == set(range(35))


def test_damage_on_a_disk_that_takes_no_new_file_is_waited_out_on_the_same_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    with (
        caplog.at_level(logging.ERROR, logger="edge.delivery"),
        scripted_broker() as broker,
        running(tmp_path, broker.url, ack="broker", clock=clock) as (outbox, uplink),
    ):
        wait_until(lambda: uplink.stats.connected and not uplink.stats.in_flight)
        outbox.commit(hits(30))
        outbox._store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        outbox._store._db.execute("PRAGMA cache_size = 1")
        path, in_the_way = tmp_path / "rig.sqlite", tmp_path / "rig.sqlite.new"
        in_the_way.mkdir()
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 4096))
        uplink.wake()
        wait_until(lambda: "can't be replaced" in uplink.stats.last_error)
        in_the_way.rmdir()
        clock.added_s += 6
        assert uplink.drain(10)
        assert broker.of("lost")[0]["reason"] == "damaged"
        counts, stats = outbox.counts(), uplink.stats
    assert (counts.hits_made, counts.hits_acknowledged, counts.hits_lost) == (30, 0, 30)
    assert (stats.connections, stats.restarts, stats.last_error) == (1, 0, "")
    assert "Traceback" not in caplog.text
