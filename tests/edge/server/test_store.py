"""Any store: once each, together or not at all, whichever the engine."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from edge.errors import Failed
from edge.server.store import open_store
from tests.edge.server.databases import arrival, as_text, execute, fresh, garbage, watermark_of
from tests.edge.server.rigs import EPOCH, RIG
from tests.message_examples import body

# An index for SQLite, a check for PostgreSQL: something that one of the messages breaks.
TRIGGERS = (
    "CREATE UNIQUE INDEX peak ON hits (peak_adu)",
    "ALTER TABLE hits ADD CHECK (seq = 1 OR peak_adu < 900)",
)


def test_every_kind_finds_its_table(store, rows):
    kinds = ["hit", "exposure", "calibration", "clock", "lost"]
    receipt = store.commit([arrival(kind, seq) for seq, kind in enumerate(kinds, 1)])
    assert (receipt.stored, receipt.duplicates, receipt.quarantined) == (5, 0, 0)
    assert rows("SELECT kind, seq FROM messages ORDER BY seq") == [
        ("hit", 1), ("exposure", 2), ("calibration", 3), ("clock", 4), ("lost", 5),
    ]  # fmt: skip
    [(time_utc, *hit)] = rows("SELECT time_utc, class, peak_adu, origin FROM hits")
    assert (as_text(time_utc), *hit) == ("2026-11-21T10:00:00.050000000Z", "spot", 900, "camera")
    [(from_utc, *exposure)] = rows("SELECT from_utc, live_time_ns, hits FROM exposures")
    assert (as_text(from_utc), *exposure) == ("2026-11-21T10:00:00.000000000Z", 56_666_666_667, 3)
    assert rows("SELECT calibration_id FROM calibrations") == [("c-1",)]
    assert rows("SELECT seq FROM clocks") == [(4,)]
    assert rows("SELECT seq FROM lost") == [(5,)]


def test_a_hit_that_gave_its_picture_up_is_stored_with_its_reason(store, rows):
    bare = {**body("hit")["crop"], "data": None, "dropped": "outbox_full"}
    receipt = store.commit([arrival("hit", 1, crop=bare), arrival("hit", 2)])
    assert (receipt.stored, receipt.quarantined) == (2, 0)
    assert receipt.answers[0].upto == 2
    kept = [
        one if isinstance(one, dict) else json.loads(one)
        for (one,) in rows("SELECT message FROM hits ORDER BY seq")
    ]
    assert [one["crop"].get("dropped") for one in kept] == ["outbox_full", None]
    assert kept[0]["crop"]["data"] is None
    assert rows("SELECT seq, kind FROM messages ORDER BY seq") == [(1, "hit"), (2, "hit")]


def test_what_a_rig_gave_up_by_age_is_passed_by_the_watermark(store, rows):
    lost = arrival("lost", 4, reason="expired", ranges=[{"first_seq": 1, "last_seq": 3}],
                   kinds={"hit": 2, "lost": 1})  # fmt: skip
    store.commit([lost])
    assert watermark_of(store) == 4
    assert len(rows("SELECT seq FROM messages WHERE kind = 'declared_lost'")) == 3


def test_the_same_message_again_is_a_duplicate_in_this_batch_and_the_next(store, rows):
    one = arrival("hit", 1)
    first = store.commit([one, one])
    second = store.commit([one])
    assert (first.stored, first.duplicates) == (1, 1)
    assert (second.stored, second.duplicates) == (0, 1)
    assert second.answers[0].upto == 1
    assert rows("SELECT count(*) FROM hits") == [(1,)]


def test_other_content_under_a_known_key_is_a_conflict_and_changes_nothing(store, rows):
    store.commit([arrival("hit", 1)])
    receipt = store.commit([arrival("hit", 1, peak_adu=901), arrival("hit", 2)])
    assert (receipt.stored, receipt.quarantined, receipt.conflicts) == (1, 1, 1)
    assert [answer.conflict for answer in receipt.answers] == [1]
    assert rows("SELECT peak_adu FROM hits WHERE seq = 1") == [(900,)]
    assert rows("SELECT reason, seq FROM quarantine") == [("conflict", 1)]
    assert rows("SELECT seq, kind FROM messages ORDER BY seq") == [(1, "hit"), (2, "hit")]


def test_another_floor_alone_is_no_conflict_and_the_higher_floor_counts(store):
    store.commit([arrival("hit", 9, floor=3)])
    assert watermark_of(store) == 2
    receipt = store.commit([arrival("hit", 9, floor=8)])
    assert (receipt.duplicates, receipt.conflicts) == (1, 0)
    assert watermark_of(store) == 7


def test_garbage_with_a_key_is_settled_and_passed_by_the_watermark(store, rows):
    receipt = store.commit([arrival("hit", 1), garbage(2), arrival("hit", 3)])
    assert (receipt.stored, receipt.quarantined) == (2, 1)
    assert watermark_of(store) == 3
    assert (RIG, EPOCH, 2, "quarantined") in rows("SELECT * FROM messages")
    assert rows("SELECT payload, topic FROM quarantine") == [
        (b"\x00\xff", f"cosmic-edge/v1/{RIG}/hit")
    ]
    again = store.commit([garbage(2)])
    assert (again.duplicates, again.quarantined) == (1, 0)


def test_garbage_without_a_key_is_kept_once_and_counted(store, rows):
    receipt = store.commit([garbage(), garbage(), garbage(data=b"other")])
    assert receipt.quarantined == 3
    assert receipt.answers == ()
    assert sorted(rows("SELECT times FROM quarantine")) == [(1,), (2,)]


def test_lost_ranges_are_passed_and_each_number_has_one_row(store, rows):
    ranges = [{"first_seq": 2, "last_seq": 4}, {"first_seq": 4, "last_seq": 6}]
    store.commit([arrival("hit", 1), arrival("lost", 8, ranges=ranges), arrival("hit", 7)])
    assert watermark_of(store) == 8
    assert rows("SELECT seq, kind FROM messages ORDER BY seq") == [
        (1, "hit"), *((seq, "declared_lost") for seq in range(2, 7)), (7, "hit"), (8, "lost"),
    ]  # fmt: skip


def test_what_was_declared_lost_and_comes_after_all_is_no_loss(store, rows):
    store.commit([arrival("lost", 2, ranges=[{"first_seq": 1, "last_seq": 1}])])
    receipt = store.commit([arrival("hit", 1)])
    assert receipt.stored == 1
    assert rows("SELECT kind FROM messages WHERE seq = 1") == [("hit",)]


def test_ranges_of_another_epoch_count_there(store, rows):
    old = "00000000ffffffff"
    receipt = store.commit(
        [
            arrival("hit", 1, epoch=old),
            arrival("lost", 1, lost_epoch=old, ranges=[{"first_seq": 2, "last_seq": 900}]),
        ]
    )
    assert watermark_of(store, RIG, old) == 900
    assert watermark_of(store) == 1
    assert {(answer.epoch, answer.upto) for answer in receipt.answers} == {(old, 900), (EPOCH, 1)}
    assert rows(f"SELECT count(*) FROM messages WHERE epoch = '{old}'") == [(900,)]


def test_rigs_and_epochs_do_not_mix(store):
    store.commit([arrival("hit", 1, rig="a"), arrival("hit", 2, rig="b")])
    assert (watermark_of(store, "a", EPOCH), watermark_of(store, "b", EPOCH)) == (1, 0)


def test_what_is_simulated_is_never_among_the_real_hits(store, rows):
    origins = ["camera", "recording", "simulation", "injection"]
    store.commit([arrival("hit", seq, origin=one) for seq, one in enumerate(origins, 1)])
    assert sorted(rows("SELECT origin FROM real_hits")) == [("camera",), ("recording",)]


def test_a_row_the_database_refuses_puts_one_message_aside_and_not_the_batch(store, rows, database):
    """Else the broker would hand the same batch in for ever."""
    store.commit([arrival("hit", 1)])
    execute(database, TRIGGERS["://" in database])
    receipt = store.commit([arrival("hit", 2), arrival("hit", 3, peak_adu=5)])
    assert (receipt.stored, receipt.quarantined) == (1, 1)
    assert rows("SELECT reason, seq FROM quarantine") == [("unstorable", 2)]
    assert watermark_of(store) == 3


def test_collectors_that_commit_at_the_same_time_lose_nothing(database):
    """Four connections, each with every fourth message, backwards."""
    total = 200

    def work(first: int) -> None:
        store = open_store(database)
        for seq in range(total - first, 0, -4):
            store.commit([arrival("hit", seq)])
        store.close()

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = open_store(database)
    assert watermark_of(store) == total
    store.close()


def test_the_identity_stays_with_the_database(database, tmp_path, request):
    (other_folder := tmp_path / "other").mkdir()
    other = fresh("postgresql" if "://" in database else "sqlite", other_folder, request)
    names = []
    for place in (database, database, other):
        store = open_store(place)
        names.append(store.identity)
        store.close()
    assert names[0] == names[1] != names[2]


def test_a_database_without_its_identity_is_refused_in_one_line(store, database):
    """The collector's session at the broker goes by it."""
    execute(database, "DELETE FROM store WHERE name = 'identity'")
    with pytest.raises(Failed, match="lost its identity: restore it"):
        open_store(database)


def test_a_command_fills_no_empty_database(database):
    if "://" not in database:
        Path(database).touch()
    with pytest.raises(Failed, match="holds no collector's tables"):
        open_store(database, make=False)
    if "://" not in database:
        assert Path(database).read_bytes() == b""
    open_store(database).close()
    open_store(database, make=False).close()
