"""A database that is backed up, goes on, and is restored: nothing is missing without a word.

With a real broker, real rigs with their outboxes, and both engines.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.delivery.database import FILE_NAME
from edge.detection import Draft
from edge.server.brokers import EmbeddedBroker, find_mosquitto
from edge.server.layout import STEPS
from tests.edge.delivery.uplinks import RIG, running
from tests.edge.server import databases
from tests.edge.server.collectors import collecting
from tests.edge.server.conftest import ENGINES
from tests.edge.server.databases import fresh
from tests.edge.server.rigs import eventually
from tests.message_examples import body
from tests.postgres import why_not

NEWEST = len(STEPS)
"""Version of the tables."""

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto"),
]


@pytest.fixture
def broker():
    with EmbeddedBroker(prefer="mosquitto") as broker:
        yield broker


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def place(engine, tmp_path, request):
    """Makes places for databases."""

    def make(name):
        folder = tmp_path / name
        folder.mkdir()
        return fresh(engine, folder, request)

    return make


@pytest.fixture
def said(capsys):
    def run(*arguments, code=0):
        capsys.readouterr()
        assert main(["server", *map(str, arguments)]) == code
        heard = capsys.readouterr()
        return (
            json.loads(heard.out) if "--json" in arguments and not code else heard.out + heard.err
        )

    return run


def hits(count):
    return [Draft("hit", body("hit"), "camera") for _ in range(count)]


def let_go(outbox):
    return outbox.counts().totals.get("acknowledged", 0)


def send(outbox, count, until):
    """Let a rig make hits, and wait until it has let go of all."""
    outbox.commit(hits(count))
    assert eventually(lambda: let_go(outbox) == until)


def kinds(database):
    found = databases.rows(database, "SELECT kind, count(*) FROM messages GROUP BY kind")
    return dict(found)


def test_after_a_restore_every_number_is_there_or_declared_and_the_rig_goes_on(
    broker, place, said, tmp_path
):
    old, new, file = place("old"), place("new"), tmp_path / "copy.backup"
    with running(tmp_path / "rig", broker.url) as (outbox, _):
        with collecting(broker.url, old):
            send(outbox, 20, 20)
            said("backup", file, "--db", old)
            send(outbox, 15, 35)  # the backup has not these, and the rig lets go of them
        outbox.commit(hits(5))  # nobody takes these now
        behind = said("restore", file, "--db", new, "--broker", broker.url, "--json")["behind"]
        assert [(one["rig"], one["had"], one["told"], one["missing"]) for one in behind] == [
            (RIG, 20, 35, 15)
        ]
        with collecting(broker.url, new):
            assert eventually(lambda: let_go(outbox) == 40)
            send(outbox, 10, 50)
        assert outbox.owed == 0
        [(upto,)] = databases.rows(new, f"SELECT upto FROM rigs WHERE rig = '{RIG}'")
    assert upto == 50
    assert kinds(new) == {"hit": 35, "declared_lost": 15}
    assert databases.rows(new, "SELECT first_seq, last_seq, reason FROM lost_ranges") == [
        (21, 35, "let_go")
    ]
    assert said("reconcile", "--db", new, "--broker", broker.url, "--json")["behind"] == []


def test_the_rigs_archive_gives_back_hits_and_records_that_the_backup_had_not(
    broker, place, said, tmp_path, capsys
):
    old, new, file, folder = place("old"), place("new"), tmp_path / "copy.backup", tmp_path / "rig"
    with running(folder, broker.url) as (outbox, _):
        with collecting(broker.url, old):
            send(outbox, 20, 20)
            said("backup", file, "--db", old)
            outbox.commit(
                [Draft(kind, body(kind), "camera") for kind in ("exposure", "calibration", "clock")]
            )
            send(outbox, 300, 323)
        said("restore", file, "--db", new, "--broker", broker.url)
        with collecting(broker.url, new) as collector:
            capsys.readouterr()
            options = ["--broker", broker.url, "--state-dir", str(folder), "--json"]
            assert main(["hits", "resend", *options]) == 0  # while the rig runs
            assert json.loads(capsys.readouterr().out) == {
                "sent": 323,
                "by_kind": {"hit": 320, "exposure": 1, "calibration": 1, "clock": 1},
                "damaged": 0,
            }
            assert eventually(lambda: collector.stats.received >= 323)
            assert (collector.stats.stored, collector.stats.duplicates) == (303, 20)
            send(outbox, 1, 324)
    assert kinds(new) == {"hit": 321, "exposure": 1, "calibration": 1, "clock": 1}
    [state] = said("rigs", "--db", new, "--json")["rigs"]
    assert (state["let_go"], state["upto"], state["behind_gap"]) == (0, 324, 0)


def test_a_record_that_damage_took_is_counted_and_keeps_no_other_back(broker, tmp_path, capsys):
    folder = tmp_path / "rig"
    database = tmp_path / "c.db"
    with running(folder, broker.url) as (outbox, _), collecting(broker.url, database):
        outbox.commit([Draft("exposure", body("exposure"), "camera") for _ in range(3)])
        assert eventually(lambda: let_go(outbox) == 3)
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as file:
        file.execute("UPDATE delivered SET body = '{' WHERE seq = 2")
        file.commit()
    with collecting(broker.url, database) as collector:
        capsys.readouterr()
        options = ["--broker", broker.url, "--state-dir", str(folder)]
        assert main(["hits", "resend", *options]) == 0
        heard = capsys.readouterr()
        assert heard.out.startswith("2 exposure records sent again, and taken by")
        assert heard.err == "passed over, because damaged: 1\n"
        assert eventually(lambda: collector.stats.duplicates == 2)


def test_resending_what_is_not_there_or_to_nobody_is_one_line(broker, tmp_path, capsys):
    for url in (broker.url, "mqtt://127.0.0.1:1"):
        assert main(["hits", "resend", "--broker", url, "--state-dir", str(tmp_path)]) == 1
        assert "no rig has run here" in capsys.readouterr().err
    with running(tmp_path, broker.url) as (outbox, _):
        outbox.commit(hits(1))
        away = ["--broker", "mqtt://127.0.0.1:1", "--state-dir", str(tmp_path)]
        assert main(["hits", "resend", *away]) == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_without_the_brokers_word_the_next_messages_of_the_rig_tell_what_is_gone(
    broker, place, said, tmp_path
):
    old, new, file = place("old"), place("new"), tmp_path / "copy.backup"
    with running(tmp_path / "rig", broker.url) as (outbox, _):
        with collecting(broker.url, old):
            send(outbox, 20, 20)
            said("backup", file, "--db", old)
            send(outbox, 15, 35)
        assert "reconcile" in said("restore", file, "--db", new)
        with collecting(broker.url, new):
            send(outbox, 5, 40)
    assert kinds(new) == {"hit": 25, "declared_lost": 15}


def test_a_backup_is_taken_while_a_collector_stores_and_shows_one_moment(
    broker, place, said, tmp_path
):
    database, restored = place("busy"), place("restored")
    with running(tmp_path / "rig", broker.url) as (outbox, _), collecting(broker.url, database):
        stop = threading.Event()

        def go_on():
            while not stop.is_set():
                outbox.commit(hits(5))
                stop.wait(0.02)

        busy = threading.Thread(target=go_on)
        busy.start()
        try:
            assert eventually(lambda: let_go(outbox) > 50)
            file = tmp_path / "copy.backup"
            made = said("backup", file, "--db", database, "--json")
        finally:
            stop.set()
            busy.join()
    assert made["schema"] == NEWEST
    assert file.stat().st_mode & 0o777 == 0o600
    assert said("restore", file, "--db", restored, "--json")["behind"] == []
    if "://" not in restored:
        assert Path(restored).stat().st_mode & 0o777 == 0o600
    [(upto,)] = databases.rows(restored, "SELECT upto FROM rigs")
    assert upto > 50
    # Hits, ledger and watermark belong together.
    assert databases.rows(restored, "SELECT count(*), max(seq) FROM hits") == [(upto, upto)]
    assert kinds(restored) == {"hit": upto}


def test_what_is_there_is_never_overwritten(place, said, tmp_path, engine):
    from edge.server.store import open_store

    one, other = place("one"), place("other")
    for url in (one, other):
        open_store(url).close()
    file = tmp_path / "copy.backup"
    said("backup", file, "--db", one)
    content = file.read_bytes()
    assert "there already: name a new file" in said("backup", file, "--db", one, code=2)
    assert " already" in said("restore", file, "--db", other, code=1)
    assert file.read_bytes() == content
    assert not list(Path(tmp_path).rglob("*.part"))


def test_what_is_no_backup_is_refused_in_one_line_and_nothing_is_made(place, said, tmp_path):
    database = place("empty")
    for content in (b"", b"PGDMP nonsense", b"SQLite format 3\0 nonsense", b"x" * 10_000):
        file = tmp_path / "wrong"
        file.write_bytes(content)
        line = said("restore", file, "--db", database, code=1)
        assert line.count("\n") == 1
        assert "Traceback" not in line
        assert file.read_bytes() == content
    assert "no such file" in said("restore", tmp_path / "none", "--db", database, code=1)
    if "://" in database:
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert databases.rows(database, query) == [(0,)]
    else:
        assert not Path(database).exists()


def test_a_backup_of_a_newer_version_is_refused_before_anything_is_written(place, said, tmp_path):
    from edge.server.store import open_store

    database, target = place("newer"), place("target")
    open_store(database).close()
    file = tmp_path / "copy.backup"
    if "://" in database:
        said("backup", file, "--db", database)  # as a newer version's pg_dump would write it
        databases.execute(database, "UPDATE store SET value = '9' WHERE name = 'schema'")
        assert "schema 9, this version" in said("backup", tmp_path / "b", "--db", database, code=1)
        pg_dump(database, file)
    else:
        said("backup", file, "--db", database)
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA user_version = 9")
    assert f"has schema 9, this version knows {NEWEST}: upgrade" in said(
        "restore", file, "--db", target, code=1
    )
    if "://" not in target:
        assert not Path(target).exists()


def pg_dump(database, file):
    subprocess.run(["pg_dump", "-Fc", f"--file={file}", f"--dbname={database}"], check=True)


def test_a_backup_of_the_version_before_comes_back_as_this_one(place, said, tmp_path):
    """Taken as it is: a backup before an upgrade changes nothing."""
    from edge.server import postgres_schema, schema
    from edge.server.store import open_store

    database, target = place("older"), place("target")
    if "://" in database:
        import psycopg

        with psycopg.connect(database, autocommit=True) as connection:
            postgres_schema.migrate(connection, postgres_schema.MIGRATIONS[:2])
    else:
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
            schema.migrate(connection, schema.MIGRATIONS[:2])
    databases.execute(database, "INSERT INTO rigs VALUES ('old', 'abcdef0123456789', 1, 7, NULL)")
    file = tmp_path / "copy.backup"
    assert said("backup", file, "--db", database, "--json")["schema"] == 2
    assert databases.rows(database, "SELECT count(*) FROM rigs") == [(1,)]
    assert said("restore", file, "--db", target, "--json")["rigs"][0]["upto"] == 7
    store = open_store(target)
    assert store.schema == NEWEST
    store.close()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs root for tmpfs")
def test_a_full_disk_leaves_no_half_backup_and_is_one_line(place, said, tmp_path):
    from edge.server.store import open_store
    from tests.edge.server.databases import arrival

    database, small = place("large"), tmp_path / "small"
    store = open_store(database)
    noise = [arrival("hit", seq, features={"sum": seq / 7}) for seq in range(1, 2001)]
    store.commit(noise)
    store.close()
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", small], check=False)
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        line = said("backup", small / "copy", "--db", database, code=1)
        assert line.count("\n") == 1
        assert "Traceback" not in line
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", small], check=True)


@pytest.mark.postgresql
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here")
def test_a_password_goes_along_and_is_never_said(postgres, tmp_path, monkeypatch):
    from edge.errors import Failed
    from edge.server import backup
    from edge.server.store import open_store

    names = [databases.name_of(postgres.create()) for _ in range(2)]
    postgres.execute("DROP ROLE IF EXISTS keeper")
    postgres.execute("CREATE ROLE keeper LOGIN PASSWORD 's3cret/:@'")
    for name in names:
        postgres.execute(f"ALTER DATABASE {name} OWNER TO keeper")
    postgres.reload_access("local all keeper scram-sha-256")
    one, two = (postgres.url(name, "keeper", "s3cret/:@") for name in names)
    open_store(one).close()
    backup.back_up(one, tmp_path / "copy")
    backup.restore(two, tmp_path / "copy")
    with pytest.raises(Failed, match="password authentication failed") as refused:
        backup.back_up(postgres.url(names[0], "keeper", "s3cret-not"), tmp_path / "other")
    assert "s3cret" not in str(refused.value)
    monkeypatch.setenv("PGPASSWORD", "s3cret/:@")
    backup.back_up(postgres.url(names[0], "keeper"), tmp_path / "third")


@pytest.mark.postgresql
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here")
def test_a_backup_over_the_end_of_a_month_holds_no_camera_up(postgres, said, tmp_path):
    """pg_dump holds what it reads against new tables for a month."""
    import psycopg

    from edge.server.store import open_store
    from tests.edge.server.test_upkeep import at

    url = postgres.create()
    store = open_store(url)
    said("backup", tmp_path / "copy", "--db", url)
    now = datetime.now(UTC)
    soon = (now.replace(day=1) + timedelta(days=32)).replace(day=1)
    with psycopg.connect(url) as dump:
        dump.execute("LOCK TABLE hits, hits_default, exposures, ledger IN ACCESS SHARE MODE")
        days = [f"{one:%Y-%m-%d}T00:00:00.000000000Z" for one in (now, soon)]
        receipt = store.commit([at(seq, day) for seq, day in enumerate(days, 1)])
    store.close()
    assert receipt.answers[0].upto == 2
    assert databases.rows(url, "SELECT count(*) FROM hits_default") == [(0,)]
