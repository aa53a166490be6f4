"""`cosmic-edge hits features`: the table, the pictures, and what it leaves alone."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli.main import main
from edge.crop import decode_png
from edge.features import FEATURE_NAMES, image_features
from tests.edge.hits.made import message, track

Capture = pytest.CaptureFixture[str]
GRAY = np.random.default_rng(1).integers(0, 250, (12, 9)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, one of them damaged."""
    place = tmp_path / "in"
    place.mkdir()
    cv2.imwrite(str(place / "hit_2.png"), GRAY)
    cv2.imwrite(str(place / "hit_10.png"), np.dstack([GRAY] * 3))
    (place / "hit_3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return place


def run(*arguments: object) -> int:
    return main(["hits", "features", *map(str, arguments)])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_crop_has_a_row_with_where_it_came_from(folder, tmp_path, capsys: Capture):
    out = tmp_path / "f.csv"
    assert run(folder, "--out", out, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["measured"] == 2
    assert result["features"] == len(FEATURE_NAMES)
    assert [(one["source"], one["why"]) for one in result["refused"]] == [
        (str(folder / "hit_3.png"), "isn't a whole PNG file")
    ]
    found = rows(out)
    assert [row["source"] for row in found] == [
        str(folder / name) for name in ("hit_2.png", "hit_10.png")
    ]
    assert (found[0]["width_px"], found[0]["height_px"], found[0]["bit_depth"]) == ("9", "12", "8")
    numbers = [float(found[0][name]) for name in FEATURE_NAMES]
    assert numbers == pytest.approx(image_features(GRAY).tolist(), rel=1e-8)


def test_hits_are_measured_against_their_own_full_scale(write_lines, tmp_path):
    out = tmp_path / "f.csv"
    assert run(write_lines([message(1)]), "--out", out) == 0
    (row,) = rows(out)
    assert row["item"] == message(1)["id"]
    assert float(row["brightest_share"]) == pytest.approx(track().max() / 1023)


def test_the_same_crops_give_the_same_bytes(folder, write_lines, tmp_path):
    hits = write_lines([message(seq) for seq in (1, 2)])
    for name in ("one.csv", "two.csv"):
        assert run(folder, hits, "--out", tmp_path / name) == 0
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_pictures_lie_beside_the_table_as_they_were(folder, write_lines, tmp_path):
    hits = write_lines([message(1)])
    np.save(folder / "stack.npy", np.stack([GRAY, GRAY]))
    twin = tmp_path / "twin"
    twin.mkdir()
    cv2.imwrite(str(twin / "hit_2.png"), GRAY + 1)
    out, png = tmp_path / "f.csv", tmp_path / "png"
    assert run(folder, hits, twin, "--out", out, "--png", png) == 0
    names = [row["picture"] for row in rows(out)]
    assert names == [
        "hit_2.png", "hit_10.png", "stack_0.png", "stack_1.png",
        f"hits_{message(1)['id']}.png", "hit_2_2.png",
    ]  # fmt: skip
    assert sorted(path.name for path in png.iterdir()) == sorted(names)
    for name in ("hit_2.png", "hit_10.png"):
        assert (png / name).read_bytes() == (folder / name).read_bytes()
    assert np.array_equal(decode_png((png / "stack_1.png").read_bytes()), GRAY)


def test_refused_crops_are_named_on_standard_error(folder, tmp_path, capsys: Capture):
    assert run(folder, "--out", tmp_path / "f.csv") == 0
    output = capsys.readouterr()
    assert output.out.startswith("2 crops measured, written to ")
    assert f"refused: {folder / 'hit_3.png'}: isn't a whole PNG file" in output.err


@pytest.mark.parametrize("there", [b"my notes\n", b"id,rig\n1,a\n"])
def test_a_foreign_file_is_left_alone(folder, tmp_path, capsys: Capture, there):
    out = tmp_path / "f.csv"
    out.write_bytes(there)
    assert run(folder, "--out", out) == 2
    assert "is not a table of features and is not overwritten" in capsys.readouterr().err
    assert out.read_bytes() == there


def test_an_older_table_is_replaced_only_by_a_whole_one(folder, tmp_path, capsys: Capture):
    out = tmp_path / "f.csv"
    assert run(folder, "--out", out) == 0
    before = out.read_bytes()
    assert run(folder / "hit_3.png", "--out", out) == 1
    error = capsys.readouterr().err
    assert f"no crop can be read: {folder / 'hit_3.png'}: isn't a whole PNG file" in error
    assert out.read_bytes() == before
    assert run(folder / "hit_2.png", "--out", out) == 0
    assert len(rows(out)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.csv", "in"]


@pytest.mark.parametrize(
    ("png", "code", "words"),
    [
        ("full", 1, "is not empty"),
        ("f.txt", 2, "is no new folder"),
        ("in/png", 2, "lies inside"),
    ],
)
def test_pictures_go_into_a_folder_of_their_own(folder, tmp_path, capsys, png, code, words):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.png").write_bytes(b"mine")
    (tmp_path / "f.txt").write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*"))
    assert run(folder, "--out", tmp_path / "f.csv", "--png", tmp_path / png) == code
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_a_failure_in_one_line(tmp_path, capsys: Capture):
    (tmp_path / "none").mkdir()
    assert run(tmp_path / "none", "--out", tmp_path / "f.csv") == 1
    assert "no crops found" in capsys.readouterr().err
    assert not (tmp_path / "f.csv").exists()


def test_a_folder_that_is_not_there_can_not_be_written_to(folder, tmp_path, capsys: Capture):
    assert run(folder, "--out", tmp_path / "no" / "f.csv") == 1
    error = capsys.readouterr().err
    assert "can't be written (No such file or directory)" in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.shared_data
def test_real_crops_of_phones_and_of_a_pi_are_all_measured(shared_data, tmp_path, capsys):
    paths = [shared_data / "credo_json" / "worms.json", shared_data / "pi_camera_v1"]
    assert run(*paths, "--out", tmp_path / "f.csv", "--png", tmp_path / "png", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["measured"], result["refused"]) == (221 + 99, [])
    assert len(list((tmp_path / "png").iterdir())) == 221 + 99
