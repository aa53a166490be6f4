"""A PostgreSQL that hangs, ends, fills up or loses its tables under a collector's store."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time

import pytest

from edge.errors import Failed
from edge.server.postgres_store import PostgresStore
from edge.server.store import StoreUnavailableError, open_store
from edge.server.waiting import wait_for_store
from edge.server.watchdog import Watchdog
from tests.edge.server.databases import arrival, execute, name_of, rows, watermark_of
from tests.edge.server.rigs import eventually
from tests.postgres import Postgres, why_not

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here"),
]


@pytest.fixture(scope="module")
def server():
    server = Postgres(max_connections="8", superuser_reserved_connections="1")
    yield server
    server.stop()


@pytest.fixture
def url(server):
    return server.create()


@pytest.fixture
def store(url):
    store = PostgresStore(url)
    store._watchdog = Watchdog(first_s=1.0)
    store.commit([arrival("hit", 1)])
    yield store
    store.close()


def stored_in_the_end(store, seq):
    """Try as the collector does."""

    def try_once():
        with contextlib.suppress(StoreUnavailableError):
            return bool(store.commit([arrival("hit", seq)]))

    return eventually(try_once, 30)


def fill(store):
    for seq in range(1, 20_000, 200):
        store.commit([arrival("hit", seq + more) for more in range(200)])


@contextlib.contextmanager
def frozen(server):
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


def test_a_database_that_hangs_is_told_in_bounded_time_and_gone_on_with(store, server, url):
    with frozen(server):
        since = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="no answer for 1 s"):
            store.commit([arrival("hit", 2)])
        assert time.monotonic() - since < 3
        with pytest.raises(StoreUnavailableError, match="timeout expired"):
            store.commit([arrival("hit", 2)])
        assert time.monotonic() - since < 10
    assert stored_in_the_end(store, 2)
    assert rows(url, "SELECT seq FROM hits ORDER BY seq") == [(1,), (2,)]


def test_a_short_freeze_is_waited_out(store, server):
    store._watchdog = Watchdog(first_s=20)
    thaw = threading.Timer(1.0, server.thaw)
    server.freeze()
    thaw.start()
    try:
        assert store.commit([arrival("hit", 2)]).stored == 1
    finally:
        server.thaw()
        thaw.join()


def test_one_frozen_backend_that_holds_the_rigs_row_keeps_nothing_for_ever(store, server, url):
    import psycopg

    with psycopg.connect(url) as other:
        other.execute("SELECT 1 FROM rigs FOR UPDATE")
        with pytest.raises(StoreUnavailableError, match="no answer for 1 s"):
            store.commit([arrival("hit", 2)])
    assert stored_in_the_end(store, 2)


def test_a_restart_in_order_is_waited_for(store, server, url):
    server.restart()
    assert stored_in_the_end(store, 2)
    assert rows(url, "SELECT count(*) FROM hits") == [(2,)]


def test_a_database_that_was_set_to_read_only_is_waited_for(store, server, url):
    server.execute(f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only = on")
    store._drop()
    with pytest.raises(StoreUnavailableError, match="read-only"):
        store.commit([arrival("hit", 2)])
    server.execute(f"ALTER DATABASE {name_of(url)} RESET default_transaction_read_only")
    store._drop()
    assert stored_in_the_end(store, 2)


def test_no_connection_left_is_waited_for_at_the_start_and_later(store, server, url):
    import psycopg

    store._drop()
    others = []
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(psycopg.OperationalError):
            while len(others) < 20:
                others.append(stack.enter_context(psycopg.connect(url)))
        with pytest.raises(StoreUnavailableError, match="too many clients"):
            store.commit([arrival("hit", 2)])
        said, stop = [], threading.Event()
        threading.Timer(1.0, stop.set).start()
        assert wait_for_store(url, stop, said.append) is None
        assert len(said) == 1
        assert "too many clients already" in said[0]
    assert stored_in_the_end(store, 2)


def test_a_dropped_database_is_waited_for_and_an_empty_one_in_its_place_is_not_filled(
    store, server, url
):
    server.drop(url)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            store.commit([arrival("hit", 2)])
    server.execute(f"CREATE DATABASE {name_of(url)}")
    with pytest.raises(Failed, match="another one than before: it holds no collector's"):
        store.commit([arrival("hit", 2)])
    assert rows(url, "SELECT count(*) FROM pg_class WHERE relname = 'hits'") == [(0,)]


@pytest.mark.parametrize("table", ["hits", "ledger", "rigs"])
def test_a_dropped_table_ends_the_collector_in_one_line(store, url, table):
    execute(url, f"DROP TABLE {table} CASCADE")
    with pytest.raises(Failed, match=f'"{table}" does not exist') as caught:
        store.commit([arrival("hit", 2)])
    assert "\n" not in str(caught.value)


def test_a_database_that_starts_later_is_waited_for_and_said_once(server, url):
    server.kill()
    said, stop = [], threading.Event()
    found = []
    waiting = threading.Thread(target=lambda: found.append(wait_for_store(url, stop, said.append)))
    waiting.start()
    try:
        assert eventually(lambda: said)
        time.sleep(1.0)
    finally:
        server.start()
        waiting.join(30)
    [store] = found
    assert store.commit([arrival("hit", 1)]).stored == 1
    store.close()
    assert said[0].startswith("database postgresql://cosmic@/test")
    assert len(said) == len(set(said)) <= 3  # not there, starting up


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (lambda server: server.url("nowhere"), 'database "nowhere" does not exist'),
        (lambda server: server.url("postgres", "stranger"), 'role "stranger" does not exist'),
        (lambda server: "postgresql://me@box.invalid/hits", "Name or service not known"),
        (lambda server: "postgresql://me@127.0.0.1:99999/hits", "invalid port number"),
    ],
    ids=["database", "role", "host", "port"],
)
def test_what_waiting_will_not_mend_ends_the_start_at_once(server, wrong, what):
    with pytest.raises(Failed, match=what) as caught:
        wait_for_store(wrong(server), threading.Event(), pytest.fail)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs root for tmpfs")
def test_a_full_disk_is_waited_for_until_there_is_room_again(server, tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m,mode=0777", "none", place], check=False
    )
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        space = server.own(place / "space")
        server.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
        server.execute("CREATE DATABASE small TABLESPACE small")
        store = open_store(server.url("small"))
        execute(server.url("small"), "CREATE TABLE ballast AS SELECT repeat('x', 2000) FROM"
                                     " generate_series(1, 400)")  # fmt: skip
        with pytest.raises(StoreUnavailableError, match="No space left"):
            fill(store)
        kept = rows(server.url("small"), "SELECT count(*) FROM hits")
        mark = watermark_of(store, arrival("hit", 1).key.rig, arrival("hit", 1).key.epoch)
        assert kept == [(mark,)]
        execute(server.url("small"), "DROP TABLE ballast")
        assert stored_in_the_end(store, mark + 1)
        store.close()
        server.execute("DROP DATABASE small WITH (FORCE)")
        server.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", place], check=True)
