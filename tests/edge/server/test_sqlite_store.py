"""The SQLite store: once each, together or not at all, and forward only."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from edge.errors import BadUse, Failed
from edge.server.arrival import examine
from edge.server.schema import MIGRATIONS, migrate
from edge.server.sqlite_store import SqliteStore
from edge.server.store import StoreUnavailableError, open_store
from tests.edge.server.rigs import EPOCH, RIG, payload


@pytest.fixture
def path(tmp_path):
    return tmp_path / "collector.db"


@pytest.fixture
def store(path):
    store = SqliteStore(path)
    yield store
    store.close()


@pytest.fixture
def rows(path):
    """Ask the database as anybody would: with SQL, from outside."""
    connection = sqlite3.connect(path)
    yield lambda query: connection.execute(query).fetchall()
    connection.close()


def arrival(kind, seq, rig=RIG, **changes):
    return examine(f"cosmic-edge/v1/{rig}/{kind}", payload(kind, seq, rig=rig, **changes), {})


def garbage(seq=None, data=b"\x00\xff"):
    properties = {} if seq is None else {"epoch": EPOCH, "seq": str(seq)}
    return examine(f"cosmic-edge/v1/{RIG}/hit", data, properties)


def test_every_kind_finds_its_table(store, rows):
    kinds = ["hit", "exposure", "calibration", "clock"]
    receipt = store.commit([arrival(kind, seq) for seq, kind in enumerate(kinds, 1)])
    assert (receipt.stored, receipt.duplicates, receipt.quarantined) == (4, 0, 0)
    assert rows("SELECT kind, seq FROM messages ORDER BY seq") == [
        ("hit", 1), ("exposure", 2), ("calibration", 3), ("clock", 4),
    ]  # fmt: skip
    assert rows("SELECT time_utc, class, peak_adu, origin FROM hits") == [
        ("2026-11-21T10:00:00.050000000Z", "spot", 900, "camera")
    ]
    assert rows("SELECT from_utc, live_time_ns, hits FROM exposures") == [
        ("2026-11-21T10:00:00.000000000Z", 56_666_666_667, 3)
    ]
    assert rows("SELECT calibration_id FROM calibrations") == [("c-1",)]
    assert rows("SELECT kind FROM other_messages") == [("clock",)]


def test_a_message_is_kept_byte_for_byte(store, rows):
    data = payload("hit", 1, series="Übung ☄")
    store.commit([examine(f"cosmic-edge/v1/{RIG}/hit", data, {})])
    assert rows("SELECT CAST(message AS BLOB) FROM hits") == [(data,)]


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
    assert rows("SELECT seq, kind FROM messages") == [(1, "hit"), (2, "hit")]


def test_another_floor_alone_is_no_conflict_and_the_higher_floor_counts(store):
    store.commit([arrival("hit", 9, floor=3)])
    assert store.watermark(RIG, EPOCH) == 2
    receipt = store.commit([arrival("hit", 9, floor=8)])
    assert (receipt.duplicates, receipt.conflicts) == (1, 0)
    assert store.watermark(RIG, EPOCH) == 7


def test_garbage_with_a_key_is_settled_and_passed_by_the_watermark(store, rows):
    receipt = store.commit([arrival("hit", 1), garbage(2), arrival("hit", 3)])
    assert (receipt.stored, receipt.quarantined) == (2, 1)
    assert store.watermark(RIG, EPOCH) == 3
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
    assert store.watermark(RIG, EPOCH) == 8
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
    assert store.watermark(RIG, old) == 900
    assert store.watermark(RIG, EPOCH) == 1
    assert {(answer.epoch, answer.upto) for answer in receipt.answers} == {(old, 900), (EPOCH, 1)}
    assert rows(f"SELECT count(*) FROM messages WHERE epoch = '{old}'") == [(900,)]


def test_rigs_and_epochs_do_not_mix(store):
    store.commit([arrival("hit", 1, rig="a"), arrival("hit", 2, rig="b")])
    assert (store.watermark("a", EPOCH), store.watermark("b", EPOCH)) == (1, 0)


def test_what_is_simulated_is_never_among_the_real_hits(store, rows):
    origins = ["camera", "recording", "simulation", "injection"]
    store.commit([arrival("hit", seq, origin=one) for seq, one in enumerate(origins, 1)])
    assert sorted(rows("SELECT origin FROM real_hits")) == [("camera",), ("recording",)]


def test_a_row_sqlite_refuses_puts_one_message_aside_and_not_the_batch(store, rows):
    """Else the broker would hand the same batch in for ever."""
    store.commit([arrival("hit", 1)])
    store._connection.execute("CREATE UNIQUE INDEX peak ON hits (peak_adu)")
    receipt = store.commit([arrival("hit", 2), arrival("hit", 3, peak_adu=5)])
    assert (receipt.stored, receipt.quarantined) == (1, 1)
    assert rows("SELECT reason, seq FROM quarantine") == [("unstorable", 2)]
    assert store.watermark(RIG, EPOCH) == 3


def test_collectors_that_commit_at_the_same_time_lose_nothing(path):
    """Four connections, each with every fourth message, backwards."""
    total = 200

    def work(first: int) -> None:
        store = SqliteStore(path)
        for seq in range(total - first, 0, -4):
            store.commit([arrival("hit", seq)])
        store.close()

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = SqliteStore(path)
    assert store.watermark(RIG, EPOCH) == total
    store.close()


def test_the_identity_stays_with_the_file(path, tmp_path):
    names = []
    for file in (path, path, tmp_path / "other.db"):
        store = SqliteStore(file)
        names.append(store.identity)
        store.close()
    assert names[0] == names[1] != names[2]


def test_a_locked_database_says_so_and_takes_the_same_batch_later(path, store):
    store._connection.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="locked"):
        store.commit([arrival("hit", 1)])
    other.execute("ROLLBACK")
    other.close()
    assert store.commit([arrival("hit", 1)]).stored == 1


def test_a_full_disk_stores_nothing_of_the_batch_and_all_of_it_later(store, rows):
    store.commit([arrival("hit", 1)])
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    batch = [arrival("hit", seq) for seq in range(2, 60)]
    with pytest.raises(StoreUnavailableError, match="full"):
        store.commit(batch)
    assert rows("SELECT count(*) FROM messages") == [(1,)]
    store._connection.execute("PRAGMA max_page_count = 100000")
    assert store.commit(batch).stored == 58
    assert store.watermark(RIG, EPOCH) == 59


def test_a_database_that_was_moved_away_is_noticed(path, store):
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(Failed, match="moved or removed"):
        store.commit([arrival("hit", 1)])


def test_a_newer_schema_is_refused_in_one_line_and_left_alone(path):
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(Failed, match=r"has schema 2, this version knows 1: upgrade") as caught:
        open_store(str(path))
    assert "\n" not in str(caught.value)


def test_an_older_schema_is_brought_forward_with_what_it_holds(path):
    store = SqliteStore(path)
    store.commit([arrival("hit", 1)])
    store.close()
    steps = (*MIGRATIONS, ("ALTER TABLE hits ADD COLUMN note TEXT DEFAULT 'none'",))
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, steps)
    migrate(connection, steps)  # nothing left to do
    assert connection.execute("SELECT seq, note FROM hits").fetchall() == [(1, "none")]
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


def test_a_step_that_fails_leaves_the_old_schema(path):
    SqliteStore(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*MIGRATIONS, ("CREATE TABLE fresh (a)", "nonsense")))
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'fresh'").fetchall()
    connection.close()


def test_a_database_of_another_program_is_not_touched(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE things (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(Failed, match="another program"):
        open_store(str(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["text", "truncated", "overwritten"])
def test_a_damaged_file_is_one_line(path, damage):
    store = SqliteStore(path)
    for start in range(1, 200, 50):
        store.commit([arrival("hit", seq) for seq in range(start, start + 50)])
    store.close()
    whole = path.read_bytes()
    broken = {
        "text": b"no database at all" * 100,
        "truncated": whole[:3000],
        "overwritten": whole[:100] + b"\xa5" * (len(whole) - 100),
    }
    path.write_bytes(broken[damage])
    with pytest.raises(Failed, match="damaged or no database") as caught:
        open_store(str(path)).commit([arrival("hit", 1000)])
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_missing_or_a_file_that_is_a_folder_fails(tmp_path):
    with pytest.raises(Failed, match="there is no folder"):
        open_store(str(tmp_path / "missing" / "c.db"))
    with pytest.raises(Failed, match="unable to open"):
        open_store(str(tmp_path))


def test_urls_name_relative_and_absolute_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///near.db", f"sqlite:///{tmp_path}/far.db", "plain.db"):
        open_store(url).close()
    assert {file.name for file in tmp_path.iterdir()} == {"near.db", "far.db", "plain.db"}


@pytest.mark.parametrize(
    "url", ["postgresql://server/hits", "postgres://server", "postgresql+psycopg://server/hits"]
)
def test_postgresql_is_told_to_wait(url):
    with pytest.raises(BadUse, match="not yet supported, use sqlite"):
        open_store(url)


@pytest.mark.parametrize("url", ["", "mysql://a/b", "sqlite://", "sqlite:///", "sqlite:c.db"])
def test_other_databases_are_bad_use(url):
    with pytest.raises(BadUse, match="sqlite:///path"):
        open_store(url)
