"""The whole way on one computer: hits found, published, acknowledged and stored in equal number."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from edge.config.load import load_config
from edge.demo import Demo
from edge.display.live import LiveDisplay
from edge.server.brokers import find_mosquitto

SOURCE = "sim:?hits_per_min=600&width=160&height=120&fps=60&seed=2"


def assert_whole(summary: dict[str, object]) -> None:
    assert summary["hits"]
    assert summary["hits"] == summary["published"]
    assert summary["hits"] == summary["acknowledged"]
    assert summary["hits"] == summary["stored"]
    assert summary["outbox"] == 0
    assert summary["unstored"] == 0
    assert summary["expected"] == summary["received"] + summary["missing"]  # type: ignore[operator]
    assert summary["received"] == sum(
        int(summary[name])  # type: ignore[call-overload]
        for name in ("processed", "calibrating", "uncovered", "dropped", "bad")
    )
    assert summary["candidates"] == summary["hits"] + sum(summary["rejected"].values())  # type: ignore[attr-defined, operator]


@pytest.mark.parametrize("broker", ["mosquitto", "amqtt"])
def test_every_hit_of_the_demo_is_in_the_database(broker: str, tmp_path: Path) -> None:
    if broker == "mosquitto" and find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    if broker == "amqtt":
        pytest.importorskip("amqtt", reason="the extra `demo` is not installed")
    config = load_config(None, {"source.url": SOURCE, "calibration.frames": 60})
    display = LiveDisplay(Console(stderr=True))
    demo = Demo(config, display, state_dir=tmp_path, broker=broker)
    summary = demo.run(threading.Event(), 6)
    assert summary["broker"] == broker
    assert_whole(summary)


def test_ctrl_c_drains_and_ends_with_the_summary() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge.cli.main", "demo", "--source", SOURCE, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
        start_new_session=True,
    )
    time.sleep(7)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert_whole(json.loads(out))


def test_a_kept_state_folder_goes_on_where_it_was(tmp_path: Path) -> None:
    config = load_config(None, {"source.url": SOURCE, "calibration.frames": 60})
    display = LiveDisplay(Console(stderr=True))
    summaries = [
        Demo(config, display, state_dir=tmp_path).run(threading.Event(), 4) for _ in range(2)
    ]
    for summary in summaries:
        assert_whole(summary)
    first, second = summaries
    assert first["epoch"] == second["epoch"]
    assert first["calibrating"] > 0 == second["calibrating"]
    assert first["calibration_id"] == second["calibration_id"]
