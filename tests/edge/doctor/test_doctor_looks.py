"""Each look on its own: what it finds, what it advises, and that it never breaks out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.calibrator import Calibrator
from calibration.derive import ThresholdRequest
from calibration.store import save
from edge.clock import SystemClock
from edge.config.load import load_config
from edge.delivery.outbox import Outbox
from edge.doctor import Finding, Look, examine
from edge.doctor.camera import camera
from edge.doctor.clock import clock
from edge.doctor.disk import disk
from edge.doctor.learned import calibration
from edge.doctor.model import model
from edge.doctor.running import rig_runs
from edge.doctor.system import numba, python, versions
from edge.errors import Failed
from edge.frame import BadFrame, Frame, Origin, SensorMode
from edge.messages import parse_utc_ns
from edge.sources import open_source
from tests.edge.classification.made import TINY


class Camera:
    """A source that gives what it is told to."""

    name = "double:"
    origin: Origin = "camera"
    pushes_back = False

    def __init__(self, items: list[Frame | BadFrame]) -> None:
        self._items = items
        self.closed = False

    def frames(self) -> Iterator[Frame | BadFrame]:
        yield from self._items

    def close(self) -> None:
        self.closed = True


def frame(level: int, released: list[int] | None = None) -> Frame:
    mode = SensorMode("imx219", 64, 48, 10, exposure_ns=33_000_000, black_level_adu=64.0)
    pixels = np.full((48, 64), level, np.uint16)
    give_back = None if released is None else lambda: released.append(1)
    return Frame(pixels, 0, 0, mode, release=give_back)


# -- the frame of all looks ------------------------------------------------------------------


def test_looks_run_at_once_and_keep_their_order() -> None:
    meet = threading.Barrier(3, timeout=5)

    def look(detail: str) -> Finding:
        meet.wait()
        return Finding("ok", detail)

    done: list[int] = []
    checks = examine(
        [Look(name, lambda name=name: look(name)) for name in "abc"], lambda: done.append(1)
    )
    assert [(check.name, check.finding.detail) for check in checks] == [
        ("a", "a"),
        ("b", "b"),
        ("c", "c"),
    ]
    assert len(done) == 3


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Failed("no camera here;\nplug it in"), "no camera here; plug it in"),
        (ValueError("a\nb"), "ValueError: a b"),
        (RuntimeError(), "RuntimeError"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_whatever_a_look_raises_is_its_finding(error: BaseException, said: str) -> None:
    def broken() -> Finding:
        raise error

    (check,) = examine([Look("camera", broken, advice="look at the cable")])
    assert check.to_json() == {
        "name": "camera",
        "verdict": "fail",
        "detail": said,
        "advice": "look at the cable",
    }


def test_a_look_that_hangs_is_given_up_and_the_others_are_not_kept_waiting() -> None:
    release = threading.Event()

    def hang() -> Finding:
        release.wait(30)
        return Finding("ok", "too late")

    begun = time.monotonic()
    checks = examine([Look("a", hang, 0.2), Look("b", lambda: Finding("ok", "here"), 0.2)])
    assert time.monotonic() - begun < 5
    release.set()
    assert [check.finding.verdict for check in checks] == ["fail", "ok"]
    assert "no answer within 0.2 s" in checks[0].finding.detail


# -- computer --------------------------------------------------------------------------------


def test_python_is_named_and_an_untried_one_is_a_warning() -> None:
    assert python((3, 12, 1)).verdict == "ok"
    assert "Python 3.12.1" in python((3, 12, 1)).detail
    assert python((3, 15, 0)).verdict == "warn"
    assert versions()["numpy"] == np.__version__


def test_missing_and_broken_numba_are_warnings_that_differ() -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    def broken(name: str) -> Any:
        raise ImportError("libllvmlite.so: cannot open")

    assert numba().verdict in ("ok", "warn")
    assert "not installed" in numba(missing).detail
    assert "libllvmlite" in numba(broken).detail
    assert numba(missing).verdict == numba(broken).verdict == "warn"


def test_numba_s_look_says_where_the_compiled_loops_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert "cosmic-edge warmup" in numba().detail
    (tmp_path / "scan-1.kernel").touch()
    assert numba().data == {"folder": str(tmp_path), "kernels": 1}


def test_no_place_for_compiled_loops_is_a_warning_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, "/proc/nothing-can-be-made-here")
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    found = numba()
    assert found.verdict == "warn"
    assert "at each start" in found.detail
    assert "NUMBA_CACHE_DIR" in found.advice
    # The rig's own folder is the last resort.
    assert numba(state_dir=tmp_path).data["folder"] == str(tmp_path / "kernels")


# -- camera ----------------------------------------------------------------------------------


def test_a_simulated_camera_opens_and_is_dark() -> None:
    found = camera("sim:?width=64&height=48&seed=1", open_source)
    assert found.verdict == "ok", found
    assert "64×48 px, 10 bit" in found.detail


def test_light_is_seen_and_the_frame_is_given_back() -> None:
    released: list[int] = []
    double = Camera([BadFrame(0, 0, "truncated", "half a frame"), frame(900, released)])
    found = camera("webcam:0", lambda url: double)
    assert found.verdict == "warn"
    assert "cover the camera" in found.advice
    assert released == [1]
    assert double.closed


def test_a_camera_without_frames_or_with_bad_ones_only_has_failed() -> None:
    silent = Camera([])
    assert camera("webcam:0", lambda url: silent).verdict == "fail"
    assert silent.closed
    bad = Camera([BadFrame(n, n, "truncated", "half a frame") for n in range(1000)])
    found = camera("webcam:0", lambda url: bad)
    assert found.verdict == "fail"
    assert "half a frame" in found.detail


def test_the_camera_of_a_running_rig_is_left_alone() -> None:
    def must_not_open(url: str) -> Camera:
        raise AssertionError(url)

    assert camera("picamera:", must_not_open, rig_runs=True).verdict == "ok"


def test_a_rig_that_runs_is_seen_and_one_that_ended_is_not(tmp_path: Path) -> None:
    if not Path("/proc/locks").exists():
        pytest.skip("the kernel shows no locks here")
    assert not rig_runs(tmp_path)
    box = Outbox.open(tmp_path, "roof-1")
    try:
        if not any("FLOCK" in line for line in Path("/proc/locks").read_text().splitlines()):
            pytest.skip("the kernel shows no locks here")
        assert rig_runs(tmp_path)
    finally:
        box.close()
    assert not rig_runs(tmp_path)


# -- clock -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error_s", "verdict", "word"),
    [
        (0.002, "ok", "synced ±2"),
        (3.0, "warn", "±3"),
        (16.0, "warn", "unsynced"),
        (None, "warn", ""),
    ],
)
def test_the_clock_is_as_good_as_its_bound(error_s: float | None, verdict: str, word: str) -> None:
    found = clock((), lambda: SystemClock(max_error_s=lambda: error_s))
    assert found.verdict == verdict
    assert word in found.detail
    assert bool(found.advice) == (verdict != "ok")
    assert found.data["state"] in ("synced", "unsynced")


def test_a_time_server_that_does_not_answer_is_named() -> None:
    found = clock(("127.0.0.1:9",), lambda: SystemClock(max_error_s=lambda: 0.001), timeout_s=0.3)
    assert found.verdict == "warn"
    assert "0 of 1 NTP servers answer" in found.detail
    assert "127.0.0.1" in found.advice


# -- disk ------------------------------------------------------------------------------------


def test_a_disk_with_room_is_good_and_nothing_stays_behind(tmp_path: Path) -> None:
    found = disk(tmp_path / "new" / "state", 1_000, lambda folder: 10**10)
    assert found.verdict == "ok"
    assert "will be made" in found.detail
    assert "10.0 GB free" in found.detail
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("free", "verdict"), [(10**6, "fail"), (10**9, "warn"), (10**10, "ok")])
def test_little_room_is_said(tmp_path: Path, free: int, verdict: str) -> None:
    found = disk(tmp_path, 2 * 10**9, lambda folder: free)
    assert found.verdict == verdict
    assert found.data["free_bytes"] == free


def test_a_folder_that_can_not_hold_a_database_has_failed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert "is no folder" in disk(file / "state", 1).detail
    proc = disk(Path("/proc/self"), 1, lambda folder: 10**10)
    assert proc.verdict == "fail"
    assert "--state-dir" in proc.advice


# -- what was learned ------------------------------------------------------------------------


def test_rules_that_were_asked_for_are_good() -> None:
    found = model(load_config(None, {"classify.model": "rules"}))
    assert (found.verdict, "rules/1" in found.detail) == ("ok", True)


def test_a_model_is_named_with_what_runs_it_and_its_time() -> None:
    found = model(load_config(None, {"classify.model": str(TINY)}))
    assert found.verdict == "ok"
    assert found.detail.startswith("tiny/")
    assert found.detail.endswith(" ms a crop")
    assert found.data["runtime"] in found.detail
    assert found.data["crop_ms"] > 0


def test_a_model_that_can_not_be_used_is_a_warning_that_says_why(tmp_path: Path) -> None:
    path = tmp_path / "mine.tflite"
    path.write_bytes(TINY.read_bytes()[:2000])
    found = model(load_config(None, {"classify.model": str(path)}))
    assert found.verdict == "warn"
    assert f"{path}: is no whole TFLite model" in found.detail
    assert "[classify] model" in found.advice


def test_a_calibration_is_described_with_its_age(tmp_path: Path) -> None:
    assert "none yet" in calibration(tmp_path).detail
    rng = np.random.default_rng(1)
    calibrator = Calibrator(
        {
            "sensor": "imx219",
            "width_px": 32,
            "height_px": 24,
            "bit_depth": 10,
            "black_level_adu": 64.0,
        }
    )
    for _ in range(10):
        calibrator.add(np.rint(rng.normal(64, 3, (24, 32))).astype(np.uint16))
    made = calibrator.finish(ThresholdRequest(), "2026-05-01T12:00:00Z")
    path = tmp_path / "calibrations" / f"a-{made.id}.npz"
    save(made, path)
    now_s = parse_utc_ns("2026-05-02T13:00:00.000000000Z") * 1e-9
    found = calibration(tmp_path, lambda: now_s)
    assert found.verdict == "ok"
    assert "imx219, 32×24 px, 10 frames, 1 d 1 h old" in found.detail
    assert calibration(tmp_path, lambda: now_s + 100 * 86_400).verdict == "warn"
    path.write_bytes(path.read_bytes()[:-100])
    damaged = calibration(tmp_path)
    assert damaged.verdict == "warn"
    assert str(path) in damaged.detail
