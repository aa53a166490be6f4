"""The SQLite store: once each, together or not at all, and forward only."""

from __future__ import annotations

import sqlite3

import pytest

from edge.errors import BadUse, Failed
from edge.server.arrival import examine
from edge.server.layout import STEPS
from edge.server.schema import MIGRATIONS, migrate
from edge.server.sqlite_store import SqliteStore
from edge.server.store import StoreUnavailableError, open_store
from tests.edge.server.databases import arrival, watermark_of
from tests.edge.server.rigs import EPOCH, RIG, payload

NEWEST = len(STEPS)
"""Version of the tables."""


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


def test_a_message_is_kept_byte_for_byte(store, rows):
    data = payload("hit", 1, series="Übung ☄")
    store.commit([examine(f"cosmic-edge/v1/{RIG}/hit", data, {})])
    assert rows("SELECT CAST(message AS BLOB) FROM hits") == [(data,)]


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
    assert watermark_of(store) == 59


def test_a_database_that_was_moved_away_is_noticed(path, store):
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(Failed, match="moved or removed"):
        store.commit([arrival("hit", 1)])


def test_a_newer_schema_is_refused_in_one_line_and_left_alone(path):
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(
        Failed, match=f"has schema {NEWEST + 1}, this version knows {NEWEST}: upgrade"
    ) as caught:
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
    assert connection.execute("PRAGMA user_version").fetchone() == (NEWEST + 1,)
    connection.close()


def test_a_step_that_fails_leaves_the_old_schema(path):
    SqliteStore(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*MIGRATIONS, ("CREATE TABLE fresh (a)", "nonsense")))
    assert connection.execute("PRAGMA user_version").fetchone() == (NEWEST,)
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
    "url", ["", "mysql://a/b", "postgresql+psycopg://a/b", "sqlite://", "sqlite:///", "sqlite:c.db"]
)
def test_other_databases_are_bad_use(url):
    with pytest.raises(BadUse, match="sqlite:///path"):
        open_store(url)


def test_a_file_of_the_first_version_keeps_all_it_holds(path):
    """What was stored by the version before PostgreSQL."""
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, MIGRATIONS[:1])
    others = ((2, "clock", {}), (3, "lost", {"ranges": []}))
    hit = payload("hit", 1, scores={"spot": 0.75}).decode()
    common = ("camera", "2026-11-21T10:00:01.000000000Z")
    connection.execute(
        "INSERT INTO hits VALUES (?, ?, 1, '2026-11-21T10:00:00.050000000Z', 0.002, 'synced', '',"
        " 17, 40, 41, 900, 1234.5, 7, 'spot', NULL, NULL, NULL, ?, ?, ?)",
        (RIG, EPOCH, *common, hit),
    )
    for seq, kind, body in others:
        connection.execute(
            "INSERT INTO other_messages VALUES (?, ?, ?, ?, ?, ?, ?)",
            (RIG, EPOCH, seq, kind, *common, payload(kind, seq, **body).decode()),
        )
    kept = [arrival(kind, seq, **body) for seq, kind, body in others]
    kept.insert(0, arrival("hit", 1, scores={"spot": 0.75}))
    for one in kept:
        connection.execute(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?)",
            (RIG, EPOCH, one.key.seq, one.message.kind, one.digest),
        )
    connection.execute("INSERT INTO watermarks VALUES (?, ?, 1, 3)", (RIG, EPOCH))
    identity = connection.execute("SELECT value FROM store").fetchone()[0]
    store = open_store(str(path))
    assert store.identity == identity
    assert store.schema == NEWEST
    assert watermark_of(store) == 3
    receipt = store.commit([*kept, arrival("hit", 4)])
    assert (receipt.stored, receipt.duplicates) == (1, 3)
    assert connection.execute("SELECT seq, score_spot FROM real_hits ORDER BY seq").fetchall() == [
        (1, 0.75), (4, None),
    ]  # fmt: skip
    for table, (seq, kind, body) in zip(("clocks", "lost"), others, strict=True):
        found = connection.execute(f"SELECT seq, message FROM {table}").fetchall()
        assert found == [(seq, payload(kind, seq, **body).decode())]
    connection.close()
    store.close()
