"""A live rig's memory: no more than a small computer has to spare, and no more later than soon.

What is held is anonymous memory: pages that nothing but the process stands for. The recording is
mapped and counts for nothing.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.bench.dark import SHALLOW
from edge.bench.processes import memory_mb
from edge.bench.recorded import learned, write_dark
from edge.config.model import Config
from edge.live.shelf import Shelf

MOST_MB = 150.0
_LOOK_S = 0.1


@dataclass(frozen=True)
class Held:
    """Anonymous memory over a run, and its summary."""

    mb: list[float]
    summary: dict

    @property
    def grown_mb(self) -> float:
        some = max(len(self.mb) // 4, 1)
        return statistics.fmean(self.mb[-some:]) - statistics.fmean(self.mb[:some])


def run(folder: Path, size: tuple[int, int], frames: int, seconds: float) -> Held:
    """Run on a recording that is played again and again, as fast as it goes."""
    recorded = write_dark(folder / "recording", size, SHALLOW, frames)
    Shelf(folder / "state/calibrations", Config()).keep(learned(size, SHALLOW))
    config = folder / "rig.toml"
    config.write_text('[broker]\nurl = "mqtt://127.0.0.1:1"\nack = "broker"\n')
    command = [
        sys.executable, "-m", "edge.cli.main", "run", "--config", str(config), "--json",
        "--source", f"recording:{recorded.place}?loop=1",
        "--state-dir", str(folder / "state"), "--duration", f"{seconds:g}",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(5)
        held = []
        while process.poll() is None:
            held.append(memory_mb(process.pid, "RssAnon"))
            time.sleep(_LOOK_S)
        out, _ = process.communicate()
    # What it looked like while it drained and ended says nothing.
    return Held([mb for mb in held if mb == mb][: int((seconds - 5) / _LOOK_S)], json.loads(out))


def test_memory_stays_as_it_is_over_thousands_of_frames(tmp_path: Path) -> None:
    held = run(tmp_path, (320, 240), 200, 12)
    assert held.summary["processed"] > 3_000
    assert max(held.mb) < MOST_MB
    assert held.grown_mb < 4


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_a_full_hd_rig_holds_less_than_150_mb_and_no_more_after_a_hundred_thousand_frames(
    tmp_path: Path,
) -> None:
    held = run(tmp_path, (1920, 1080), 600, 240)
    print(
        f"{held.summary['processed']} frames: at most {max(held.mb):.1f} MB, "
        f"last quarter {held.grown_mb:+.2f} MB against the first"
    )
    assert held.summary["processed"] > 100_000
    assert max(held.mb) < MOST_MB
    assert held.grown_mb < 4
