"""A rig killed in the middle and started again: every hit once at the server, no time unclaimed."""

from __future__ import annotations

import itertools
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.messages.utc import parse_utc_ns
from edge.server.brokers import EmbeddedBroker, find_mosquitto

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]

SOURCE = "sim:?hits_per_min=900&width=160&height=120&fps=60&seed=1"
Row = tuple[object, ...]


@pytest.fixture
def broker() -> Iterator[str]:
    with EmbeddedBroker(prefer="mosquitto") as embedded:
        yield embedded.url


def rows(database: Path, query: str) -> list[Row]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as db:
        return list(db.execute(query))


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except sqlite3.Error:
            pass  # not yet made
        time.sleep(0.05)
    raise AssertionError(f"waited {timeout_s} s for {what}")


def start(*arguments: str, state: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edge.cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], timeout_s: float = 60) -> dict[str, object]:
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=timeout_s)
    assert process.returncode == 0, err
    summary = json.loads(out)
    assert isinstance(summary, dict)
    return summary


def run_arguments(broker: str, state: Path, config: Path) -> list[str]:
    return [
        "run",
        *("--config", str(config), "--source", SOURCE),
        *("--broker", broker, "--rig", "victim", "--state-dir", str(state), "--json"),
    ]


def kill_after(process: subprocess.Popen[str], state: Path, hits: int) -> None:
    """Kill -9 once so many hits are made."""
    before = len(rows(state / "rig.sqlite", "SELECT 1 FROM archive")) if state.exists() else 0
    wait_for(
        lambda: len(rows(state / "rig.sqlite", "SELECT 1 FROM archive")) >= before + hits,
        60,
        f"{hits} hits",
    )
    process.kill()
    process.communicate()


def check(state: Path, database: Path) -> None:
    made = rows(state / "rig.sqlite", "SELECT epoch, seq FROM archive ORDER BY 1, 2")
    stored = rows(database, "SELECT epoch, seq FROM hits ORDER BY 1, 2")
    assert stored == made
    assert len(set(stored)) == len(stored)
    seqs = [seq for (seq,) in rows(database, "SELECT seq FROM messages ORDER BY seq")]
    assert seqs == list(range(1, len(seqs) + 1))


def exposures(database: Path) -> list[dict[str, object]]:
    return [
        json.loads(str(text))
        for (text,) in rows(database, "SELECT message FROM exposures ORDER BY seq")
    ]


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.prove)])
def test_a_killed_rig_delivers_every_hit_once_and_accounts_for_the_gap(
    broker: str, tmp_path: Path, rounds: int
) -> None:
    state, database = tmp_path / "state", tmp_path / "server.sqlite"
    config = tmp_path / "rig.toml"
    outbox = "[outbox]\ngroup_commit_s = 0.2\ncheckpoint_s = 0.2\n"
    config.write_text(f"[calibration]\nframes = 30\n{outbox}")
    collector = start("collect", "--broker", broker, "--db", str(database), "--json", state=state)
    try:
        for number in range(rounds):
            process = start(*run_arguments(broker, state, config), state=state)
            kill_after(process, state, hits=5 + number % 7)
        last = start(*run_arguments(broker, state, config), state=state)
        before = len(rows(state / "rig.sqlite", "SELECT 1 FROM archive"))
        wait_for(
            lambda: len(rows(state / "rig.sqlite", "SELECT 1 FROM archive")) >= before + 3,
            60,
            "hits after the restart",
        )
        summary = finish(last)
        assert summary["outbox"] == 0
        assert summary["drained"]
        check(state, database)
    finally:
        finish(collector)

    records = exposures(database)
    restarts = [r for r in records if r["closed"] == "restart"]
    assert len(restarts) == rounds
    gaps = [r["dead_time_ns"]["restart"] for r in records if "restart" in r["dead_time_ns"]]  # type: ignore[index, operator]
    assert len(gaps) == rounds
    assert all(gap > 0 for gap in gaps)
    for record in records:
        span = parse_utc_ns(str(record["to_utc"])) - parse_utc_ns(str(record["from_utc"]))
        accounted = record["live_time_ns"] + sum(record["dead_time_ns"].values())  # type: ignore[operator, attr-defined]
        # The clock may be slewed within a record; nothing else may separate the two.
        assert abs(span - accounted) < 2_000_000 + span // 1000
    hits = len(rows(database, "SELECT 1 FROM hits"))
    assert sum(int(record["hits"]) for record in records) == hits  # type: ignore[call-overload]
    for earlier, later in itertools.pairwise(records):
        assert (
            parse_utc_ns(str(later["from_utc"])) >= parse_utc_ns(str(earlier["to_utc"])) - 2_000_000
        )
