"""A message that comes under a second key, from a rig that was copied, put back or damaged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.messages import digest, digest_under
from edge.server.arrival import MOST_FORMER_KEYS, Refusal, examine
from edge.server.store import open_store
from tests.edge.server.databases import arrival, watermark_of
from tests.edge.server.rigs import EPOCH, RIG, payload

LATER, LATEST = "00000000000000ab", "00000000000000cd"
HIT = f"cosmic-edge/v1/{RIG}/hit"


def moved(seq, was, epoch=LATER, kind="hit", **changes):
    """A message of a later epoch, and the keys that travel beside it."""
    data = payload(kind, seq, epoch=epoch, **changes)
    return examine(f"cosmic-edge/v1/{RIG}/{kind}", data, {"was": was})


def test_what_is_stored_under_an_earlier_key_is_a_duplicate(store, rows):
    store.commit([arrival("hit", 7, floor=7)])
    receipt = store.commit([moved(1, f"{EPOCH}:7")])
    assert (receipt.stored, receipt.duplicates, receipt.quarantined) == (0, 1, 0)
    assert [(one.epoch, one.upto) for one in receipt.answers] == [(LATER, 1)]
    assert rows("SELECT epoch, seq FROM hits") == [(EPOCH, 7)]
    again = store.commit([moved(1, f"{EPOCH}:7")])
    assert (again.stored, again.duplicates) == (0, 1)


def test_what_comes_later_under_an_earlier_key_is_a_duplicate(store, rows):
    assert store.commit([moved(1, f"{EPOCH}:1")]).stored == 1
    receipt = store.commit([arrival("hit", 1), arrival("hit", 2)])
    assert (receipt.stored, receipt.duplicates, receipt.conflicts) == (1, 1, 0)
    assert watermark_of(store) == 2
    assert sorted(rows("SELECT epoch, seq FROM hits")) == sorted([(LATER, 1), (EPOCH, 2)])


def test_an_earlier_key_settles_nothing_of_its_epoch(store, rows):
    """Else a clone that still writes in that epoch would be told that its own message is here."""
    store.commit([arrival("hit", 1), moved(1, f"{EPOCH}:2", peak_adu=901)])
    assert watermark_of(store) == 1
    receipt = store.commit([arrival("hit", 2), arrival("hit", 3)])
    assert (receipt.stored, receipt.conflicts) == (2, 0)
    assert watermark_of(store) == 3
    assert sorted(rows("SELECT peak_adu FROM hits")) == [(900,), (900,), (900,), (901,)]


def test_two_copies_that_both_began_anew_send_the_same_once(store, rows):
    first = store.commit([moved(1, f"{EPOCH}:5")])
    second = store.commit([moved(1, f"{EPOCH}:5", epoch=LATEST)])
    assert (first.stored, second.stored, second.duplicates) == (1, 0, 1)
    assert rows("SELECT count(*) FROM hits") == [(1,)]


def test_both_in_one_batch_are_stored_once_whichever_is_first(store, rows):
    first = store.commit([moved(1, f"{EPOCH}:1"), arrival("hit", 1)])
    second = store.commit([arrival("hit", 2, floor=2), moved(2, f"{EPOCH}:2")])
    assert (first.stored, first.duplicates) == (second.stored, second.duplicates) == (1, 1)
    assert rows("SELECT count(*) FROM hits") == [(2,)]


def test_other_content_under_the_earlier_key_is_another_message(store, rows):
    """A copied card went on by itself: both histories have a message 7, and both are wanted."""
    store.commit([arrival("hit", 7, floor=7, peak_adu=901)])
    receipt = store.commit([moved(1, f"{EPOCH}:7")])
    assert (receipt.stored, receipt.conflicts) == (1, 0)
    assert sorted(rows("SELECT peak_adu FROM hits")) == [(900,), (901,)]


def test_a_second_new_epoch_still_knows_the_first_key(store, rows):
    store.commit([arrival("hit", 7, floor=7)])
    receipt = store.commit([moved(1, f"{EPOCH}:7 {LATER}:3", epoch=LATEST)])
    assert (receipt.stored, receipt.duplicates) == (0, 1)


def test_the_answer_tells_what_the_watermark_stands_on(store):
    one = arrival("hit", 1)
    assert store.commit([one]).answers[0].digest == one.digest
    lost = arrival("lost", 5, ranges=[{"first_seq": 2, "last_seq": 3}], kinds={})
    [answer] = store.commit([lost]).answers
    assert (answer.upto, answer.held, answer.digest) == (3, 1, one.digest)
    [answer] = store.commit([arrival("hit", 4)]).answers
    assert (answer.upto, answer.held, answer.digest) == (5, 5, lost.digest)


def test_a_watermark_over_nothing_that_is_here_says_so(store):
    """An emptied database, and a rig that owes nothing below 7."""
    [answer] = store.commit([arrival("hit", 9, floor=7)]).answers
    assert (answer.upto, answer.held, answer.digest) == (6, 0, None)


def test_keys_that_are_none_and_keys_of_a_loss_are_left_out():
    told = f"x nonsense:1 {EPOCH} {EPOCH}:0 {EPOCH}:x {LATER}:9 {EPOCH}:4"
    former = moved(1, told).former
    assert [(one.key.rig, one.key.epoch, one.key.seq) for one in former] == [(RIG, EPOCH, 4)]
    assert moved(1, f"{EPOCH}:4", kind="lost").former == ()
    many = " ".join(f"{EPOCH}:{n}" for n in range(1, 100))
    assert len(moved(1, many).former) == MOST_FORMER_KEYS


@given(st.text())
def test_whatever_travels_as_earlier_keys_the_message_is_taken(told):
    assert moved(1, told).refusal is None


@given(st.integers(1, 2**53 - 1), st.integers(1, 9))
def test_the_digest_under_a_key_is_that_of_the_message_sent_under_it(seq, floor):
    now = payload("hit", 3, epoch=LATER)
    then = payload("hit", seq, floor=min(floor, seq))
    assert digest_under(now, EPOCH, seq) == digest(then)


def refused(one):
    """What a version that could not read it made of it."""
    return replace(one, message=None, former=(), refusal=Refusal("invalid", "a newer version's"))


def test_what_leaves_the_quarantine_still_knows_its_earlier_keys(store, rows):
    store.commit([arrival("hit", 7, floor=7)])
    store.commit([refused(moved(1, f"{EPOCH}:7")), refused(moved(2, f"{EPOCH}:8"))])
    store.commit([refused(moved(2, ""))])  # the same again, without its properties
    assert rows("SELECT seq, was, times FROM quarantine ORDER BY seq") == [
        (1, f"{EPOCH}:7", 1),
        (2, f"{EPOCH}:8", 1),
    ]
    assert store.readmit() == 1
    assert sorted(rows("SELECT epoch, seq FROM hits")) == sorted([(EPOCH, 7), (LATER, 2)])
    # What it had before is known from now on, as of any message that is stored.
    assert store.commit([arrival("hit", 8, floor=8)]).duplicates == 1
    assert rows("SELECT count(*) FROM quarantine") == [(0,)]


def test_of_what_travels_as_earlier_keys_no_more_is_kept_than_could_be_some():
    told = " ".join(
        ["x" * 10_000, f"{EPOCH}:7", f"{EPOCH}:-1", *[f"{LATEST}:{n}" for n in range(99)]]
    )
    kept = moved(1, told).was.split()
    assert kept[0] == f"{EPOCH}:7"
    assert len(kept) <= MOST_FORMER_KEYS


def test_an_epoch_that_was_only_named_is_not_listed(store):
    store.commit([moved(1, f"{EPOCH}:7 {LATEST}:2")])
    assert [one.epoch for one in store.rigs()] == [LATER]
    store.commit([arrival("hit", 1)])
    assert sorted(one.epoch for one in store.rigs()) == sorted([LATER, EPOCH])


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_epoch_that_another_collector_hears_meanwhile_stays(store, database, monkeypatch):
    """It began between the look for its row and the making of one."""
    from edge.server.postgres_transaction import PostgresTransaction

    other, hold = open_store(database), PostgresTransaction._hold
    heard = []

    def late(self, names):
        hold(self, names)
        if not heard:
            heard.append(1)
            assert other.commit([arrival("hit", 1)]).stored == 1

    monkeypatch.setattr(PostgresTransaction, "_hold", late)
    store.commit([moved(1, f"{EPOCH}:7")])
    other.close()
    assert (watermark_of(store), watermark_of(store, epoch=LATER)) == (1, 1)
