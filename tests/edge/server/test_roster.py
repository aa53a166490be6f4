"""Names of rigs, and rigs whose messages are no longer taken; on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from edge.errors import Failed
from edge.server import roster
from tests.edge.server.databases import arrival, garbage, watermark_of
from tests.edge.server.rigs import RIG

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
NOW_UTC = "2026-05-04T03:02:01.000000000Z"


def do(store, action, *arguments, **options):
    return store.transact(lambda ask: action(ask, *arguments, **options))


def test_a_rig_that_is_added_is_known_before_it_sends(store, rows):
    assert do(store, roster.add, "attic-1", NOW)
    assert not do(store, roster.add, "attic-1", NOW)
    assert do(store, roster.members) == (roster.Member("attic-1", "attic-1", NOW_UTC, None),)
    assert rows("SELECT rig, name FROM names") == [("attic-1", "attic-1")]


def test_a_renamed_rig_goes_on_under_its_key_and_is_found_by_both(store, rows):
    store.commit([arrival("hit", 1)])
    assert do(store, roster.rename, RIG, "roof") == (RIG,)
    assert store.commit([arrival("hit", 1), arrival("hit", 2)]).answers[0].upto == 2
    assert do(store, roster.keys_of, "roof") == do(store, roster.keys_of, RIG) == (RIG,)
    assert rows("SELECT name, count(*) FROM hits JOIN names USING (rig) GROUP BY name") == [
        ("roof", 2)
    ]
    do(store, roster.rename, "roof", "tower")
    assert (do(store, roster.keys_of, "roof"), do(store, roster.keys_of, "tower")) == ((), (RIG,))


def test_no_two_rigs_get_one_name_unless_that_is_meant(store):
    store.commit([arrival("hit", 1), arrival("hit", 1, rig="other")])
    with pytest.raises(Failed, match="'other' is 'other' already; if both are one rig"):
        do(store, roster.rename, RIG, "other")
    do(store, roster.rename, RIG, "roof")
    with pytest.raises(Failed, match="'roof' is what"):
        do(store, roster.add, "roof", NOW)
    with pytest.raises(Failed, match="'roof' is"):
        do(store, roster.rename, "other", "roof")
    do(store, roster.rename, "other", "roof", join=True)
    assert do(store, roster.keys_of, "roof") == tuple(sorted((RIG, "other")))


def test_a_rig_nobody_knows_can_not_be_renamed_or_revoked(store):
    for work in (
        lambda ask: roster.rename(ask, "no", "yes"),
        lambda a: roster.revoke(a, "no", NOW),
    ):
        with pytest.raises(Failed, match="no rig 'no' in this database"):
            store.transact(work)
    assert do(store, roster.members) == ()


def test_what_a_revoked_rig_sends_is_put_aside_and_counted_and_the_rig_may_let_go(store, rows):
    store.commit([arrival("hit", 1)])
    do(store, roster.rename, RIG, "roof")
    assert do(store, roster.revoke, "roof", NOW) == (RIG,)
    batch = [arrival("hit", 1), arrival("hit", 2), garbage(3), arrival("hit", 1, rig="other")]
    receipt = store.commit(batch)
    assert (receipt.stored, receipt.duplicates, receipt.quarantined) == (1, 1, 2)
    assert {one.rig: one.upto for one in receipt.answers} == {RIG: 3, "other": 1}
    assert rows("SELECT reason, seq FROM quarantine ORDER BY seq") == [
        ("revoked", 2),
        ("invalid", 3),
    ]
    assert rows(f"SELECT seq FROM hits WHERE rig = '{RIG}'") == [(1,)]
    assert store.commit(batch).duplicates == 4


def test_a_revoked_rig_moves_no_watermark_by_its_floor_or_its_losses(store):
    store.commit([arrival("hit", 1)])
    do(store, roster.revoke, RIG, NOW)
    lost = arrival("lost", 9, ranges=[{"first_seq": 2, "last_seq": 8}])
    store.commit([arrival("hit", 10, floor=10), lost])
    assert watermark_of(store) == 1


def test_a_rig_that_is_added_again_is_taken_back(store):
    do(store, roster.add, RIG, NOW)
    do(store, roster.revoke, RIG, NOW)
    assert do(store, roster.members)[0].revoked_utc == NOW_UTC
    assert store.commit([arrival("hit", 1)]).quarantined == 1
    do(store, roster.add, RIG, NOW)
    assert store.commit([arrival("hit", 2)]).stored == 1


def test_an_erased_rig_loses_its_name_too_and_stays_revoked(store):
    store.commit([arrival("hit", 1)])
    do(store, roster.rename, RIG, "annas-kitchen")
    do(store, roster.revoke, RIG, NOW)
    store.erase(RIG)
    assert do(store, roster.members) == (roster.Member(RIG, RIG, None, NOW_UTC),)


def test_what_a_rig_let_go_of_elsewhere_is_declared_and_in_the_sum(store, rows):
    store.commit([arrival("hit", 1), arrival("hit", 4)])
    assert store.commit([arrival("hit", 8, floor=7)]).answers[0].upto == 6
    assert rows("SELECT first_seq, last_seq, reason FROM lost_ranges ORDER BY 1") == [
        (2, 3, "let_go"), (5, 6, "let_go"),
    ]  # fmt: skip
    assert rows("SELECT seq, kind FROM messages ORDER BY seq") == [
        (1, "hit"), (2, "declared_lost"), (3, "declared_lost"), (4, "hit"),
        (5, "declared_lost"), (6, "declared_lost"), (8, "hit"),
    ]  # fmt: skip
    assert [(one.let_go, one.behind_gap) for one in store.rigs()] == [(4, 1)]


def test_what_comes_with_the_floor_in_one_batch_is_not_declared(store, rows):
    store.commit([arrival("hit", seq, floor=seq) for seq in range(1, 6)])
    assert rows("SELECT count(*) FROM lost_ranges") == [(0,)]


def test_a_floor_out_of_all_reason_makes_no_view_without_end(store, rows):
    store.commit([replace(arrival("hit", 9_000_000_000_000), floor=9_000_000_000_000)])
    assert rows("SELECT last_seq - first_seq + 1 FROM lost_ranges") == [(10_000_000,)]
