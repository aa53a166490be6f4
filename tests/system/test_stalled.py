"""A rig that stood still, and a camera that gave nothing: two causes of one loss."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FPS, FRAMES = 30, 270
PERIOD_S = 1 / FPS
STOP_S = 2.0
# What a late reader still finds in the driver, the frame in hand, and what a busy computer adds.
SLACK_S = 8 * PERIOD_S
SOURCE = f"sim:?width=64&height=48&seed=2&hits_per_min=60&fps={FPS}&frames={FRAMES}"

# The real session, without a broker: what is owed at the end is not waited for.
CHILD = """
import json, sys, threading
from edge.config.load import load_config
from edge.delivery import BrokerAddress
from edge.live import session
from edge.sources import open_source

session.DRAIN_S = 0.1
told = []

def watch(moment):
    if moment.state == "watching" and not told:
        told.append(True)
        print("watching", flush=True)

config = load_config(None, {"calibration.frames": 30, "rig.state_dir": sys.argv[1]})
broker = BrokerAddress.parse("mqtt://127.0.0.1:9")
run = session.Session(config, open_source(sys.argv[2]), broker, watch=watch)
print(json.dumps(run.run(threading.Event())), flush=True)
"""


def start(state: Path, source: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(state), source],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def summary_of(child: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    summary = json.loads(out.splitlines()[-1])
    assert isinstance(summary, dict)
    return summary


def check_sums(summary: dict[str, Any]) -> None:
    """From the first frame to the last every frame and every nanosecond is in one bin."""
    assert summary["expected"] == summary["received"] + summary["missing"] == FRAMES
    period_ns = round(1e9 / FPS)
    exposure_ns = round(0.99e9 / FPS)
    span_ns = (FRAMES - 1) * period_ns + exposure_ns
    assert round((summary["live_time_s"] + summary["dead_time_s"]) * 1e9) == span_ns


@pytest.mark.timeout(120)
def test_frames_lost_while_the_process_was_stopped_are_its_own(tmp_path: Path) -> None:
    child = start(tmp_path, SOURCE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "watching\n"
        time.sleep(0.5)
        child.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        time.sleep(STOP_S)
        child.send_signal(signal.SIGCONT)
        stopped_s = time.monotonic() - stopped
        summary = summary_of(child)
    finally:
        child.kill()
    check_sums(summary)
    dead = summary["dead_time_by_cause_s"]
    assert stopped_s - SLACK_S < dead["stalled"] < stopped_s + SLACK_S
    assert dead.get("missing", 0.0) < SLACK_S
    lost_s = dead["stalled"] + dead.get("missing", 0.0)
    assert 0 <= lost_s - summary["missing"] * PERIOD_S < SLACK_S


@pytest.mark.timeout(120)
def test_frames_a_camera_never_gave_are_missing(tmp_path: Path) -> None:
    child = start(tmp_path, f"{SOURCE}&hang_at_s=5&hang_s={STOP_S}")
    summary = summary_of(child)
    check_sums(summary)
    dead = summary["dead_time_by_cause_s"]
    assert dead["missing"] > STOP_S - SLACK_S
    assert dead.get("stalled", 0.0) < SLACK_S
