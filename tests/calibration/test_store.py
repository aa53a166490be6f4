"""A calibration on disk comes back as it was, or is refused in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.calibrator import Calibrator
from calibration.derive import ThresholdRequest
from calibration.model import MAPS, Calibration, CalibrationError
from calibration.store import load, save


@pytest.fixture
def made() -> Calibration:
    mode = {"width_px": 8, "height_px": 6, "bit_depth": 8, "black_level_adu": None}
    calibrator = Calibrator(mode)
    rng = np.random.default_rng(3)
    for _ in range(6):
        calibrator.add(rng.integers(2, 9, (6, 8)).astype(np.uint8), 31.5)
    return calibrator.finish(ThresholdRequest(), "2026-01-01T00:00:00+00:00")


def test_everything_comes_back(made: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cal.npz"
    save(made, path)
    back = load(path)
    assert back.summary() == made.summary()
    for name in MAPS:
        assert np.array_equal(getattr(back, name), getattr(made, name))
        assert getattr(back, name).dtype == getattr(made, name).dtype
    assert [p.name for p in path.parent.iterdir()] == ["cal.npz"]


@pytest.fixture(scope="module")
def judging_clusters() -> Calibration:
    mode = {"width_px": 64, "height_px": 48, "bit_depth": 10, "black_level_adu": None}
    calibrator = Calibrator(mode)
    rng = np.random.default_rng(3)
    for _ in range(40):
        calibrator.add(np.rint(rng.normal(64, 3, (48, 64))).astype(np.uint16))
    return calibrator.finish(ThresholdRequest())


def test_the_rule_for_clusters_and_its_map_come_back(
    judging_clusters: Calibration, tmp_path: Path
) -> None:
    assert judging_clusters.cluster is not None
    assert judging_clusters.look_threshold is not None
    save(judging_clusters, tmp_path / "cal.npz")
    back = load(tmp_path / "cal.npz")
    assert back.cluster == judging_clusters.cluster
    assert back.look_threshold is not None
    assert np.array_equal(back.look_threshold, judging_clusters.look_threshold)
    assert back.neighbour_correlation == judging_clusters.neighbour_correlation
    assert back.id == judging_clusters.id


def test_what_decides_on_clusters_is_in_the_id(judging_clusters: Calibration) -> None:
    rule = replace(judging_clusters.cover, lit_px=1.0)
    alone = replace(judging_clusters, cluster=None, look_threshold=None)
    assert judging_clusters.with_cover(rule).id != alone.with_cover(rule).id


def test_a_file_of_the_first_version_is_read_and_judges_single_pixels(
    judging_clusters: Calibration, tmp_path: Path
) -> None:
    path = tmp_path / "cal.npz"
    save(replace(judging_clusters, look_threshold=None, cluster=None), path)
    with np.load(path) as file:
        content = dict(file)
    header = json.loads(bytes(content["header"]))
    header["schema"] = 1
    for name in ("cluster", "reference_mean_adu", "neighbour_correlation"):
        del header[name]
    content["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with path.open("wb") as out:
        np.savez(out, **content)
    back = load(path)
    assert back.cluster is None
    assert back.look_threshold is None
    assert back.expected_mean_adu == back.level_adu
    assert np.array_equal(back.seed_threshold, judging_clusters.seed_threshold)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no such calibration"):
        load(tmp_path / "none.npz")


@pytest.mark.parametrize("cut", [0, 10, 200, -20])
def test_a_truncated_file_is_one_line(made: Calibration, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cal.npz"
    save(made, path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CalibrationError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_no_changed_byte_is_read_as_a_good_calibration_of_other_content(
    made: Calibration, tmp_path: Path
) -> None:
    path = tmp_path / "cal.npz"
    save(made, path)
    content = path.read_bytes()
    for at in range(0, len(content), 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x5A]) + content[at + 1 :])
        said = _load_or_say(path)
        # A byte that the archive does not use, such as one of a date, changes nothing.
        assert said == made.summary() or str(said).startswith(f"{path}: ")
        assert "\n" not in str(said)


def _load_or_say(path: Path) -> object:
    try:
        return load(path).summary()
    except CalibrationError as error:
        return str(error)


def test_a_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"can't be read \(Is a directory\)"):
        load(tmp_path)


def test_a_text_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "cal.npz"
    path.write_text("hello\nworld\n")
    with pytest.raises(CalibrationError, match="not a calibration"):
        load(path)


def test_changed_maps_are_noticed(made: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "cal.npz"
    save(made, path)
    with np.load(path) as file:
        content = dict(file)
    content["seed_threshold"] = content["seed_threshold"] + 1
    with path.open("wb") as out:
        np.savez(out, **content)
    with pytest.raises(CalibrationError, match="checksum"):
        load(path)


def test_a_newer_version_is_refused(made: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "cal.npz"
    save(made, path)
    with np.load(path) as file:
        content = dict(file)
    header = json.loads(bytes(content["header"]))
    header["schema"] = 99
    content["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with path.open("wb") as out:
        np.savez(out, **content)
    with pytest.raises(CalibrationError, match="newer version"):
        load(path)


@pytest.mark.parametrize("ended_by", [OSError(28, "no space"), MemoryError(), KeyboardInterrupt()])
def test_a_write_that_is_broken_off_leaves_no_half_file(
    made: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended_by: BaseException
) -> None:
    def broken_off(fd: int) -> None:
        raise ended_by

    monkeypatch.setattr("calibration.store.os.fsync", broken_off)
    with pytest.raises(type(ended_by)):
        save(made, tmp_path / "cal.npz")
    assert list(tmp_path.iterdir()) == []
