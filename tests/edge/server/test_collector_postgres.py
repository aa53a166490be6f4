"""The collector over PostgreSQL: the database goes and comes, and no hit with it."""

from __future__ import annotations

import pytest

from edge.server.brokers import EmbeddedBroker, find_mosquitto
from tests.edge.server.collectors import collecting
from tests.edge.server.databases import rows
from tests.edge.server.rigs import Rig, eventually, payload
from tests.postgres import why_not

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.postgresql,
    pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto"),
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here"),
]


@pytest.fixture
def broker():
    with EmbeddedBroker(prefer="mosquitto") as broker:
        yield broker


def test_what_a_rig_sends_is_stored_and_the_rig_hears_how_far(broker, url):
    with collecting(broker.url, url) as collector, Rig(broker.url, "first") as rig:
        for seq, kind in enumerate(["hit", "exposure", "calibration", "clock"], 1):
            rig.send(payload(kind, seq, rig="first"), kind)
        rig.send(payload("hit", 6, rig="first"))
        assert eventually(lambda: collector.stats.stored == 5)
        assert eventually(lambda: rig.upto == 4)
        lost = payload("lost", 7, rig="first", ranges=[{"first_seq": 5, "last_seq": 5}])
        rig.send(lost, "lost")
        assert eventually(lambda: rig.upto == 7)
        rig.send(payload("hit", 1, rig="first", peak_adu=7))
        assert eventually(lambda: rig.conflicts == [1])
    assert rows(url, "SELECT count(*) FROM messages") == [(7,)]


def test_a_database_that_is_killed_is_waited_for_and_nothing_is_let_go_meanwhile(
    broker, url, postgres
):
    with collecting(broker.url, url) as collector, Rig(broker.url, "patient") as rig:
        rig.send(payload("hit", 1, rig="patient"))
        assert eventually(lambda: rig.upto == 1)
        postgres.kill()
        try:
            for seq in range(2, 101):
                rig.send(payload("hit", seq, rig="patient"))
            assert eventually(lambda: "trying again" in collector.state)
            assert eventually(lambda: collector.stats.store_waits >= 3)
            assert (collector.stats.received, rig.upto) == (1, 1)
        finally:
            postgres.start()
        assert eventually(lambda: rig.upto == 100)
        assert collector.state == "collecting"
        assert (collector.stats.stored, collector.stats.quarantined) == (100, 0)
    assert rows(url, "SELECT count(*), count(DISTINCT seq) FROM hits") == [(100, 100)]


def test_collectors_share_the_work_and_agree_on_the_watermark(broker, url):
    with (
        collecting(broker.url, url, share="workers") as one,
        collecting(broker.url, url, share="workers") as two,
        Rig(broker.url, "shared") as rig,
    ):
        messages = [("hit", seq, payload("hit", seq, rig="shared")) for seq in range(1, 301)]
        assert rig.deliver(messages)
        assert one.stats.stored + two.stats.stored == 300
        assert min(one.stats.stored, two.stats.stored) > 0
    assert rows(url, "SELECT count(DISTINCT seq), count(*) FROM hits") == [(300, 300)]
