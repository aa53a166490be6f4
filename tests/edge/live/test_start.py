"""A start is timed from the process's own beginning; what shortens it leaves no trace."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from calibration.jit import numba_available
from edge.background import in_background
from edge.cli.main import main
from edge.config.load import load_config
from edge.live.shelf import Shelf
from edge.live.start import seconds_since_start, uncollected
from edge.presets.calibrated import CalibrationLearner
from tests.edge.live.rig import MODE, Rig, frame

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")


@linux
def test_time_is_counted_from_before_the_interpreter_ran():
    began = time.monotonic()
    code = "import time; time.sleep(0.3); from edge.live.start import seconds_since_start as s"
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}; print(s())"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    # A tick of the kernel's clock is 10 ms.
    assert 0.3 <= float(ended.stdout) <= time.monotonic() - began + 0.02


@linux
def test_the_first_processed_frame_is_noted_once():
    rig = Rig()
    for i in range(20):
        rig.loop.push(frame(i))
    assert rig.loop.first_frame_s is None  # calibrating: nothing was looked at
    before = seconds_since_start()
    rig.loop.push(frame(20))
    first = rig.loop.first_frame_s
    assert before <= first <= seconds_since_start()
    rig.loop.push(frame(21))
    assert rig.loop.first_frame_s == first


@linux
def test_a_run_tells_it_in_its_summary(tmp_path, capsys):
    (tmp_path / "rig.toml").write_text("[calibration]\nframes = 30\n")
    main(["run", "--config", str(tmp_path / "rig.toml"), "--source",
          "sim:?width=64&height=48&frames=40&paced=0", "--broker", "mqtt://127.0.0.1:1",
          "--state-dir", str(tmp_path), "--json"])  # fmt: skip
    summary = json.loads(capsys.readouterr().out)
    assert summary["processed"] == 10
    assert 0 < summary["first_frame_s"] <= seconds_since_start()


def test_garbage_is_collected_again_whatever_happens():
    def fails():
        with uncollected(), uncollected():
            assert not gc.isenabled()
            raise RuntimeError

    assert gc.isenabled()
    with pytest.raises(RuntimeError):
        fails()
    assert gc.isenabled()


@pytest.mark.skipif(not numba_available(), reason="no numba")
def test_loading_the_compiler_leaves_scipy_usable():
    pytest.importorskip("scipy")
    code = (
        "from edge.live.start import load_compiler; load_compiler(); import sys;"
        "assert 'numba' in sys.modules and 'scipy.linalg' not in sys.modules;"
        "import scipy.linalg; print(scipy.linalg.norm([3, 4]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert float(ended.stdout) == 5


def test_work_in_the_background_hands_on_its_result_and_its_fault():
    assert in_background(threading.get_ident, "work").result() != threading.get_ident()

    def fails():
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        in_background(fails, "work").result()


@pytest.fixture
def kept(tmp_path):
    """A shelf's folder with one calibration."""
    config = load_config(None, {})
    learner = CalibrationLearner(MODE, config, frames=30)
    for i in range(30):
        learner.add(frame(i))
    made = learner.calibration()
    Shelf(tmp_path, config).keep(made)
    return tmp_path, config, made


def test_what_was_read_ahead_is_what_would_be_found(kept):
    folder, config, made = kept
    shelf = Shelf(folder, config)
    shelf.read_ahead()
    found = shelf.find(MODE, None)
    assert found.id == made.id
    assert np.array_equal(found.seed_threshold, made.seed_threshold)
    assert shelf.find(MODE, None).id == made.id  # and again, from the disk


def test_a_damaged_one_that_was_read_ahead_is_set_aside_as_ever(kept):
    folder, config, _ = kept
    [path] = folder.iterdir()
    path.write_bytes(path.read_bytes()[:500])
    shelf = Shelf(folder, config)
    shelf.read_ahead()
    assert shelf.find(MODE, None) is None
    assert [p.suffix for p in folder.iterdir()] == [".damaged"]


def test_reading_ahead_of_nothing_is_no_fault(tmp_path):
    shelf = Shelf(tmp_path / "none", load_config(None, {}))
    shelf.read_ahead()
    assert shelf.find(MODE, None) is None
