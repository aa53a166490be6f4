"""A rig that goes silent is told once, and so is its return: real broker, rig, collector."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from edge.cli.main import main
from edge.server.brokers import find_mosquitto
from edge.server.store import open_store
from tests.brokers import mosquitto
from tests.edge.metrics.scrapes import scrape, total, value
from tests.edge.server.conftest import ENGINES
from tests.edge.server.databases import arrival, execute, fresh
from tests.edge.server.rigs import RIG, eventually

PROGRAM = [sys.executable, "-m", "edge.cli.main"]
SOURCE = "sim:?hits_per_min=900&width=160&height=120&fps=60&seed=1"
QUICK = ("--silent-after-s", "6", "--offline-after-s", "1", "--every-s", "0.2")
needs_mosquitto = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]


@contextmanager
def running(*arguments, folder, name="process"):
    """A command of ours, its words in a file; killed at the end where it still runs."""
    output = folder / f"{name}.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    process.words = output.read_text
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def rig(broker, folder):
    config = folder / "rig.toml"
    config.write_text("[exposure]\nperiod_s = 1\n[calibration]\nframes = 30\n")
    arguments = ["--config", str(config), "--source", SOURCE, "--broker", broker.url]
    more = ["--rig", "attic-1", "--state-dir", str(folder / "state")]
    with running("run", *arguments, *more, folder=folder, name="rig") as process:
        yield process


class TestLive:
    pytestmark = needs_mosquitto

    @pytest.mark.parametrize("engine", ENGINES)
    def test_a_killed_rig_is_an_alarm_once_and_its_return_clears_it_once(
        self, engine, tmp_path, request
    ):
        db = fresh(engine, tmp_path, request)
        with (
            mosquitto() as broker,
            running("collect", "--broker", broker.url, "--db", db, folder=tmp_path, name="c"),
            rig(broker, tmp_path) as first,
        ):
            assert eventually(lambda: heard(db), 60), first.words()
            watch = ["server", "watch", "--db", db, "--broker", broker.url, *QUICK]
            with running(*watch, "--metrics", "0", folder=tmp_path, name="watch") as process:
                assert eventually(lambda: "metrics at" in process.words())
                url = re.search(r"http\S+", process.words())[0]
                assert eventually(lambda: states(url).get("reporting") == 1)
                assert value(scrape(url), "cosmic_edge_rigs_silent") == 0
                first.kill()
                assert eventually(lambda: states(url).get("offline") == 1)
                found = scrape(url)
                assert value(found, "cosmic_edge_rigs_silent") == 1
                silent = "cosmic_edge_rig_silent_seconds"
                assert value(found, silent, rig="attic-1", state="offline") > 1
                time.sleep(1.5)  # several looks more
                with rig(broker, tmp_path):
                    assert eventually(lambda: states(url).get("reporting") == 1, 60)
                    assert eventually(lambda: "is back" in process.words())
                    time.sleep(0.5)
                    found = scrape(url)
                words = process.words()
        assert words.count("ALARM attic-1 is offline: the broker lost it") == 1
        assert words.count("over: attic-1 is back") == 1
        assert value(found, "cosmic_edge_watch_alarms_total") == 1
        assert value(found, "cosmic_edge_watch_alarms_cleared_total") == 1
        assert total(found, silent) == 0

    def test_one_look_for_cron_has_an_exit_code_and_tells_each_alarm_once(self, tmp_path, capsys):
        db, told = str(tmp_path / "c.db"), str(tmp_path / "told.json")
        with mosquitto() as broker:
            store(db, 10_000)
            look = ["server", "watch", "--once", "--db", db, "--broker", broker.url]
            assert main([*look, "--told", told]) == 1
            assert f"ALARM {RIG} is silent: nothing for 3 h" in capsys.readouterr().out
            assert main([*look, "--told", told]) == 1
            assert capsys.readouterr().out == ""
            store(db, 0)
            assert main([*look, "--told", told]) == 0
            assert capsys.readouterr().out == f"over: {RIG} is back\n"


def heard(db):
    try:
        opened = open_store(db, make=False)
    except Exception:
        return False  # the collector is about to make it
    try:
        return bool(opened.seen())
    finally:
        opened.close()


def states(url):
    return {
        dict(labels)["state"]: number
        for (name, labels), number in scrape(url).items()
        if name == "cosmic_edge_rigs"
    }


def store(db, ago_s):
    opened = open_store(db)
    opened.commit([arrival("hit", 1)])
    opened.close()
    modifier = f"-{ago_s} seconds"
    execute(db, f"UPDATE rigs SET seen_utc = strftime('%Y-%m-%dT%H:%M:%S', 'now', '{modifier}')"
                " || '.000000000Z'")  # fmt: skip


def test_json_lists_every_rig_and_the_alarm_goes_to_standard_error(tmp_path, capsys):
    db = str(tmp_path / "c.db")
    store(db, 10_000)
    assert main(["server", "watch", "--once", "--db", db, "--json"]) == 1
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    [one] = answer["rigs"]
    assert (answer["silent"], one["rig"], one["state"], one["alarm"]) == (1, RIG, "silent", True)
    assert one["quiet_s"] == pytest.approx(10_000, abs=60)
    assert "ALARM" in printed.err


def test_all_silent_at_once_is_told_as_one_thing_and_a_few_lines(tmp_path, capsys):
    db = str(tmp_path / "c.db")
    opened = open_store(db)
    opened.commit([arrival("exposure", 1, rig=f"rig-{number:03}") for number in range(200)])
    opened.close()
    store(db, 10_000)
    assert main(["server", "watch", "--once", "--db", db]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "none of 201 rigs is heard: look at broker" in lines[0]
    assert len(lines) == 22
    assert lines[-1] == "... and 181 rigs more"


def test_a_rig_that_is_ignored_or_long_gone_is_no_alarm(tmp_path, capsys):
    db = str(tmp_path / "c.db")
    store(db, 10_000)
    look = ["server", "watch", "--once", "--db", db]
    assert main([*look, "--ignore", RIG]) == 0
    assert main([*look, "--forget-after-days", "0.01"]) == 0
    assert "none silent" in capsys.readouterr().out


def test_a_rig_that_was_revoked_is_meant_to_be_silent(tmp_path, capsys):
    db = str(tmp_path / "c.db")
    store(db, 10_000)
    assert main(["server", "revoke", RIG, "--db", db]) == 0
    assert main(["server", "watch", "--once", "--db", db]) == 0
    assert main(["server", "readmit", "--db", db]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--db", "DB/missing.db"], 1, "no such file"),
        (["--db", "DB/c.db", "--broker", "mqtt://127.0.0.1:1", "--once"], 1, "no broker at"),
        (["--db", "DB/c.db", "--once", "--metrics", "0"], 2, "leave --metrics"),
        (["--db", "DB/c.db", "--once", "--told", "DB/c.db"], 1, "no list of told alarms"),
        (["--db", "DB/c.db", "--silent-after-s", "0"], 2, "silent-after-s"),
        (["--db", "DB/c.db", "--metrics", "x"], 2, "[HOST:]PORT"),
    ],
)
def test_bad_use_is_one_line(tmp_path, capsys, monkeypatch, more, code, words):
    monkeypatch.setattr("edge.cli.watch._SETTLE_S", 1.0)
    store(str(tmp_path / "c.db"), 0)
    assert main(["server", "watch", *(one.replace("DB", str(tmp_path)) for one in more)]) == code
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if words in line]
    assert not [line for line in said if "Traceback" in line or "internal" in line]


def test_a_database_that_is_away_raises_and_clears_nothing(tmp_path, caplog):
    from edge.server.alarms import Alarms
    from edge.server.presence import Limits
    from edge.server.store import StoreUnavailableError
    from edge.server.watch import Watch

    db = str(tmp_path / "c.db")
    store(db, 10_000)
    opened, told = open_store(db), []
    watch = Watch(opened, Limits(), Alarms(), lambda change, look: told.append(change))
    assert watch.look() is not None
    away = [True]
    real = opened.seen
    opened.seen = lambda: (_ for _ in ()).throw(StoreUnavailableError("locked")) if away else real()
    assert watch.look() is watch.look() is None
    assert (watch.ailment, caplog.text.count("locked")) == ("locked", 1)
    assert len(watch.last.silent) == 1  # what is known stays known
    away.clear()
    assert watch.look() is not None
    assert (watch.ailment, len(told)) == ("", 1)
    opened.close()
