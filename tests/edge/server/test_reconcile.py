"""What rigs were told, compared with what is here, while collectors store."""

from __future__ import annotations

import json

import pytest

from edge.delivery.address import BrokerAddress
from edge.server import reconcile
from edge.server.store import open_store
from edge.server.transaction import Owner
from tests.edge.server.databases import arrival, watermark_of
from tests.edge.server.rigs import EPOCH, RIG, Rig, eventually

MINE = Owner(RIG, EPOCH)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_watermark_that_a_collector_brings_further_meanwhile_does_not_fall(
    store, database, monkeypatch
):
    store.commit([arrival("hit", 1)])
    other, declare = open_store(database), reconcile.declare

    def late(*arguments):
        other.commit([arrival("hit", 30, floor=30)])
        return declare(*arguments)

    monkeypatch.setattr(reconcile, "declare", late)
    [behind] = reconcile.reconcile(store, {MINE: 20})
    other.close()
    assert (behind.had, behind.told) == (1, 20)
    assert watermark_of(store) == 30


def test_a_second_time_finds_nothing(store, rows):
    store.commit([arrival("hit", 1)])
    [behind] = reconcile.reconcile(store, {MINE: 20})
    assert (behind.had, behind.told, behind.missing) == (1, 20, 19)
    assert reconcile.reconcile(store, {MINE: 20, Owner("never-heard", EPOCH): 0}) == ()
    assert watermark_of(store) == 20
    assert rows("SELECT first_seq, last_seq, reason FROM lost_ranges") == [(2, 20, "let_go")]


def test_of_what_a_broker_retains_only_words_to_rigs_are_read(broker):
    with Rig(broker.url, "rig-1") as one, Rig(broker.url, "Rig_1") as odd, Rig(broker.url) as bad:
        for rig in (one, odd):
            rig.send(json.dumps({"epoch": EPOCH, "upto": 7}).encode(), "ack", retain=True)
            assert eventually(lambda rig=rig: rig.upto == 7)
        bad.name = "rig-2"  # and does not hear itself what it says
        for word in (b"\xff", b"{}", json.dumps({"epoch": EPOCH, "conflict": 3}).encode()):
            bad.send(word, "ack", retain=True)
            told = reconcile.told_to_rigs(BrokerAddress.parse(broker.url))
            assert told == {Owner("rig-1", EPOCH): 7}
