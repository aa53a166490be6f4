"""A simulated fleet loses its connections, its broker and its collector, and no hit."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.delivery import BrokerAddress
from edge.fleet.fleet import Fleet, Rehearsal
from edge.fleet.made import MadeHits
from edge.messages import HitMessage, encode, envelope, parse_message
from tests.brokers import Mosquitto, mosquitto
from tests.edge.server.collectors import collecting as subscribed


@contextmanager
def collecting(broker: Mosquitto, database: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge.cli.main", "collect", "--broker", broker.url,
         "--db", str(database)],
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def stored(database: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(database) as db:
        return db.execute("SELECT rig, seq FROM messages WHERE kind = 'hit'").fetchall()


def rehearse(
    plan: Rehearsal, broker: Mosquitto, folder: Path, meanwhile: threading.Thread | None = None
) -> dict:
    fleet = Fleet(plan, BrokerAddress.parse(broker.url, environ={}), folder)
    if meanwhile is not None:
        meanwhile.start()
    try:
        return fleet.run(lambda: False)
    finally:
        fleet.close()


@pytest.mark.parametrize("crop_px", [16, 60])
def test_its_hits_are_messages_like_any_rigs(crop_px: int) -> None:
    made = MadeHits(crop_px)
    for n in range(5):
        body = made.draft(n).body
        whole = envelope(
            "hit", body, rig="a", epoch="e" * 16, seq=n + 1, floor=1, origin="simulation"
        )
        assert isinstance(parse_message(encode(whole)), HitMessage)


@pytest.mark.mosquitto
def test_every_hit_of_every_rig_is_stored_once_over_outages(tmp_path: Path) -> None:
    plan = Rehearsal(30, 20, over_s=3, outages=2, away_s=0.3, ack_timeout_s=1, patience_s=60)
    with mosquitto() as broker, collecting(broker, tmp_path / "server.sqlite"):
        summary = rehearse(plan, broker, tmp_path / "rigs")
    assert (summary["hits"], summary["acknowledged"], summary["owed"]) == (600, 600, 0)
    assert summary["cuts"] > 10
    assert summary["connections"] >= 30 + summary["cuts"] - 30
    found = stored(tmp_path / "server.sqlite")
    assert len(found) == len(set(found)) == 600


@pytest.mark.mosquitto
def test_a_broker_that_dies_and_comes_back_is_found_again_by_all(tmp_path: Path) -> None:
    plan = Rehearsal(20, 10, over_s=3, ack_timeout_s=1, patience_s=60)
    with mosquitto() as broker, collecting(broker, tmp_path / "server.sqlite"):

        def fail() -> None:
            time.sleep(1)
            broker.kill()
            time.sleep(0.5)
            broker.start()

        summary = rehearse(plan, broker, tmp_path / "rigs", threading.Thread(target=fail))
    assert (summary["acknowledged"], summary["owed"], summary["lost"]) == (200, 0, 0)
    assert len(set(stored(tmp_path / "server.sqlite"))) == 200


@pytest.mark.mosquitto
def test_without_a_server_all_is_owed_and_kept_for_the_next_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["fleet", "--rigs", "3", "--hits", "2", "--over", "0", "--patience", "1"]
    arguments += ["--state-dir", str(tmp_path / "rigs"), "--json"]
    with mosquitto() as broker:
        assert main([*arguments, "--broker", broker.url]) == 1
        said = capsys.readouterr()
        assert json.loads(said.out)["owed"] == 6
        assert said.err.count("\n") == 1
        # It listens before the rigs come: what nobody hears is sent again after 30 s only.
        with subscribed(broker.url, tmp_path / "server.sqlite"):
            arguments[arguments.index("1")] = "60"
            assert main([*arguments, "--broker", broker.url]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["hits"], summary["acknowledged"], summary["owed"]) == (12, 12, 0)
    found = stored(tmp_path / "server.sqlite")
    assert len(found) == len(set(found)) == 12


@pytest.mark.prove
@pytest.mark.mosquitto
@pytest.mark.timeout(900)
def test_a_thousand_rigs_that_come_at_once_are_all_served(tmp_path: Path) -> None:
    plan = Rehearsal(1000, 10, over_s=0, patience_s=600)
    with mosquitto() as broker, collecting(broker, tmp_path / "server.sqlite"):
        summary = rehearse(plan, broker, tmp_path / "rigs")
    print(summary)
    assert (summary["acknowledged"], summary["owed"]) == (10_000, 0)
    assert len(set(stored(tmp_path / "server.sqlite"))) == 10_000
