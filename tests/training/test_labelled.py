"""Labelled crops of every kind come into one form; what can't be used is left out or refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.classification.classes import CLASSES
from edge.errors import BadUse
from training.labelled import NO_LABEL, joined, read_labelled

HEAD = "id,vote_spot,vote_track,vote_worm,vote_artefact,label,label_quality,group\n"


def picture(path: Path, value: int = 90, dtype: type = np.uint8) -> None:
    pixels = np.zeros((60, 60, 3), dtype)
    pixels[30, 30] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def test_votes_become_shares_and_a_row_without_either_is_left_out(tmp_path: Path) -> None:
    for name in "abcd":
        picture(tmp_path / "png" / f"{name}.png")
    rows = [
        "a,0.2,0.6,0.0,0.0,track,majority,g1",
        "b,,,,,worm,confident,g1",
        "c,0.4,0.4,0.0,0.2,,ambiguous,g2",
        "d,,,,,,ambiguous,g3",
        "gone,1,0,0,0,spot,confident,g4",
    ]
    (tmp_path / "index.csv").write_text(HEAD + "\n".join(rows) + "\n")
    crops = read_labelled(tmp_path)
    assert crops.name == ("a", "b", "c")
    assert crops.votes == pytest.approx(
        np.array([[0.25, 0.75, 0, 0], [0, 0, 1, 0], [0.4, 0.4, 0, 0.2]])
    )
    assert crops.label.tolist() == [1, 2, NO_LABEL]
    assert crops.confident.tolist() == [False, True, False]
    assert crops.group == ("g1", "g1", "g2")
    assert all(one.dtype == np.uint8 and one.shape == (60, 60) for one in crops.pixels)


def test_a_table_of_files_and_labels_is_read_too(tmp_path: Path) -> None:
    picture(tmp_path / "one.png", 30_000, np.uint16)
    (tmp_path / "index.csv").write_text("file,label\none.png,spot\nnone.png,worm\none.png,muon\n")
    crops = read_labelled(tmp_path)
    assert (crops.name, crops.label.tolist()) == (("one.png",), [0])
    assert crops.pixels[0].dtype == np.uint16


def test_folders_are_named_after_classes(tmp_path: Path) -> None:
    picture(tmp_path / "worm" / "x.png")
    picture(tmp_path / "artefact" / "y.png")
    (tmp_path / "worm" / "notes.png").write_text("no picture")
    crops = read_labelled(tmp_path)
    assert [CLASSES[i] for i in crops.label] == ["worm", "artefact"]


@pytest.mark.parametrize("content", ["", "id,text\n1,2\n", "file,label\nnowhere.png,spot\n"])
def test_what_holds_no_labelled_crop_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.csv").write_text(content)
    with pytest.raises(BadUse) as raised:
        read_labelled(tmp_path)
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value)


@pytest.mark.parametrize("vote", ["many", "-0.2", "nan"])
def test_a_vote_that_is_none_is_one_line_with_its_place(tmp_path: Path, vote: str) -> None:
    (tmp_path / "index.csv").write_text(HEAD + f"a,{vote},0,0,0,spot,confident,g1\n")
    with pytest.raises(BadUse, match=r"index.csv: line 2: .*vote"):
        read_labelled(tmp_path)


def test_groups_of_two_folders_stay_two(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        picture(tmp_path / folder / "spot" / "same.png")
    both = joined([read_labelled(tmp_path / "one"), read_labelled(tmp_path / "two")])
    assert len(set(both.group)) == 2


@pytest.mark.shared_data
def test_credo_s_labelled_hits_are_all_read(shared_data: Path) -> None:
    crops = read_labelled(shared_data / "credo_labelled")
    assert (len(crops), int((crops.label >= 0).sum())) == (2004, 1949)
    assert np.allclose(crops.votes.sum(axis=1), 1)
    voted = crops.votes[crops.label >= 0]
    assert (voted.argmax(axis=1) == crops.label[crops.label >= 0]).all()
    pi = read_labelled(shared_data / "pi_camera_v1")
    assert np.bincount(pi.label, minlength=4).tolist() == [44, 39, 16, 0]
