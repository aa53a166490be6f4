"""The PostgreSQL store's schema, its URL and its password, and what is wrong at the start."""

from __future__ import annotations

import logging
import sqlite3
import threading

import pytest

from edge.errors import BadUse, Failed
from edge.server.layout import STEPS, TABLES
from edge.server.store import StoreUnavailableError, open_store
from tests.edge.server.databases import arrival, execute, name_of, rows
from tests.postgres import Postgres, why_not

NEWEST = len(STEPS)
"""Version of the tables."""

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here"),
]


@pytest.fixture
def database(url):
    """These tests are of PostgreSQL alone."""
    return url


def test_a_newer_schema_is_refused_in_one_line_and_left_alone(url):
    open_store(url).close()
    execute(url, f"UPDATE store SET value = '{NEWEST + 1}' WHERE name = 'schema'")
    with pytest.raises(
        Failed, match=f"has schema {NEWEST + 1}, this version knows {NEWEST}: upgrade"
    ) as caught:
        open_store(url)
    assert "\n" not in str(caught.value)


def test_an_older_schema_is_brought_forward_with_what_it_holds(store, url):
    from edge.server.postgres_schema import MIGRATIONS, migrate

    store.commit([arrival("hit", 1)])
    steps = (*MIGRATIONS, ("ALTER TABLE hits ADD COLUMN note text DEFAULT 'none'",))
    for _ in range(2):
        migrate(store._connection, steps)
    assert rows(url, "SELECT seq, note FROM hits") == [(1, "none")]
    assert rows(url, "SELECT value FROM store WHERE name = 'schema'") == [(str(NEWEST + 1),)]


def test_a_step_that_fails_leaves_the_old_schema(store, url):
    import psycopg

    from edge.server.postgres_schema import MIGRATIONS, migrate

    with pytest.raises(psycopg.Error):
        migrate(store._connection, (*MIGRATIONS, ("CREATE TABLE fresh (a int)", "nonsense")))
    assert rows(url, "SELECT value FROM store WHERE name = 'schema'") == [(str(NEWEST),)]
    assert rows(url, "SELECT to_regclass('fresh') IS NULL") == [(True,)]


@pytest.mark.parametrize(
    "taken", ["hits (a int)", "store (name text, value text)", "store (a int)"]
)
def test_a_database_of_another_program_is_not_touched(url, taken):
    execute(url, f"CREATE TABLE {taken}")
    with pytest.raises(Failed, match="another program"):
        open_store(url)
    assert rows(url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                     " AND relkind = 'r'") == [(1,)]  # fmt: skip


def test_both_engines_have_the_same_tables_and_columns(store, url, tmp_path):
    open_store(str(tmp_path / "c.db")).close()
    for table in TABLES:
        theirs = rows(
            url,
            "SELECT attname::text FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
            f" AND attrelid = '{table}'::regclass",
        )
        with sqlite3.connect(tmp_path / "c.db") as connection:
            ours = connection.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall()
        connection.close()
        assert set(theirs) - {("crop",)} == set(ours), table


SECRET = "s3cret/:@pass word"


def test_the_password_is_never_told(url, postgres, caplog):
    name = name_of(url)
    postgres.execute("DROP ROLE IF EXISTS guarded")
    postgres.execute(f"CREATE ROLE guarded LOGIN PASSWORD '{SECRET}'")
    postgres.execute(f"ALTER DATABASE {name} OWNER TO guarded")
    postgres.reload_access("local all guarded scram-sha-256")
    said = []
    caplog.set_level(logging.DEBUG)
    store = open_store(postgres.url(name, "guarded", SECRET))
    said.append(repr(store) + repr(vars(store)))
    store.commit([arrival("hit", 1)])
    postgres.kill()
    with pytest.raises(StoreUnavailableError) as gone:
        store.commit([arrival("hit", 2)])
    postgres.start()
    store.commit([arrival("hit", 2)])
    store.close()
    with pytest.raises(Failed, match="password authentication failed") as refused:
        open_store(postgres.url(name, "guarded", SECRET + "x"))
    with pytest.raises(BadUse) as other:
        open_store(f"mysql://me:{SECRET}@box/a")
    said += [str(one.value) for one in (gone, refused, other)] + [caplog.text]
    assert not [one for one in said if "s3cret" in one]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret/x@box/db", "postgresql://me:12/s3cret@box/db",
        "postgresql://me:a@s3cret@box/db", "postgresql://me:s3cret@box:x/db",
        "postgresql://me:12/s3c:ret@box/s3cret", "postgresql://me:%s3cret@box/db",
        "postgresql://me:s3cret@[box/db", "postgresql://me:s3cret@box/db?passwort=s3cret",
    ],
)  # fmt: skip
def test_a_url_that_was_not_escaped_gives_no_piece_of_the_password_away(url):
    with pytest.raises(BadUse, match="%XX") as caught:
        open_store(url)
    assert "s3cret" not in str(caught.value)


def test_a_password_from_the_environment_will_do(url, postgres, monkeypatch):
    postgres.execute("DROP ROLE IF EXISTS quiet")
    postgres.execute(f"CREATE ROLE quiet LOGIN PASSWORD '{SECRET}'")
    postgres.execute(f"ALTER DATABASE {name_of(url)} OWNER TO quiet")
    postgres.reload_access("local all quiet scram-sha-256")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    open_store(postgres.url(name_of(url), "quiet")).close()


def test_a_user_who_may_make_no_tables_is_told_what_to_grant(url, postgres):
    postgres.execute("DROP ROLE IF EXISTS guest")
    postgres.execute("CREATE ROLE guest LOGIN")
    with pytest.raises(Failed, match="GRANT CREATE"):
        open_store(postgres.url(name_of(url), "guest"))


def test_a_database_of_another_encoding_is_refused(postgres):
    postgres.execute("DROP DATABASE IF EXISTS latin")
    postgres.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(Failed, match="encoding LATIN1: make one with"):
        open_store(postgres.url("latin"))


def test_a_server_that_is_not_there_is_one_line_at_the_start():
    with pytest.raises(Failed, match="Connection refused") as caught:
        open_store("postgresql://me:s3cret@127.0.0.1:1/hits")
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_lost_disk_is_said_at_the_start(url, caplog):
    open_store(url).close()
    assert "fsync off" in caplog.text


def test_a_server_killed_while_it_stores_has_all_that_it_took():
    """With the disk waited for, as in earnest."""
    server = Postgres(durable=True)
    try:
        url = server.create()
        store = open_store(url)
        safe = 0
        killer = threading.Timer(0.5, server.kill)
        killer.start()
        for seq in range(1, 100_000):
            try:
                safe = store.commit([arrival("hit", seq)]).answers[0].upto
            except StoreUnavailableError:
                break
        killer.join()
        server.start()
        assert safe > 10
        assert rows(url, f"SELECT count(*) FROM hits WHERE seq <= {safe}") == [(safe,)]
        assert rows(url, "SELECT max(seq) - count(*) FROM hits") == [(0,)]
        store.close()
    finally:
        server.stop()
