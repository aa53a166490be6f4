"""`cosmic-edge collect` as processes: killed, doubled, out of disk, stopped; nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from edge.server.brokers import EmbeddedBroker, find_mosquitto
from tests.edge.server.rigs import EPOCH, Rig, eventually, payload

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto"),
]


@pytest.fixture
def broker():
    with EmbeddedBroker(prefer="mosquitto") as broker:
        yield broker


MAIN = ("-m", "edge.cli.main")
HASTY = """
import sys
import edge.server.collector
from edge.cli.main import main
edge.server.collector.DRAIN_S = 0.3
sys.exit(main())
"""


@contextlib.contextmanager
def collect(broker, path, *options, program=MAIN, **settings):
    """The command in a process of its own."""
    command = [sys.executable, *program, "collect", "--broker", broker.url]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(
        [*command, "--db", str(path), *options], text=True, **(pipes | settings)
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def rows(path, query):
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def stored(path):
    try:
        return rows(path, "SELECT count(*) FROM hits")[0][0]
    except sqlite3.OperationalError:  # no tables yet
        return 0


def collects(rig):
    """Whether somebody answers."""
    rig.send(payload("hit", 1, rig=rig.name))
    return eventually(lambda: rig.upto >= 1, 0.3)


def end(process, signal_number=signal.SIGTERM):
    """Stop it and read its summary."""
    process.send_signal(signal_number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    return json.loads(out)


def hits(name, count):
    return [("hit", seq, payload("hit", seq, rig=name)) for seq in range(1, count + 1)]


def test_one_of_two_that_share_is_killed_and_every_hit_is_stored_once(broker, tmp_path):
    path, total = tmp_path / "c.db", 1500
    options = ("--share", "workers", "--json")
    with (
        collect(broker, path, *options) as one,
        collect(broker, path, *options) as two,
        Rig(broker.url) as rig,
    ):
        assert eventually(lambda: collects(rig))
        time.sleep(0.5)  # the slower of the two
        messages = hits(rig.name, total)
        random.Random(1).shuffle(messages)
        delivered = []
        work = threading.Thread(target=lambda: delivered.append(rig.deliver(messages, 60)))
        work.start()
        assert eventually(lambda: stored(path) > 50)
        one.send_signal(signal.SIGKILL)
        work.join()
        assert delivered == [True]
        assert rig.upto == total
        summary = end(two)
    assert summary["received"] == sum(
        summary[key] for key in ("stored", "duplicates", "quarantined")
    )
    assert summary["quarantined"] == 0
    assert rows(path, "SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM hits") == [
        (total, total, 1, total)
    ]
    assert rows(path, "SELECT count(*) FROM messages") == [(total,)]


def test_a_lone_collector_that_is_killed_goes_on_where_it_was(broker, tmp_path):
    """Its queue waited at the broker: the rig, which sends once, need not know."""
    path, total = tmp_path / "c.db", 1000
    with Rig(broker.url) as rig:
        with collect(broker, path, "--json") as first:
            assert eventually(lambda: collects(rig))
            for kind, _, data in hits(rig.name, total):
                rig.send(data, kind)
            assert eventually(lambda: stored(path) > 50)
            first.send_signal(signal.SIGKILL)
            first.wait()
        before = stored(path)
        with collect(broker, path, "--json") as second:
            assert eventually(lambda: rig.upto == total)
            summary = end(second)
    assert before + summary["stored"] == total
    assert stored(path) == total


def test_a_disk_that_fills_up_is_waited_out(broker, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    size = ["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(size, capture_output=True, check=False).returncode:
        pytest.skip("needs root, for a small disk")
    path, total = disk / "c.db", 200
    try:
        with collect(broker, path, "--json") as process, Rig(broker.url) as rig:
            assert eventually(lambda: collects(rig))
            for kind, _, data in hits(rig.name, total):
                rig.send(data, kind)
            line = process.stderr.readline()
            assert "full" in line
            assert "trying again" in line
            assert rig.upto < total
            assert process.poll() is None
            larger = ["mount", "-o", "remount,size=32m", str(disk)]
            subprocess.run(larger, check=True)
            assert eventually(lambda: rig.upto == total)
            summary = end(process, signal.SIGINT)
        assert (summary["stored"], summary["unsettled"]) == (total, 0)
        assert stored(path) == total
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_stays_full_ends_with_what_is_owed(broker, tmp_path):
    path = tmp_path / "c.db"
    hasty = collect(broker, path, "--json", program=("-c", HASTY))
    with hasty as process, Rig(broker.url) as rig:
        assert eventually(lambda: collects(rig))
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        rig.send(payload("hit", 2, rig=rig.name))
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        lock.execute("ROLLBACK")
        lock.close()
    assert process.returncode == 1
    assert json.loads(out)["unsettled"] == 1
    assert "locked" in err
    assert "1 messages could not be stored; the rigs keep them" in err
    assert "Traceback" not in err


def test_duration_ends_it_with_one_json_object(broker, tmp_path):
    path = tmp_path / "c.db"
    with collect(broker, path, "--duration", "1.5", "--json") as process, Rig(broker.url) as rig:
        assert eventually(lambda: collects(rig))
        rig.send(b"garbage", properties={"epoch": EPOCH, "seq": "2", "floor": "1"})
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert err == ""
    assert len(out.splitlines()) == 1
    summary = json.loads(out)
    assert summary["received"] == summary["stored"] + summary["duplicates"] + 1
    assert (summary["stored"], summary["quarantined"]) == (1, 1)
    assert 1.5 <= summary["duration_s"] < 5


def test_a_terminal_shows_one_line_that_moves_and_a_summary(broker, tmp_path):
    screen, terminal = pty.openpty()
    settings = {"stderr": terminal, "env": os.environ | {"TERM": "xterm", "COLUMNS": "100"}}
    with collect(broker, tmp_path / "c.db", **settings) as process, Rig(broker.url) as rig:
        os.close(terminal)
        assert eventually(lambda: collects(rig))
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out = process.communicate(timeout=20)[0]
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal says that the other side has gone
            while chunk := os.read(screen, 65536):
                shown += chunk
    os.close(screen)
    assert process.returncode == 0
    assert "collecting · ".encode() in shown
    assert b"1 stored" in shown
    assert "1 stored" in out
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--broker", "http://box", "--db", "c.db"], 2, "no broker URL"),
        (["--broker", "mqtt://box", "--db", "postgresql://a@b@c/hits"], 2, "write special"),
        (["--broker", "mqtt://box", "--db", "c.db", "--share", "a/b"], 2, "share"),
        (["--broker", "mqtt://box", "--db", "missing/c.db"], 1, "no folder"),
        (["--broker", "mqtt://127.0.0.1:1", "--db", "c.db", "--duration", "0.5"], 1, "refused"),
        (["--broker", "mqtt://box", "--db", "c.db", "--duration", "-1"], 2, "duration"),
        (["--db", "c.db"], 2, "--broker"),
    ],
)
def test_bad_use_is_one_line_and_an_exit_code(options, code, says, tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "edge.cli.main", "collect", *options],
        capture_output=True, text=True, cwd=tmp_path, check=False, timeout=30,
    )  # fmt: skip
    assert run.returncode == code
    lines = run.stderr.splitlines()
    assert says in lines[-1]
    assert lines[-1].startswith("cosmic-edge: ")
    assert "Traceback" not in run.stderr
