"""The one read of a frame: compiled, in NumPy and as one would write it down, the same."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calibration.jit import numba_available
from edge.pixels.memory import as_map, as_rows
from edge.pixels.packing import TILE_PX
from edge.pixels.scan import MOST_SEEDS, Scan, scan, scan_numpy
from edge.pixels.thresholds import ThresholdMap
from tests.edge.pixels.laid import (
    GARBAGE,
    KINDS,
    LAYOUTS,
    PACKINGS,
    Values,
    full_scale,
    laid,
    packing_of,
    stored,
    top,
)

REPOSITORY = Path(__file__).resolve().parents[3]

WIDTHS_PX = st.one_of(
    st.integers(1, 20), st.integers(250, 265), st.integers(508, 520), st.integers(1, 1100)
)
PATTERNS = ("random", "all hot", "all equal", "one lit", "zero", "few hot")
LIMITS = ("equal", "one below", "random", "masked", "full scale", "zero", "mixed")


@dataclass(frozen=True)
class Case:
    """A frame, what it is compared with, and how it lies in memory."""

    kind: str
    layout: str
    shape: tuple[int, int]
    pattern: str
    limits: str
    black_adu: int
    shift_adu: int
    seed: int
    row_align_bytes: int = 1

    def values(self) -> Values:
        random, most = np.random.default_rng(self.seed), full_scale(self.kind)
        made = {
            "random": random.integers(0, most + 1, self.shape),
            "all hot": np.full(self.shape, most),
            "all equal": np.full(self.shape, most // 3),
        }.get(self.pattern, np.zeros(self.shape, np.int64))
        if self.pattern == "one lit":
            made.reshape(-1)[random.integers(made.size)] = most
        if self.pattern == "few hot":
            made += random.integers(0, 5, self.shape)
            made[random.random(self.shape) < 0.02] = most
        return made.astype(np.uint16)

    def limit(self, values: Values) -> Values:
        random = np.random.default_rng(self.seed + 1)
        level = np.clip(values.astype(np.int64) + self.shift_adu, 0, 65_535)
        most = full_scale(self.kind)
        choices = {
            "equal": level,
            "one below": np.maximum(level - 1, 0),
            "random": random.integers(0, most + 1, self.shape),
            "masked": np.full(self.shape, 65_535),
            "full scale": np.full(self.shape, most),
            "zero": np.zeros(self.shape, np.int64),
        }
        if self.limits == "mixed":
            made = np.choose(random.integers(0, len(choices), self.shape), list(choices.values()))
        else:
            made = choices[self.limits]
        return made.astype(np.uint16)

    def naive(self, values: Values, limit: Values) -> tuple[int, int, list[int], int]:
        level = np.clip(values.astype(np.int64) + self.shift_adu, 0, top(self.kind))
        lit = np.flatnonzero(level > limit).tolist()
        total, bright = int(values.sum()), int((values > self.black_adu).sum())
        return total, bright, lit, int(values.max())


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kind = draw(st.sampled_from(KINDS))
    most = full_scale(kind)
    some = st.integers(0, most)
    return Case(
        kind=kind,
        layout=draw(st.sampled_from(LAYOUTS)),
        shape=(draw(st.integers(1, 5)), draw(WIDTHS_PX)),
        pattern=draw(st.sampled_from(PATTERNS)),
        limits=draw(st.sampled_from(LIMITS)),
        black_adu=draw(st.one_of(st.sampled_from([0, 1, most - 1, most, 65_535, 70_000]), some)),
        shift_adu=draw(st.sampled_from([0, 0, 0, 1, -1, 7, -40, most, -most, 65_535, -65_535])),
        seed=draw(st.integers(0, 2**32)),
        row_align_bytes=draw(st.sampled_from([1, 7, 32])),
    )


def told(found: Scan) -> tuple[int, int, list[int], int]:
    assert found.lit == len(found.seeds)
    return found.total_adu, found.bright, found.seeds.tolist(), found.largest_adu


@settings(max_examples=200, deadline=None)
@given(cases())
@example(Case("uint8", "contiguous", (2, TILE_PX), "all hot", "equal", 255, 0, 1))
@example(Case("uint8", "padded", (5, 1100), "all hot", "zero", 0, 255, 1))
@example(Case("uint16", "padded", (5, 1024), "all hot", "full scale", 70_000, 65_535, 1))
@example(Case("uint16", "contiguous", (3, 257), "random", "mixed", 30_000, -65_535, 1))
@example(Case("mipi10", "contiguous", (3, 255), "random", "equal", 1022, 1023, 1))
@example(Case("mipi14", "every second row", (3, 513), "all hot", "one below", 0, -1, 1, 32))
def test_both_paths_tell_what_three_plain_lines_tell(case: Case) -> None:
    values = case.values()
    limit = case.limit(values)
    pixels = laid(stored(values, case.kind, case.row_align_bytes), case.layout)
    before = pixels.copy()
    given_to_both: Any = (pixels, ThresholdMap.of(limit), case.black_adu, packing_of(case.kind))
    expected = case.naive(values, limit)
    assert told(scan(*given_to_both, shift_adu=case.shift_adu)) == expected
    assert told(scan_numpy(*given_to_both, shift_adu=case.shift_adu)) == expected
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_kind_is_read_however_it_lies(kind: str, layout: str) -> None:
    for width_px in (1, 2, 3, TILE_PX - 1, TILE_PX, TILE_PX + 5, 2 * TILE_PX + 5):
        case = Case(kind, layout, (4, width_px), "random", "mixed", 5, 3, width_px, 32)
        values = case.values()
        limit = case.limit(values)
        pixels = laid(stored(values, kind, case.row_align_bytes), layout)
        found = scan(pixels, ThresholdMap.of(limit), 5, packing_of(kind), shift_adu=3)
        assert told(found) == case.naive(values, limit)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("width_px", [*range(1, 10), *range(253, 262)])
def test_groups_that_the_frames_width_cuts_are_read_no_further(packing: Any, width_px: int) -> None:
    values = np.full((3, width_px), full_scale(packing), np.uint16)
    wider = np.full((3, width_px + (-width_px) % 4), full_scale(packing), np.uint16)
    nothing = ThresholdMap.of(np.zeros(values.shape, np.uint16))
    for path in (scan, scan_numpy):
        found = path(stored(wider, packing), nothing, 0, packing)
        assert told(found) == (
            int(values.sum()),
            values.size,
            list(range(values.size)),
            full_scale(packing),
        )


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_in_the_padding_changes_nothing(kind: str) -> None:
    values = Case(kind, "", (5, 301), "random", "", 0, 0, 9).values()
    limits = ThresholdMap.of(np.full(values.shape, full_scale(kind) // 2, np.uint16))
    used = stored(values, kind)
    seen = set()
    for garbage in (0, 1, GARBAGE, 255):
        padded = np.full((5, used.shape[1] + 13), garbage, used.dtype)
        padded[:, : used.shape[1]] = used
        for frame in (padded, padded[:, : used.shape[1]]):
            for path in (scan, scan_numpy):
                if kind.startswith("mipi") or frame.shape == used.shape:
                    found = told(path(frame, limits, 3, packing_of(kind)))
                    seen.add((*found[:2], tuple(found[2]), found[3]))
    assert len(seen) == 1


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
@pytest.mark.parametrize("layout", ["contiguous", "padded", "read-only", "every second row"])
def test_a_frame_whose_pixels_lie_side_by_side_is_not_copied(kind: str, layout: str) -> None:
    frame = laid(np.arange(60, dtype=kind).reshape(6, 10), layout)
    rows = as_rows(frame)
    assert np.shares_memory(rows, frame)
    assert rows.__array_interface__["data"][0] == frame.__array_interface__["data"][0]
    assert rows.flags.c_contiguous
    assert not rows.flags.writeable
    assert np.array_equal(rows[:, :10], frame)


@pytest.mark.parametrize(
    "layout", ["by columns", "rows reversed", "columns reversed", "every second column"]
)
def test_any_other_frame_is_taken_as_it_is(layout: str) -> None:
    frame = laid(np.arange(60, dtype=np.uint16).reshape(6, 10), layout)
    rows = as_rows(frame)
    assert rows.strides == frame.strides
    assert rows.shape == frame.shape
    assert np.shares_memory(rows, frame)
    assert not rows.flags.writeable


def test_rows_that_lie_over_one_another_are_taken_as_they_are() -> None:
    row = np.arange(300, dtype=np.uint16)
    frame = np.broadcast_to(row, (4, 300))
    assert as_rows(frame).strides == frame.strides
    limits = ThresholdMap.of(np.full(frame.shape, 297, np.uint16))
    lit = [298, 299, 598, 599, 898, 899, 1198, 1199]
    assert told(scan(frame, limits, 298)) == (4 * int(row.sum()), 4, lit, 299)


def test_a_kernel_leaves_a_frame_that_may_be_written_writeable() -> None:
    frame = np.zeros((3, 4), np.uint8)
    scan(frame, ThresholdMap.of(np.ones((3, 4), np.uint16)), 0)
    assert frame.flags.writeable


def test_thresholds_are_kept_with_the_lowest_of_each_tile() -> None:
    values = np.random.default_rng(1).integers(0, 60_000, (3, 2 * TILE_PX + 88)).astype(np.uint16)
    for laid_out in (values, np.asfortranarray(values), laid(values, "columns reversed")):
        made = ThresholdMap.of(laid_out)
        starts = range(0, values.shape[1], made.tile_px)
        expected = [[row[i : i + made.tile_px].min() for i in starts] for row in values]
        assert np.array_equal(made.lowest, expected)
        assert np.array_equal(made.values, values)
        assert made.values.flags.c_contiguous
        assert as_map(made.values) is made.values


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_is_counted_whole_and_its_first_pixels_are_named(kind: str) -> None:
    values = np.full((260, 300), full_scale(kind), np.uint16)
    values[0, 0] = 0
    limits = ThresholdMap.of(np.zeros(values.shape, np.uint16))
    room = np.full(MOST_SEEDS, -1, np.int64)
    pixels, packing = stored(values, kind, 32), packing_of(kind)
    for found in (
        scan(pixels, limits, 0, packing, room=room),
        scan_numpy(pixels, limits, 0, packing),
    ):
        assert found.lit == found.bright == values.size - 1
        assert np.array_equal(found.seeds, np.arange(1, MOST_SEEDS + 1))


def test_seeds_outlive_the_room_they_were_gathered_in() -> None:
    frame, limits = np.zeros((2, 300), np.uint8), ThresholdMap.of(np.ones((2, 300), np.uint16))
    frame[1, 299] = 2
    room = np.empty(MOST_SEEDS, np.int64)
    seeds = scan(frame, limits, 0, room=room).seeds
    room[:] = -1
    assert seeds.tolist() == [599]


AT_THE_END = """
import ctypes, mmap, sys
import numpy as np
from edge.pixels.packing import TILE_PX
from edge.pixels.scan import scan, scan_numpy
from edge.pixels.thresholds import ThresholdMap
from edge.pixels.picture import Picture
from edge.pixels.clusters import grow
from tests.edge.pixels.laid import KINDS, full_scale, packing_of, stored

page = mmap.PAGESIZE
room = mmap.mmap(-1, 9 * page)
start = ctypes.addressof(ctypes.c_char.from_buffer(room))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mprotect(ctypes.c_void_p(start + 8 * page), page, 0) == 0  # not to be touched
for kind in KINDS:
    for width_px in (1, 5, TILE_PX - 1, TILE_PX, TILE_PX + 1, 1021):
        values = np.full((3, width_px), full_scale(kind), np.uint16)
        used = stored(values, kind)
        row = used.shape[1] * used.itemsize
        for stride in (row, row + 6):
            length = 2 * stride + row
            strides = stride, used.itemsize
            frame = np.ndarray(used.shape, used.dtype, room, 8 * page - length, strides)
            frame[:] = used
            limits = ThresholdMap.of(np.zeros(values.shape, np.uint16))
            seen = Picture(frame, width_px, packing_of(kind))
            for path in (scan, scan_numpy):
                found = path(frame, limits, 0, packing_of(kind))
                assert found.lit == values.size and found.total_adu == values.sum(), kind
            assert np.array_equal(seen.plain(), values), kind
            last = np.array([2]), np.array([width_px - 1])
            assert seen[last] == values[-1, -1], kind
            assert len(grow(seen, limits.values, np.array([0]))[0]) == values.size, kind
print("read to the end")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="guards memory as Linux does")
def test_nothing_is_read_beyond_the_end_of_a_frames_buffer() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END], cwd=REPOSITORY, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "read to the end\n"), done.stderr


FROM_DISK = """
import sys
import numpy as np
from edge.pixels.scan import scan, scan_numpy
from edge.pixels.thresholds import ThresholdMap
from simulator.packing import pack

for packing in sys.argv[1:]:
    most = 1 << int(packing[4:])
    values = np.random.default_rng(1).integers(0, most, (5, 600)).astype(np.uint16)
    given = pack(values, packing, 32), ThresholdMap.of(np.full((5, 600), most - 30, np.uint16))
    print(scan(*given, 100, packing).total_adu == scan_numpy(*given, 100, packing).total_adu)
"""


@pytest.mark.skipif(not numba_available(), reason="numba is not in use")
def test_kernels_of_several_packings_from_the_disk_keep_their_own_parts(tmp_path: Path) -> None:
    """Each was compiled by a process of its own, so that nothing told their parts apart."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", FROM_DISK, *packings],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
            timeout=120,
        ).stdout.split()
        for packings in (["mipi12"], ["mipi14"], ["mipi12", "mipi14"])
    ]
    assert said == [["True"], ["True"], ["True", "True"]]
