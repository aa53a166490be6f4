"""How long a rig's start takes: ``.venv/bin/python tools/start_times.py [--repeats N]``.

Prints one JSON object. `import_edge_ms`: `import edge` without NumPy's own share, by ``-X
importtime``. `first_frame_s`: from the start of the process to the end of the first processed
frame's pixel pass, 1080p and 8 bits, played at a camera's pace; `first_start` compiles its kernels
and calibrates on 110 frames (3.7 s of camera), `second_start` finds both. Medians.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

_FRAMES = 110
_PLAYED = 260
_LINE = re.compile(r"import time:\s+\d+ \|\s+(\d+) \|(\s+)(\S+)")


def import_edge_ms() -> float:
    """Time of `import edge` without NumPy."""
    command = [sys.executable, "-X", "importtime", "-c", "import edge"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stderr  # noqa: S603
    us = {name: int(total) for total, _, name in _LINE.findall(lines)}
    return (us["edge"] - us.get("numpy", 0)) / 1000


def make_recording(folder: Path) -> Path:
    """Make 1080p frames of 8 bits."""
    recording = folder / "recording"
    options = ["--preset", "webcam", "--width", "1920", "--height", "1080"]
    _edge("simulate", *options, "--set", "row_time_us=25", "--frames", str(_PLAYED),
          "--out", str(recording))  # fmt: skip
    (folder / "rig.toml").write_text(f"[calibration]\nframes = {_FRAMES}\n", encoding="utf-8")
    return recording


def first_frame_s(folder: Path, recording: Path, state: Path, kernels: Path, run_s: float) -> float:
    """Start a rig; its own word on when the first frame was processed."""
    # Nobody listens at port 1: what is timed is no broker.
    found = _edge(
        "run", "--config", str(folder / "rig.toml"), "--source", f"recording:{recording}?paced=1",
        "--broker", "mqtt://127.0.0.1:1", "--state-dir", str(state), "--json",
        "--duration", str(run_s), NUMBA_CACHE_DIR=str(kernels),
    )  # fmt: skip
    return float(json.loads(found)["first_frame_s"])


def _edge(*arguments: str, **environment: str) -> str:
    command = [str(Path(sys.executable).with_name("cosmic-edge")), *arguments]
    done = subprocess.run(  # noqa: S603
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, check=False,
    )  # fmt: skip
    return done.stdout


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    import_edge_ms()  # once for the disk
    imports = statistics.median(import_edge_ms() for _ in range(repeats))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recording = make_recording(folder)
        state, kernels = folder / "state", folder / "kernels"
        first = first_frame_s(folder, recording, state, kernels, 8.0)
        second = [first_frame_s(folder, recording, state, kernels, 0.3) for _ in range(repeats)]
    result = {
        "import_edge_ms": round(imports, 2),
        "first_frame_s": {
            "first_start": first,
            "second_start": statistics.median(second),
            "second_start_least": min(second),
        },
        "load_average": os.getloadavg()[0],
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
