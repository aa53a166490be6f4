"""Lists of bad pixels: read strictly, masked for good, written as they are read."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.calibrator import Calibrator
from calibration.defects import (
    KINDS,
    Defect,
    DefectError,
    defects_of,
    read_defects,
    with_defects,
    write_defects,
)
from calibration.derive import ThresholdRequest
from calibration.model import Calibration
from calibration.store import load, save
from calibration.tracker import Tracker
from tests.calibration.tracked import Floats, Rig, flat

MODE: dict[str, Any] = {
    "width_px": 64,
    "height_px": 48,
    "bit_depth": 10,
    "black_level_adu": 64.0,
}


@pytest.fixture(scope="module")
def made() -> Calibration:
    rng = np.random.default_rng(1)
    frames = np.rint(rng.normal(64, 2, (40, 48, 64))).astype(np.uint16)
    frames[:, 10, 20] += 300
    frames[[3, 20], 30, 40] += 300
    frames[:, 5, 6] = 0
    calibrator = Calibrator(MODE)
    for frame in frames:
        calibrator.add(frame)
    return calibrator.finish(ThresholdRequest())


def listed(tmp_path: Path, text: str) -> list[Defect]:
    path = tmp_path / "list.csv"
    path.write_text(text)
    return read_defects(path)


@pytest.mark.parametrize(
    "text",
    [
        "x,y,kind\n3,4,hot\n5,6,dead\n",
        "x, y, kind\n3, 4, hot\n\n5, 6, dead\n",
        "y,x,kind\n4,3,hot\n6,5,dead",
        "kind;x;y".replace(";", ",") + "\nhot,3,4\ndead,5,6",
        "3,4,hot\n5,6,dead",
        "3 4 HOT # seen in May\n# dcraw has a time here\n5\t6\tdead\n",
    ],
)
def test_lists_are_read_with_and_without_heading(tmp_path: Path, text: str) -> None:
    assert listed(tmp_path, text) == [Defect(3, 4, "hot"), Defect(5, 6, "dead")]


@pytest.mark.parametrize("text", ["3 4\n5 6\n", "3 4 0\n5 6 1091601285\n", "x,y\n3,4\n5,6\n"])
def test_plain_lists_of_other_programs_are_read(tmp_path: Path, text: str) -> None:
    assert listed(tmp_path, text) == [Defect(3, 4), Defect(5, 6)]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x,y\n3\n", "line 2"),
        ("x,y\n3,4,hot\n", "3 values"),
        ("3,-4\n", "'-4'"),
        ("3,4.5\n", "'4.5'"),
        ("3,4,broken\n", "'broken'"),
        ("3,4,hot,5\n", "4 values"),
        ("x,y,kind\n1,2,hot\n٣,4,hot", "line 3"),
        ("99999999999,4", "no pixel number"),
    ],
)
def test_a_wrong_line_is_named_in_one_line(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(DefectError) as caught:
        listed(tmp_path, text)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_that_is_missing_or_no_text_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DefectError, match="can't be read"):
        read_defects(tmp_path / "none.csv")
    (tmp_path / "raw").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DefectError, match="no text"):
        read_defects(tmp_path / "raw")


@settings(max_examples=50)
@given(st.text(alphabet="0123456789,xyhot# -\n\t.e٣", max_size=60))
def test_any_text_is_a_list_or_refused_as_none(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list"
        path.write_text(text)
        with contextlib.suppress(DefectError):
            found = read_defects(path)
            assert all(one.kind in KINDS and one.x_px >= 0 <= one.y_px for one in found)


def test_what_is_written_is_read_again(tmp_path: Path, made: Calibration) -> None:
    found = defects_of(made, hot=True)
    assert {(one.x_px, one.y_px, one.kind) for one in found} == {
        (6, 5, "dead"),
        (40, 30, "masked"),
        (20, 10, "hot"),
    }
    assert listed(tmp_path, write_defects(found)) == sorted(
        found, key=lambda one: (one.y_px, one.x_px)
    )
    assert all(one.kind != "hot" for one in defects_of(made))


def test_a_list_masks_on_top_of_what_was_found(tmp_path: Path, made: Calibration) -> None:
    masked = with_defects(made, [Defect(20, 10, "hot"), Defect(1, 2)])
    assert masked.masked[10, 20]
    assert masked.masked[2, 1]
    assert masked.masked[30, 40]
    assert not masked.hot[10, 20]
    assert masked.seed_threshold[2, 1] == masked.growth_threshold[2, 1] == 65_535
    assert masked.masked_px == made.masked_px + 2
    assert masked.id != made.id
    assert not made.masked[2, 1]
    assert with_defects(masked, [Defect(1, 2)]) is masked
    assert with_defects(made, []) is made
    save(masked, tmp_path / "made.npz")
    again = load(tmp_path / "made.npz")
    assert again.listed is not None
    assert np.array_equal(again.listed, masked.listed)


@pytest.mark.parametrize("defect", [Defect(64, 0), Defect(0, 48)])
def test_a_list_of_another_sensor_is_refused(made: Calibration, defect: Defect) -> None:
    with pytest.raises(DefectError, match="64x48"):
        with_defects(made, [defect])


@pytest.mark.parametrize("x_px", [9, 30])
def test_a_listed_pixel_stays_masked_however_well_it_behaves(x_px: int) -> None:
    def world(index: int, pixels: Floats) -> None:
        pixels[20, 30] += 300.0 if index < 0 else 0.0  # hot, until it heals

    rig = Rig(world, pooled=True)
    rig.base = with_defects(rig.base, [Defect(x_px, 20)])
    rig.tracker = Tracker(rig.base)
    rig.run(64 * 50)
    rig.tracker.suspect(np.array([flat(20, x_px)]))
    rig.run(64 * 50)
    assert rig.now("masked", 20, x_px)
    assert rig.now("seed_threshold", 20, x_px) == 65_535
    assert rig.tracker.calibration.listed is not None
