"""Commands on a PostgreSQL that lets them do less than they need, or leaves them alone midway."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.server.brokers import EmbeddedBroker, find_mosquitto
from edge.server.store import open_store
from tests.edge.server.databases import arrival, garbage, name_of, rows
from tests.edge.server.rigs import EPOCH, RIG, Rig, eventually
from tests.postgres import Postgres, why_not

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.mosquitto,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here"),
    pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto"),
]
CHANGES = ("rename", "revoke", "erase", "add", "readmit", "reconcile", "prune")


@pytest.fixture(scope="module")
def server():
    server = Postgres(durable=True)  # without a warning of what a crash may lose
    for role in ("reader", "stranger"):
        server.execute(f"CREATE ROLE {role} LOGIN")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def broker():
    """One that retains a word to the rig which no database here can have given."""
    with EmbeddedBroker(prefer="mosquitto") as broker:
        with Rig(broker.url) as rig:
            rig.send(json.dumps({"epoch": EPOCH, "upto": 50}).encode(), "ack", retain=True)
            assert eventually(lambda: rig.upto == 50)
        yield broker


@pytest.fixture
def url(server):
    url = server.create()
    store = open_store(url)
    store.commit([*(arrival("hit", seq) for seq in range(1, 6)), garbage(6)])
    store.close()
    return url


@pytest.fixture
def arguments(broker, tmp_path):
    """Of each command, on a database."""

    def made(command, url):
        places = {
            "backup": [tmp_path / "new.backup"],
            "restore": [tmp_path / "good.backup"],
            "rename": [RIG, "roof"],
            "revoke": [RIG],
            "erase": [RIG, "--yes"],
            "add": ["new-1"],
            "reconcile": ["--broker", broker.url],
            "prune": ["--keep-days", "1"],
            "watch": ["--once", "--broker", broker.url],
        }
        return ["server", command, *map(str, places.get(command, [])), "--db", url]

    return made


@pytest.fixture
def said(capsys, arguments):
    """Exit code, output, and the one line of an error."""

    def run(command, url):
        capsys.readouterr()
        code = main(arguments(command, url))
        heard = capsys.readouterr()
        assert "internal error" not in heard.err
        assert code in (0, 1, 2)
        if code:
            assert heard.err.count("\n") == 1
        return code, heard.out, heard.err

    return run


def everything(url):
    """All that a command could have changed."""
    tables = ("ledger", "rigs", "hits", "fleet", "quarantine", "lost_ranges")
    return {table: rows(url, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables}


def backed_up(url, tmp_path):
    assert main(["server", "backup", str(tmp_path / "good.backup"), "--db", url]) == 0


@pytest.mark.parametrize("command", [*CHANGES, "rigs", "backup", "watch"])
def test_a_user_without_rights_is_told_so_in_one_line(server, url, said, command, tmp_path):
    code, _, line = said(command, server.url(name_of(url), "stranger"))
    assert code == 1
    assert "permission denied" in line
    assert list(tmp_path.iterdir()) == []


def test_a_user_who_may_only_read_makes_a_backup_all_the_same(server, url, said, caplog, tmp_path):
    name = name_of(url)
    server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", name)
    reader = server.url(name, "reader")
    code, _, line = said("backup", reader)
    assert code == 1
    assert "pg_dump: " in line
    assert list(tmp_path.iterdir()) == []
    server.execute("GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader", name)
    code, out, _ = said("backup", reader)
    assert (code, "new.backup" in out) == (0, True)
    assert "could not be made before the backup: permission denied" in caplog.text
    for command in set(CHANGES) - {"readmit"}:
        before = everything(url)
        code, _, line = said(command, reader)
        assert (code, "permission denied" in line) == (1, True)
        assert everything(url) == before


def test_a_standby_is_backed_up_and_changes_are_refused(server, url, said, caplog):
    server.execute(f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only = on")
    assert said("backup", url)[0] == 0
    assert "read-only transaction (a standby" in caplog.text
    for command in set(CHANGES) - {"readmit"}:
        code, _, line = said(command, url)
        assert (code, "in a read-only transaction" in line) == (1, True)


def test_a_backup_beside_another_one_goes_on_without_new_months(server, url, said, caplog):
    """pg_dump holds what it reads against new tables for a month."""
    import psycopg

    with psycopg.connect(url) as dump:
        dump.execute("LOCK TABLE hits, hits_default, exposures, exposures_default IN SHARE MODE")
        assert said("backup", url)[0] == 0
    assert "another session holds what is needed" in caplog.text


def test_a_restore_needs_a_place_that_is_empty_of_anybodys_tables(server, url, said, tmp_path):
    backed_up(url, tmp_path)
    other = server.create()
    server.execute("CREATE TABLE things (x int)", name_of(other))
    code, _, line = said("restore", other)
    assert (code, "holds the table 'things' already" in line) == (1, True)
    weak = server.url(name_of(server.create()), "stranger")
    code, _, line = said("restore", weak)
    assert (code, "permission denied for schema public" in line) == (1, True)


@pytest.mark.parametrize("command", ["backup", "rename", "rigs"])
def test_a_database_whose_facts_make_no_sense_is_another_programs(server, said, command):
    for facts in ("('program', 'cosmic-edge collector'), ('schema', '4b')",
                  "('program', 'cosmic-edge collector'), ('schema', '²')",
                  "('program', 'cosmic-edge collector')"):  # fmt: skip
        url = server.create()
        server.execute("CREATE TABLE store (name text, value text)", name_of(url))
        server.execute(f"INSERT INTO store VALUES {facts}", name_of(url))
        code, _, line = said(command, url)
        assert (code, "tables of another program" in line) == (1, True)


def test_a_user_who_may_use_no_schema_is_told_so(server, url, said):
    server.execute("REVOKE ALL ON SCHEMA public FROM public", name_of(url))
    for command in ("backup", "rigs"):
        code, _, line = said(command, server.url(name_of(url), "stranger"))
        assert (code, "no schema that this user may use" in line) == (1, True)


@contextlib.contextmanager
def dying_once(server, what):
    """Kill the server once somebody waits in it."""
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE {what}"
    done = threading.Event()

    def work():
        done.found = eventually(lambda: server.execute(waiting) == [(1,)], 20)
        server.kill()
        done.set()

    killer = threading.Thread(target=work)
    killer.start()
    try:
        yield done
    finally:
        killer.join()
        server.start()


@pytest.mark.parametrize("command", [*CHANGES, "backup"])
def test_a_database_that_dies_midway_is_one_line_and_nothing_half_done(
    server, url, said, command, tmp_path
):
    import psycopg

    before = everything(url)
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url) as other:
        other.execute(
            "LOCK TABLE rigs, ledger, fleet, quarantine, hits_default IN ACCESS EXCLUSIVE MODE"
        )
        with dying_once(server, "wait_event_type = 'Lock'") as died:
            code, _, line = said(command, url)
    assert died.found
    assert (code, line.startswith("cosmic-edge: ")) == (1, True)
    assert everything(url) == before
    assert list(Path(tmp_path).iterdir()) == []


def test_a_database_that_dies_in_a_restore_is_empty_afterwards(server, url, said, tmp_path):
    backed_up(url, tmp_path)
    target = server.create()
    server.execute(
        "CREATE FUNCTION slowly() RETURNS event_trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM pg_sleep(20); END $$",
        name_of(target),
    )
    server.execute(
        "CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE VIEW')"
        " EXECUTE FUNCTION slowly()",
        name_of(target),
    )
    with dying_once(server, "wait_event = 'PgSleep'") as died:
        code, _, line = said("restore", target)
    assert died.found
    assert (code, line.startswith("cosmic-edge: pg_restore: ")) == (1, True)
    assert rows(target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    server.execute("DROP EVENT TRIGGER slow", name_of(target))
    assert said("restore", target)[0] == 0


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_command_that_is_told_to_end_leaves_nothing_behind(
    server, url, arguments, command, tmp_path
):
    """Neither a half file, nor a pg_dump that goes on by itself."""
    import psycopg

    backed_up(url, tmp_path)
    files = sorted(one.name for one in tmp_path.iterdir())
    name = name_of(url if command == "backup" else server.create())
    with psycopg.connect(server.url(name)) as other:
        # pg_dump waits for the table, and pg_restore for one of the same name.
        other.execute("LOCK TABLE hits" if command == "backup" else "CREATE TABLE hits (x int)")
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.cli.main", *arguments(command, server.url(name))],
            stderr=subprocess.PIPE,
            text=True,
        )
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        assert eventually(lambda: server.execute(waiting) == [(1,)], 30)
        process.terminate()
        assert process.communicate(timeout=20)[1].splitlines()[-1] == "cosmic-edge: interrupted"
        assert process.returncode == 1
        assert sorted(one.name for one in tmp_path.iterdir()) == files
        other.rollback()
    busy = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    assert eventually(lambda: server.execute(busy) == [(0,)], 30)
    assert sorted(one.name for one in tmp_path.iterdir()) == files
    if command == "restore":
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert server.execute(query, name) == [(0,)]
