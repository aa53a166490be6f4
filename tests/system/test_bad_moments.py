"""Disk, broker and outbox fail while a command works: one line, and nothing stored is lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from calibration.store import load
from edge.sources import open_recording
from tests.edge.stacks import dark, read
from tests.system.calls import Call, stored

fits = pytest.importorskip("astropy.io.fits")
tifffile = pytest.importorskip("tifffile")
pytest.importorskip("rawpy")


class TestGoodAmongBad:
    """A single bad frame is counted and skipped; the others are processed, and the sums hold."""

    def replayed(self, call: Call, recording: Path, out: Path) -> dict[str, Any]:
        code, printed, said = call("replay", str(recording), "--out", str(out), "--json")
        assert code == 0, said
        summary = json.loads(printed)
        assert summary["expected"] == summary["received"] + summary["missing"]
        assert summary["received"] == summary["processed"] + summary["bad"]
        hits, records, _ = read(out)
        assert sum(record["frames"]["bad"] for record in records) == summary["bad"]
        assert len(hits) == summary["hits"]
        return {**summary, "at": [(hit["frame"], hit["y_px"], hit["x_px"]) for hit in hits]}

    @pytest.fixture
    def struck(self) -> np.ndarray:
        """Twelve frames with a particle in the tenth."""
        stack = dark(12)
        stack[9, 20, 30] = 4000
        return stack

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_nan_in_one_frame_of_floats(
        self, call: Call, tmp_path: Path, struck: np.ndarray, bad: float
    ) -> None:
        values = struck.astype(np.float32)
        values[4, 7, 7] = bad
        np.save(tmp_path / "f.npy", values)
        fits.PrimaryHDU(values).writeto(tmp_path / "f.fits")
        tifffile.imwrite(tmp_path / "f.tif", values, photometric="minisblack")
        for name in ("f.npy", "f.fits", "f.tif"):
            done = self.replayed(call, tmp_path / name, tmp_path / f"{name}.hits")
            assert done["bad_by_reason"] == {"not_finite": 1}
            assert (done["processed"], done["at"]) == (11, [(9, 20, 30)])

    def test_one_frame_of_one_value(self, call: Call, tmp_path: Path, struck: np.ndarray) -> None:
        struck[4] = 100
        np.save(tmp_path / "dark.npy", struck)
        done = self.replayed(call, tmp_path / "dark.npy", tmp_path / "hits")
        assert done["bad_by_reason"] == {"all_equal": 1}
        assert (done["processed"], done["at"]) == (11, [(9, 20, 30)])

    def test_a_page_of_another_size_and_one_of_another_depth(
        self, call: Call, tmp_path: Path, struck: np.ndarray
    ) -> None:
        pages = [*struck[:4], dark(1, 30, 30)[0], *struck[4:], dark(1, dtype=np.uint8)[0]]
        with tifffile.TiffWriter(tmp_path / "dark.tif") as tiff:
            for page in pages:
                tiff.write(page, contiguous=False, photometric="minisblack")
        done = self.replayed(call, tmp_path / "dark.tif", tmp_path / "hits")
        assert done["bad_by_reason"] == {"changed_depth": 1, "changed_size": 1}
        assert (done["processed"], done["at"]) == (12, [(10, 20, 30)])

    def test_a_damaged_file_amid_good_ones(
        self, call: Call, tmp_path: Path, struck: np.ndarray
    ) -> None:
        folder = tmp_path / "darks"
        folder.mkdir()
        for number, frame in enumerate(struck):
            cv2.imwrite(str(folder / f"dark_{number}.png"), frame)
        (folder / "dark_4.png").write_bytes((folder / "dark_4.png").read_bytes()[:900])
        (folder / "dark_5.png").write_bytes(b"")
        done = self.replayed(call, folder, tmp_path / "hits")
        assert done["bad_by_reason"] == {"bad_header": 1, "truncated": 1}
        assert (done["processed"], done["at"]) == (10, [(9, 20, 30)])

    def test_a_stack_that_was_cut_off_says_so(
        self, call: Call, given: Path, tmp_path: Path
    ) -> None:
        code, printed, said = call("replay", str(given / "cut.npy"), "--json")
        assert code == 0
        assert said == "cosmic-edge: cut.npy: cut off: 7 of 12 frames are missing\n"
        summary = json.loads(printed)
        assert (summary["processed"], summary["bad_by_reason"]) == (5, {"truncated": 7})
        assert summary["notes"] == ["cut.npy: cut off: 7 of 12 frames are missing"]

    def test_bad_and_lost_frames_of_a_native_recording(self, call: Call, tmp_path: Path) -> None:
        out = ["--out", str(tmp_path / "sim"), "--frames", "200"]
        settings = ["--set", "drop_rate=0.1", "--set", "bad_rate=0.1", "--set", "width=64"]
        made = call("simulate", *out, *settings, "--json")
        written = json.loads(made[1])
        done = self.replayed(call, tmp_path / "sim", tmp_path / "hits")
        assert written["bad"] == done["bad"] > 5
        assert written["missing"] == done["missing"] > 5
        assert done["expected"] == 200

    def test_sizes_that_differ_in_a_folder_are_series(
        self, call: Call, given: Path, tmp_path: Path
    ) -> None:
        done = self.replayed(call, given / "sizes", tmp_path / "hits")
        assert done["series"] == ["20x30", "48x40"]
        assert (done["processed"], done["bad"], done["notes"]) == (12, 0, [])


def test_fits_with_bzero_is_read_as_the_unsigned_values_it_means(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 65_536, (3, 30, 40), np.uint16)
    values[0, 0, :4] = 0, 1, 32_768, 65_535
    fits.PrimaryHDU(values).writeto(tmp_path / "u16.fits")
    assert fits.getheader(tmp_path / "u16.fits")["BZERO"] == 32_768
    (series,) = open_recording(tmp_path / "u16.fits").series()
    frames = list(series.frames())
    assert all(frame.pixels.dtype == np.uint16 for frame in frames)
    assert np.array_equal([frame.pixels for frame in frames], values)
    assert series.mode.conversion == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_hits_into_a_device_that_is_full_are_one_line(
    call: Call, given: Path, tmp_path: Path
) -> None:
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    shutil.copy(given / "dark.npy", tmp_path / "struck.npy")
    stack = np.load(tmp_path / "struck.npy")
    stack[6, 20, 30] = 4000
    np.save(tmp_path / "struck.npy", stack)
    code, printed, said = call("replay", str(tmp_path / "struck.npy"), "--out", str(full), "--json")
    assert (code, printed) == (1, "")
    assert said == (
        f"cosmic-edge: {full}: can't write hits (No space left on device); choose another --out\n"
    )
    assert full.is_symlink()
    assert Path("/dev/full").is_char_device()


def on_a_small_disk(most_bytes: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can write no file larger than this: a disk that is full."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.run(
        [sys.executable, "-m", "edge.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=limit,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},  # its cache would not fit either
    )


class TestFullDisk:
    def test_a_recording_keeps_what_fitted(self, call: Call, tmp_path: Path) -> None:
        out = tmp_path / "sim"
        done = on_a_small_disk(
            100_000, "simulate", "--out", str(out), "--frames", "50", "--set", "width=64"
        )
        assert done.returncode == 1, done.stderr
        assert done.stderr.startswith(f"cosmic-edge: {out}: can't write the recording: File too")
        assert done.stderr.count("\n") == 1
        code, printed, said = call("replay", str(out), "--json")
        assert code == 0
        assert said == "cosmic-edge: sim: was not closed; 3 frames are whole\n"
        assert json.loads(printed)["processed"] == 3

    def test_a_calibration_leaves_the_one_before(self, given: Path, tmp_path: Path) -> None:
        out = tmp_path / "good.cal"
        shutil.copy(given / "good.cal", out)
        before = stored(tmp_path)
        done = on_a_small_disk(5000, "calibrate", str(given / "dark.npy"), "--out", str(out))
        assert done.returncode == 1
        assert done.stderr == f"cosmic-edge: {out}: can't be written (File too large)\n"
        assert stored(tmp_path) == before
        assert load(out).frames_used == 12

    def test_hits_leave_those_of_the_replay_before(self, given: Path, tmp_path: Path) -> None:
        shutil.copy(given / "hits.jsonl", tmp_path / "hits.jsonl")
        before = stored(tmp_path)
        out = str(tmp_path / "hits.jsonl")
        done = on_a_small_disk(100, "replay", str(given / "dark.npy"), "--out", out, "--json")
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith(f"cosmic-edge: {out}: can't write hits (File too large)")
        assert stored(tmp_path) == before


def test_a_broker_that_is_not_there_costs_a_run_nothing_but_its_exit_code(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.live.session.DRAIN_S", 0.3)
    run = ["run", "--source", "sim:?paced=0&frames=20", "--broker", "mqtt://127.0.0.1:1"]
    code, printed, said = call(*run, "--state-dir", str(tmp_path), "--json")
    assert code == 1
    summary = json.loads(printed)
    assert (summary["received"], summary["connected"]) == (20, False)
    *_, last = said.splitlines()
    assert last == (
        f"cosmic-edge: mqtt://127.0.0.1:1 never let this rig in: {summary['outbox']} messages "
        f"wait in {tmp_path}"
    )
    assert all(line.startswith("cosmic-edge: ") for line in said.splitlines())
    # Nothing is lost: the next run still owes it.
    code, printed, _ = call(*run, "--state-dir", str(tmp_path), "--json")
    assert json.loads(printed)["outbox"] > summary["outbox"]


def test_a_damaged_outbox_is_set_aside_and_the_rig_goes_on(
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("edge.live.session.DRAIN_S", 0.3)
    junk = np.random.default_rng(1).bytes(5000)
    (tmp_path / "rig.sqlite").write_bytes(junk)
    run = ["run", "--source", "sim:?paced=0&frames=20", "--broker", "mqtt://127.0.0.1:1"]
    _, printed, _ = call(*run, "--state-dir", str(tmp_path), "--json")
    assert json.loads(printed)["received"] == 20
    assert f"outbox {tmp_path}/rig.sqlite is damaged (file is not a database)" in caplog.text
    assert (tmp_path / "rig.sqlite.damaged-1").read_bytes() == junk


def test_a_run_without_a_usable_frame_says_what_came(
    call: Call, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.live.session.DRAIN_S", 0.3)
    run = ["run", "--source", str(given / "nan.npy"), "--broker", "mqtt://127.0.0.1:1"]
    code, printed, said = call(*run, "--state-dir", str(tmp_path), "--json")
    assert (code, printed) == (1, "")
    assert said.splitlines()[-1].endswith("none of 8 frames could be used (8 not finite)")
