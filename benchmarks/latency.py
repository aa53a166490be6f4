"""How long a hit takes from its frame to the server's commit: ``python -m benchmarks.latency``.

A real rig with a simulated camera at one hit a second, a real mosquitto with TLS, a real collector
and a PostgreSQL that waits for its disk, all on this computer and by its clock. What is measured
ends when the commit has returned and begins when the hit's row was exposed; the hold, which a hit
waits for by intention, is told apart: so many frames as `[hold] frames` says.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.messages import HitMessage, parse_utc_ns
from edge.server.collector import Collector
from edge.server.store import Receipt, Store, open_store
from tests.brokers import encrypted, free_port, mosquitto
from tests.postgres import Postgres, why_not

HOLD_FRAMES = 3
FPS = 10.0
_HITS_PER_MIN = 60
_LEARN_FRAMES = 60
_START_S = 30.0
_CONFIG = """\
[rig]
name = "latency-1"
state_dir = "{folder}/state"
[source]
url = "sim:?width=320&height=240&fps={fps}&hits_per_min={hits_per_min}&seed=5"
[broker]
url = "mqtts://localhost:{port}?ca_file={folder}/cert.pem"
[calibration]
frames = {learn}
[hold]
frames = {hold}
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from a hit's exposure to its commit, the hold taken off.

    Attributes
    ----------
    engine : str
        Database.
    hits : int
        How many were measured: all that the rig made.
    hold_s : float
        What was taken off.
    p50_s, p90_s, p99_s, max_s : float
    commit_p99_s : float
        Of the collector's transactions alone, which are part of it.
    """

    engine: str
    hits: int
    hold_s: float
    p50_s: float
    p90_s: float
    p99_s: float
    max_s: float
    commit_p99_s: float


class Noted:
    """What a collector tells of each of its commits."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []
        """Of each hit, from the end of its exposure to the commit that stored it."""
        self.commits_s: list[float] = []

    def note(self, receipt: Receipt, seconds: float) -> None:
        """Take a commit that has just returned."""
        now_ns = time.time_ns()
        self.commits_s.append(seconds)
        self.waits_s += [
            (now_ns - parse_utc_ns(one.window_end_utc)) * 1e-9
            for one in receipt.kept
            if isinstance(one, HitMessage)
        ]


def measure(seconds: float, database: str, folder: Path) -> tuple[Latency, dict[str, Any]]:
    """Run a rig for so long; the latencies, and the rig's own summary.

    Raises
    ------
    RuntimeError
        The rig or the collector failed.
    """
    port = free_port()
    store, noted = open_store(database), Noted()
    with (
        mosquitto(options=encrypted(folder, port)) as broker,
        _collecting(f"mqtts://localhost:{port}?ca_file={folder}/cert.pem", store, noted),
    ):
        assert broker.port != port
        summary = _run_rig(seconds, port, folder)
    hold_s = HOLD_FRAMES / FPS
    waits_s = np.array(sorted(noted.waits_s)) - hold_s
    if not waits_s.size:
        raise RuntimeError(f"no hit came: {summary}")
    p50_s, p90_s, p99_s = (float(one) for one in np.percentile(waits_s, (50, 90, 99)))
    numbers = (hold_s, p50_s, p90_s, p99_s, float(waits_s[-1]))
    commit_s = float(np.percentile(noted.commits_s, 99))
    rounded = [round(one, 3) for one in (*numbers, commit_s)]
    return Latency(store.engine, len(waits_s), *rounded), summary


@contextlib.contextmanager
def _collecting(url: str, store: Store, noted: Noted) -> Iterator[None]:
    collector, stop = Collector(url, store, noted=noted.note), threading.Event()
    thread = threading.Thread(target=collector.run, args=(stop,))
    thread.start()
    try:
        if not collector.wait_subscribed(_START_S):
            raise RuntimeError(f"collector: {collector.state}")
        yield
    finally:
        stop.set()
        thread.join()
        store.close()


def _run_rig(seconds: float, port: int, folder: Path) -> dict[str, Any]:
    path = folder / "rig.toml"
    path.write_text(
        _CONFIG.format(
            folder=folder, fps=FPS, hits_per_min=_HITS_PER_MIN, port=port,
            learn=_LEARN_FRAMES, hold=HOLD_FRAMES,
        )
    )  # fmt: skip
    command = [sys.executable, "-m", "edge.cli.main", "run", "--config", str(path), "--json"]
    duration = ["--duration", str(seconds + _LEARN_FRAMES / FPS)]
    done = subprocess.run([*command, *duration], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the rig: {done.stderr.strip()[-500:]}")
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description="From frame to commit, at one hit a second.")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--sqlite", action="store_true", help="into SQLite, not PostgreSQL")
    options = parser.parse_args(arguments)
    if not options.sqlite and (reason := why_not()):
        raise SystemExit(reason)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        database = f"{name}/collector.db"
        if not options.sqlite:
            server = Postgres(durable=True)
            stack.callback(server.stop)
            database = server.create()
        latency, summary = measure(options.seconds, database, Path(name))
    print(json.dumps({**asdict(latency), "rig_hits": summary["hits"]}))


if __name__ == "__main__":
    main()
