"""Compiled kernels: where they are kept, and that nothing about it stops a start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from calibration.jit import numba_available
from calibration.kernel_cache import choose, unwritable

ROOT = os.geteuid() == 0
NOWHERE = "/proc/nothing-can-be-made-here"
SCRIPT = """
import logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
import numpy as np
from calibration.jit import kernel_counts
from calibration.statistics import PixelStatistics

pixels = np.full((8, 300), 7, np.uint16)
pixels[3, 4] = 900
statistics = PixelStatistics(*pixels.shape)
statistics.add(pixels)
assert statistics.total.sum() == 7 * 2399 + 900
assert statistics.largest[0, 3, 4] == 900
[count] = kernel_counts().values()
print(count.compiled, count.loaded, count.unkept)
"""
SCAN = """
import numpy as np
from edge.pixels.scan import scan
from edge.pixels.thresholds import ThresholdMap

pixels = np.full((8, 300), 7, np.uint16)
pixels[3, 4] = 900
found = scan(pixels, ThresholdMap.of(np.full(pixels.shape, 100, np.uint16)), 50)
assert (found.total_adu, found.lit, list(found.seeds)) == (7 * 2399 + 900, 1, [904]), found
print(found.lit, list(map(int, found.seeds)))
"""
needs_numba = pytest.mark.skipif(not numba_available(), reason="no numba")
needs_root = pytest.mark.skipif(not ROOT, reason="needs root to mount a small disk")


def start(**environment: str) -> tuple[str, str]:
    """What a process that reads a frame says, and what it says that went wrong."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NUMBA_CACHE_DIR", "CACHE_DIRECTORY", "XDG_CACHE_HOME", "HOME")
    }
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**inherited, "HOME": NOWHERE, **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.strip(), result.stderr.strip()


def test_a_chosen_folder_comes_first_then_systemd_s_then_the_user_s_then_the_rig_s(tmp_path):
    environment = {
        "NUMBA_CACHE_DIR": str(tmp_path / "chosen"),
        "CACHE_DIRECTORY": str(tmp_path / "systemd"),
        "XDG_CACHE_HOME": str(tmp_path / "xdg"),
        "HOME": str(tmp_path / "home"),
    }
    wanted = [
        ("NUMBA_CACHE_DIR", tmp_path / "chosen"),
        ("CACHE_DIRECTORY", tmp_path / "systemd/kernels"),
        ("XDG_CACHE_HOME", tmp_path / "xdg/cosmic-edge/kernels"),
        ("HOME", tmp_path / "home/.cache/cosmic-edge/kernels"),
    ]
    for name, folder in wanted:
        assert choose(environment, (tmp_path / "state",)).folder == folder
        assert folder.is_dir()
        del environment[name]
        environment["HOME"] = environment.get("HOME", NOWHERE)
    assert choose({"HOME": NOWHERE}, (tmp_path / "state",)).folder == tmp_path / "state/kernels"


def test_what_can_t_be_written_is_passed_over_and_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    place = choose({"NUMBA_CACHE_DIR": str(tmp_path / "file"), "HOME": str(tmp_path)})
    assert place.folder == tmp_path / ".cache/cosmic-edge/kernels"
    assert place.problem == ""
    assert [line.partition(":")[0] for line in place.refused] == [str(tmp_path / "file")]


def test_where_nothing_can_be_written_one_line_says_so(tmp_path):
    place = choose({"NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": "here", "HOME": NOWHERE})
    assert place.folder is None
    assert "at each start" in place.problem
    assert NOWHERE in place.problem
    assert "\n" not in place.problem
    assert not Path("here").exists()  # XDG: a relative path counts for nothing


def test_a_look_at_a_folder_leaves_nothing_in_it(tmp_path):
    assert unwritable(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


@needs_numba
def test_the_second_start_loads_what_the_first_compiled(tmp_path):
    beside = set(Path("edge/pixels/__pycache__").glob("*.nb?"))  # of versions long ago
    folder = tmp_path / "kernels"
    assert start(NUMBA_CACHE_DIR=str(folder)) == ("1 0", "")
    assert len(list(folder.iterdir())) == 1
    assert start(NUMBA_CACHE_DIR=str(folder)) == ("0 1", "")
    assert set(Path("edge/pixels/__pycache__").glob("*.nb?")) == beside


@needs_numba
def test_without_a_folder_it_compiles_at_each_start_and_says_so_once():
    for _ in range(2):
        counts, said = start(NUMBA_CACHE_DIR=NOWHERE)
        assert counts.startswith("1 0 compiled code can't be kept")
        assert said.count("at each start") == 1
        assert len(said.splitlines()) == 1


@needs_numba
@pytest.mark.parametrize("damage", ["empty", "truncated", "garbage", "flipped", "folder"])
def test_a_damaged_file_is_compiled_anew_and_mended(tmp_path, damage):
    start(NUMBA_CACHE_DIR=str(tmp_path))
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    spoilt = {
        "empty": b"",
        "truncated": whole[: len(whole) // 2],
        "garbage": os.urandom(len(whole)),
        # Machine code that differs in one bit would load, and then crash.
        "flipped": whole[:-2000] + bytes([whole[-2000] ^ 1]) + whole[-1999:],
    }
    path.unlink()
    if damage == "folder":
        path.mkdir()
        counts, said = start(NUMBA_CACHE_DIR=str(tmp_path))
        assert counts.startswith("1 0 ")
        assert len(said.splitlines()) == 1
        return
    path.write_bytes(spoilt[damage])
    assert start(NUMBA_CACHE_DIR=str(tmp_path)) == ("1 0", "")
    assert start(NUMBA_CACHE_DIR=str(tmp_path)) == ("0 1", "")


@needs_numba
def test_a_file_of_another_numba_python_or_processor_has_another_name(tmp_path):
    """The processor is part of the name: an image that is moved to another board starts."""
    start(NUMBA_CACHE_DIR=str(tmp_path))
    assert start(NUMBA_CACHE_DIR=str(tmp_path), NUMBA_CPU_NAME="generic")[0] == "1 0"
    assert len(list(tmp_path.iterdir())) == 2
    assert start(NUMBA_CACHE_DIR=str(tmp_path))[0] == "0 1"


@needs_numba
@needs_root
def test_a_full_disk_costs_a_compilation_and_a_line(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode or shutil.disk_usage(disk).total > 100_000:
        pytest.skip("no small disk can be mounted here")
    try:
        (disk / "filler").write_bytes(bytes(40_000))
        counts, said = start(NUMBA_CACHE_DIR=str(disk / "kernels"))
        assert counts == "1 0 No space left on device"
        assert "was not kept (No space left on device)" in said
        assert len(said.splitlines()) == 1
        assert list((disk / "kernels").iterdir()) == []  # no half file
    finally:
        subprocess.run(["umount", disk], check=True)


@needs_numba
@pytest.mark.skipif(ROOT, reason="root may read everything")
def test_a_file_that_can_t_be_read_is_compiled_anew(tmp_path):
    start(NUMBA_CACHE_DIR=str(tmp_path))
    [path] = tmp_path.iterdir()
    path.chmod(0)
    assert start(NUMBA_CACHE_DIR=str(tmp_path))[0].startswith("1 0")


@needs_numba
def test_numba_s_switch_that_turns_it_off_still_works(tmp_path):
    environment = {"NUMBA_DISABLE_JIT": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    assert "1 [904]" in run_plain(environment)


def run_plain(environment: dict[str, str]) -> str:
    return subprocess.run(
        [sys.executable, "-c", SCAN],
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
