"""Kernels put together of parts: named after what the parts say, and found again in the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.jit import numba_available
from calibration.linked import linked

pytestmark = pytest.mark.skipif(not numba_available(), reason="numba is not in use")

PROGRAM = """
import sys
import numpy as np
from calibration.linked import linked
from parts import PARTS
from whole import whole

kernel = linked(whole, part=PARTS[sys.argv[1]])
print(kernel(np.arange(4)), sum(kernel.stats.cache_hits.values()))
"""
WHOLE = """
def part(value):
    return value

def whole(values):
    total = 0
    for value in values:
        total += part(value)
    return total
"""


def parts(factor: int) -> str:
    return f"""
def one(value):
    return value * {factor}

def two(value):
    return value + 1

PARTS = {{"one": one, "two": two}}
"""


def one(value: Any) -> Any:
    return value + 1


def two(value: Any) -> Any:
    return value + 2


def through(value: Any) -> Any:
    return part(value) * 10


def part(value: Any) -> Any:
    raise AssertionError("stands for another")


def whole(value: Any) -> Any:
    return part(value)


def names(kernel: Any) -> str:
    return str(kernel.py_func.__qualname__)


def test_a_kernel_calls_what_it_is_linked_to_and_the_module_keeps_its_own() -> None:
    assert linked(whole, part=one)(1) == 2
    assert linked(whole, part=two)(1) == 3
    assert whole.__globals__["part"] is part
    with pytest.raises(AssertionError):
        whole(1)


def test_a_part_may_call_the_parts_named_before_it() -> None:
    def outer(value: Any) -> Any:
        return through(value)

    assert linked(outer, part=one, through=through)(1) == 20
    assert linked(outer, part=two, through=through)(1) == 30


def test_a_part_may_be_a_type() -> None:
    kernels = [linked(whole, part=kind) for kind in (np.uint8, np.uint16)]
    assert [int(kernel(300)) for kernel in kernels] == [44, 300]
    assert len({names(kernel) for kernel in kernels}) == 2


def test_other_parts_are_another_name_and_the_same_parts_the_same() -> None:
    assert names(linked(whole, part=one)) == names(linked(whole, part=one))
    kernels = [
        linked(whole, part=one), linked(whole, part=two), linked(whole, through=one),
        linked(whole, part=one, through=through), linked(whole),
    ]  # fmt: skip
    assert len({names(kernel) for kernel in kernels}) == len(kernels)
    assert all(names(kernel).startswith("whole_") for kernel in kernels)


class TestCache:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "whole.py").write_text(WHOLE)
        (tmp_path / "parts.py").write_text(parts(10))
        return tmp_path

    @staticmethod
    def run(folder: Path, name: str) -> tuple[int, int, int]:
        """Start anew; tell the answer, cache hits, and how many kernels lie in the cache."""
        repository = Path(__file__).resolve().parents[2]
        path = os.pathsep.join([str(folder), str(repository)])
        cache = folder / "cache"
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, name],
            env={**os.environ, "PYTHONPATH": path, "NUMBA_CACHE_DIR": str(cache),
                 "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answer, hits = map(int, done.stdout.split())
        return answer, hits, len(list(cache.glob("whole-*.kernel")))

    def test_a_second_start_finds_the_kernel_and_another_part_does_not(self, folder: Path) -> None:
        assert self.run(folder, "one") == (60, 0, 1)
        assert self.run(folder, "one") == (60, 1, 1)
        assert self.run(folder, "two") == (10, 0, 2)

    def test_a_part_written_anew_is_compiled_anew(self, folder: Path) -> None:
        """An update of one file: the kernel's own is as old as before."""
        assert self.run(folder, "one") == (60, 0, 1)
        (folder / "parts.py").write_text(parts(20))
        assert self.run(folder, "one") == (120, 0, 2)


KERNELS = """
import numpy as np
from edge.pixels.clusters import grow
from edge.pixels.scan import scan
from edge.pixels.thresholds import ThresholdMap

frame, limits = np.zeros((2, 300), np.uint8), np.ones((2, 300), np.uint16)
packed = np.zeros((2, 450), np.uint8)
scan(frame, ThresholdMap.of(limits), 0)
scan(packed, ThresholdMap.of(limits), 0, "mipi12")
grow(frame, limits, np.array([3]))
"""


def test_the_kernels_of_a_frame_are_found_by_a_second_process(tmp_path: Path) -> None:
    repository = Path(__file__).resolve().parents[2]
    kept: list[dict[str, int]] = []  # a file that is written anew is another
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", KERNELS], cwd=repository, check=True, timeout=150,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        )  # fmt: skip
        kept.append({one.name: one.stat().st_ino for one in tmp_path.glob("*.kernel")})
    assert len(kept[0]) >= 3
    assert kept[1] == kept[0]
