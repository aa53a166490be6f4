"""Looking after the database: nothing that was let go comes back, and no watermark falls."""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import UTC, datetime

import pytest

from edge.errors import Failed
from edge.server import upkeep
from edge.server.store import StoreUnavailableError, open_store
from tests.edge.server.databases import arrival, execute, garbage, watermark_of
from tests.edge.server.rigs import RIG

OLD = "2019-03-04T00:00:00.000000000Z"
LIMIT = datetime(2026, 1, 1, tzinfo=UTC)


def at(seq, when, **changes):
    window = {"time_utc": when, "window_start_utc": when, "window_end_utc": when}
    return arrival("hit", seq, **window, **changes)


def long_ago(database):
    """Let all that is there have come in 2019."""
    for table in ("hits", "exposures", "quarantine"):
        execute(database, f"UPDATE {table} SET received_utc = '{OLD}'")


def test_old_hits_are_removed_and_the_watermark_and_the_ledger_stay(store, database, rows):
    batch = [at(1, OLD), garbage(2), arrival("hit", 3), at(4, "0001-01-01T00:00:00.000000000Z")]
    store.commit(batch)
    long_ago(database)
    assert store.prune(LIMIT) == 3
    assert rows("SELECT seq FROM hits") == [(3,)]
    assert rows("SELECT count(*) FROM messages") == [(4,)]
    receipt = store.commit(batch)
    assert (receipt.duplicates, receipt.answers[0].upto) == (4, 4)
    assert rows("SELECT count(*) FROM hits") == [(1,)]
    assert store.commit([at(5, OLD)]).stored == 1


def test_what_a_wrong_clock_dated_ahead_is_as_old_as_its_arrival(store, database, rows):
    ahead = ("2100-01-01T00:00:00.000000000Z", "9999-12-31T23:59:59.999999999Z")
    store.commit([at(seq, when) for seq, when in enumerate(ahead, 1)])
    assert store.prune(LIMIT) == 0
    long_ago(database)
    store.commit([at(3, ahead[0])])
    assert store.prune(LIMIT) == 2
    assert rows("SELECT seq FROM hits") == [(3,)]


def test_very_much_that_is_old_goes_part_by_part(store, database, rows, monkeypatch):
    """In between, collectors store."""
    monkeypatch.setattr(upkeep, "AT_ONCE", 10)
    batch = [at(seq, "1970-01-01T00:00:00.000000000Z") for seq in range(1, 26)]
    store.commit([*batch, *(garbage(seq, bytes([0, seq])) for seq in range(26, 47))])
    long_ago(database)
    asked, transact = [], store.transact
    monkeypatch.setattr(store, "transact", lambda work: asked.append(1) or transact(work))
    assert store.prune(LIMIT) == 46
    assert len(asked) >= 6
    assert rows("SELECT count(*) FROM hits") == rows("SELECT count(*) FROM quarantine") == [(0,)]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_month_that_is_read_is_not_waited_for_by_those_who_store(store, database, rows):
    import psycopg

    store.commit([at(1, OLD)])
    long_ago(database)
    said = []

    def prune():
        try:
            store.prune(LIMIT)
        except StoreUnavailableError as error:
            said.append(str(error))

    storing = open_store(database)
    with contextlib.closing(storing), psycopg.connect(database) as reader:
        reader.execute("SELECT count(*) FROM hits")
        pruning = threading.Thread(target=prune)
        pruning.start()
        pruning.join(0.3)
        began_s = time.monotonic()
        assert storing.commit([arrival("hit", 2)]).stored == 1
        # 2 s behind the pruning, and 2 s until its new month is given up.
        assert time.monotonic() - began_s < 8
        pruning.join()
    assert "another session holds what is needed" in said[0]
    assert store.prune(LIMIT) == 1
    assert rows("SELECT seq FROM hits") == [(2,)]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_epoch_that_begins_while_its_rig_is_erased_is_new(store, database, rows):
    import psycopg

    store.commit([arrival("hit", 1)])
    erased, storing = [], open_store(database)
    with contextlib.closing(storing), psycopg.connect(database) as other:
        other.execute("LOCK TABLE lost IN SHARE MODE")  # hits are gone by then, keys are not marked
        erasing = threading.Thread(target=lambda: erased.append(store.erase(RIG)))
        erasing.start()
        erasing.join(0.3)
        assert erasing.is_alive()
        assert storing.commit([arrival("hit", 1, epoch="00000000000000ab")]).stored == 1
        other.rollback()
        erasing.join()
    assert erased == [1]
    kinds = rows("SELECT epoch, kind FROM ledger ORDER BY epoch")
    assert [kind for _, kind in kinds] == ["hit", "erased"]
    assert rows("SELECT epoch FROM hits") == [("00000000000000ab",)]


def test_an_old_recording_that_has_just_come_is_kept(store, rows):
    store.commit([at(1, OLD, origin="recording")])
    assert store.prune(LIMIT) == 0
    assert rows("SELECT seq FROM hits") == [(1,)]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_message_that_comes_while_its_month_is_pruned_stays(store, database, rows):
    import psycopg

    store.commit([at(1, OLD)])
    long_ago(database)
    removed = []
    with psycopg.connect(database) as other:  # fresh from its commit on
        other.execute("UPDATE hits SET received_utc = now()")
        pruning = threading.Thread(target=lambda: removed.append(store.prune(LIMIT)))
        pruning.start()
        pruning.join(0.5)
        assert pruning.is_alive()
    pruning.join()
    assert removed == [0]
    assert rows("SELECT seq FROM hits") == [(1,)]


def test_pruning_and_erasing_beside_a_collector_that_stores_disturb_nothing(store, database, rows):
    """Months are taken away under the collector that knows them."""
    tending, stop, removed = open_store(database), threading.Event(), []

    def tend():
        while not stop.wait(0.005):
            with contextlib.suppress(Exception):  # busy, or a deadlock: the test's own doing
                long_ago(database)
            with contextlib.suppress(StoreUnavailableError):
                removed.append(tending.prune(LIMIT))
                tending.erase("somebody")

    thread = threading.Thread(target=tend)
    thread.start()
    try:
        for seq in range(1, 200, 4):
            batch = [at(seq, OLD), at(seq + 1, f"2020-{seq % 12 + 1:02d}{OLD[7:]}"),
                     arrival("hit", seq + 2), arrival("hit", seq, rig="somebody"),
                     arrival("exposure", seq + 3)]  # fmt: skip
            assert _stored(store, batch) == 5
    finally:
        stop.set()
        thread.join()
        tending.close()
    long_ago(database)
    removed.append(store.prune(LIMIT))
    assert sum(removed) == 100
    assert rows(f"SELECT count(*) FROM hits WHERE rig = '{RIG}'") == [(50,)]
    assert rows("SELECT count(*) FROM exposures") == [(50,)]
    assert watermark_of(store) == 200


def _stored(store, batch):
    """Store a batch as a collector does: again, where the database was busy."""
    while True:
        with contextlib.suppress(StoreUnavailableError):
            return store.commit(batch).stored


def test_what_is_erased_does_not_come_back_and_the_watermark_stands(store, rows):
    lost = {"ranges": [{"first_seq": 5, "last_seq": 5}]}
    mine = [*(arrival(kind, seq) for seq, kind in enumerate(["hit", "exposure", "clock"], 1)),
            garbage(4), arrival("lost", 6, **lost), garbage()]  # fmt: skip
    store.commit([*mine, arrival("hit", 1, rig="other")])
    assert store.erase(RIG) == 5
    for table in ("hits", "exposures", "calibrations", "clocks", "lost", "quarantine"):
        assert rows(f"SELECT count(*) FROM {table} WHERE rig = '{RIG}' OR rig IS NULL") == [(0,)]
    receipt = store.commit(mine[:5])
    assert (receipt.stored, receipt.duplicates) == (0, 5)
    assert watermark_of(store) == 6
    assert rows("SELECT count(*) FROM hits") == [(1,)]
    assert rows(f"SELECT DISTINCT kind FROM messages WHERE rig = '{RIG}' ORDER BY kind") == [
        ("declared_lost",), ("erased",),
    ]  # fmt: skip
    assert store.commit([arrival("hit", 7)]).stored == 1
    assert watermark_of(store) == 7
    assert store.erase(RIG) == 1


def test_rigs_are_told_with_what_they_have_and_what_is_missing(store):
    store.commit([arrival("hit", 1), garbage(2), arrival("hit", 4), arrival("hit", 1, rig="b")])
    b, cellar = store.rigs()
    assert (b.rig, b.upto, b.hits, b.quarantined, b.behind_gap) == ("b", 1, 1, 0, 0)
    assert (cellar.upto, cellar.hits, cellar.quarantined, cellar.behind_gap) == (2, 2, 1, 1)
    seen = datetime.fromisoformat(cellar.seen_utc[:26] + "+00:00")
    assert abs((datetime.now(UTC) - seen).total_seconds()) < 60


def test_a_database_that_is_only_to_be_looked_after_is_not_made(database):
    with pytest.raises(Failed, match=r"no such file|no collector's tables"):
        open_store(database, make=False)
    open_store(database).close()
    open_store(database, make=False).close()
