"""`cosmic-edge collect` into PostgreSQL as processes: killed, and the database with them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from edge.cli.main import main
from edge.cli.shared import check_database_url
from edge.server.brokers import EmbeddedBroker, find_mosquitto
from edge.server.layout import STEPS
from tests.edge.server.databases import rows
from tests.edge.server.rigs import Rig, eventually, payload
from tests.postgres import why_not

NEWEST = len(STEPS)
"""Version of the tables."""

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.postgresql,
    pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto"),
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here"),
]
WITHOUT_PSYCOPG = """
import sys
sys.modules["psycopg"] = None
from edge.cli.main import main
sys.exit(main())
"""


def command(broker, db, *options, program=("-m", "edge.cli.main")):
    line = [sys.executable, *program, "collect", "--broker", broker, "--db", db, *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, text=True, env={**os.environ}, **pipes)


def test_two_collectors_one_of_them_killed_and_the_database_too_and_every_hit_is_there_once(
    postgres,
):
    total, url = 1200, postgres.create()
    options = ("--share", "workers", "--json")
    with EmbeddedBroker(prefer="mosquitto") as broker, Rig(broker.url) as rig:
        workers = [command(broker.url, url, *options) for _ in range(2)]
        try:
            assert eventually(lambda: rig.send(payload("hit", 1)) or rig.upto >= 1)
            delivered = []
            messages = [("hit", seq, payload("hit", seq)) for seq in range(1, total + 1)]
            sender = threading.Thread(target=lambda: delivered.append(rig.deliver(messages, 90)))
            sender.start()
            assert eventually(lambda: rig.upto > 50)
            workers[0].send_signal(signal.SIGKILL)
            postgres.kill()
            postgres.start()
            sender.join()
            workers[1].send_signal(signal.SIGTERM)
            out, err = workers[1].communicate(timeout=20)
        finally:
            for worker in workers:
                worker.kill()
                worker.communicate()
    assert delivered == [True]
    assert workers[1].returncode == 0, err
    summary = json.loads(out)
    assert summary["received"] == summary["stored"] + summary["duplicates"]
    assert (summary["engine"].split()[0], summary["schema"]) == ("PostgreSQL", NEWEST)
    assert "Traceback" not in err
    assert rows(url, "SELECT count(*), count(DISTINCT seq), max(seq) FROM hits") == [
        (total, total, total)
    ]
    assert rows(url, "SELECT count(*) FROM messages") == [(total,)]


def test_it_says_where_to_it_stores(postgres):
    with EmbeddedBroker(prefer="mosquitto") as broker:
        worker = command(broker.url, postgres.create(), "--duration", "0.5")
        _, err = worker.communicate(timeout=30)
    assert worker.returncode == 0
    assert "cosmic-edge: storing in PostgreSQL " in err
    assert f", schema {NEWEST}\n" in err


def test_without_psycopg_the_extra_is_named(tmp_path):
    worker = command("mqtt://box", "postgresql://box/db", program=("-c", WITHOUT_PSYCOPG))
    _, err = worker.communicate(timeout=30)
    assert worker.returncode == 1
    assert err == (
        "cosmic-edge: this needs psycopg; install it with: pip install 'cosmic-edge[server]'\n"
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@127.0.0.1:1/hits", "postgres://me:s3/cr@et@[::1]:1/hits",
        "postgresql://me@box/hits?password=s3cret", "postgresql:///hits?user=me&password=s3cret",
    ],
)  # fmt: skip
def test_a_password_on_the_command_line_is_refused_and_not_said_again(url):
    worker = command("mqtt://127.0.0.1:1", url, "--json")
    out, err = worker.communicate(timeout=30)
    assert worker.returncode == 2
    assert "PGPASSWORD" in err
    assert "s3" not in out + err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [["rigs"], ["prune", "--keep-days", "9"], ["backup", "/tmp/no-file"], ["watch", "--once"],
     ["restore", "/tmp/no-file"], ["add", "attic-1"], ["erase", "attic-1", "--yes"]],
)  # fmt: skip
def test_a_password_is_refused_by_every_command_that_looks_after_a_server(words, capsys):
    assert main(["server", *words, "--db", "postgresql://me:s3cret@127.0.0.1:1/hits"]) == 2
    said = capsys.readouterr()
    assert "PGPASSWORD" in said.err
    assert "s3cret" not in said.out + said.err


@pytest.mark.parametrize("url", ["postgresql://me@box:5432/hits", "postgresql://[::1]:5432/hits"])
def test_a_url_without_a_password_is_taken(url):
    assert check_database_url(url) == url
