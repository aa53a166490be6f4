"""JSON of CREDO's API: classes from a field or the file's name, groups of devices, sums."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.classification.classes import CLASSES
from edge.cli.main import main
from edge.crop import encode_png
from edge.detection import Crop
from edge.errors import BadUse
from training.cli import read_all
from training.labelled import read_labelled


def detection(number: int, **more: Any) -> dict[str, Any]:
    pixels = np.full((20, 20), number, np.uint8)
    data = base64.b64encode(encode_png(Crop(pixels, 0, 0))).decode()
    return {"id": number, "frame_content": data, **more}


def write(path: Path, detections: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"detections": detections}))
    return path


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("tracks", "track"),
        ("worms", "worm"),
        ("spot-2021_b", "spot"),
        ("artefacts", "artefact"),
        ("Artifacts", "artefact"),
    ],
)
def test_a_file_s_name_tells_the_class(tmp_path: Path, name: str, label: str) -> None:
    crops = read_labelled(write(tmp_path / f"{name}.json", [detection(1), detection(2)]))
    assert [CLASSES[i] for i in crops.label] == [label, label]
    assert crops.name == (f"{name}.json#1", f"{name}.json#2")
    assert crops.pixels[1].dtype == np.uint8
    assert crops.pixels[1][0, 0] == 2


def test_a_field_goes_before_the_name_and_devices_are_groups(tmp_path: Path) -> None:
    write(
        tmp_path / "tracks.json",
        [
            detection(1, device_id=7),
            detection(2, device_id="7", label="Worms"),
            detection(3, classification="artifact"),
            {**detection(4), "class": "muon"},
            {**detection(5), "class": ""},
        ],
    )
    write(tmp_path / "below" / "tracks.json", [detection(6, device_id=7), detection(7)])
    crops = read_labelled(tmp_path)
    found = [CLASSES[i] for i in crops.label]
    assert found == ["track", "worm", "artefact", "track", "track", "track"]
    first, second, third, fifth, sixth, seventh = crops.group
    assert first == second == sixth
    assert third == fifth
    assert len({first, third, seventh}) == 3
    assert crops.left_out == {"detection of another class": 1}


def test_what_was_read_and_what_was_left_out_is_all_that_lay_there(tmp_path: Path) -> None:
    lay = [
        detection(1),
        {"id": 2, "frame_content": "no base64!"},
        {"id": 3},
        {"id": 4, "frame_content": base64.b64encode(b"\x89PNG\r\n\x1a\nno more").decode()},
        {**detection(5), "frame_content": detection(5)["frame_content"][:-40]},
        {**detection(6), "class": "muon"},
        "nothing",
    ]
    write(tmp_path / "spots.json", lay)
    write(tmp_path / "mixed.json", [detection(8), detection(9)])
    crops = read_labelled(tmp_path)
    assert len(crops) == 1
    assert crops.left_out == {
        "detection without a picture that can be read": 4,
        "detection of another class": 1,
        "what is no detection": 1,
        "detection without a class": 2,
    }
    assert len(crops) + sum(crops.left_out.values()) == len(lay) + 2


@pytest.mark.parametrize("content", ['{"detections": [{"id"', "", '{"model": 1}', "[" * 100_000])
def test_a_damaged_file_is_one_line(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tracks.json"
    path.write_text(content)
    assert main(["train", str(path), "--out", str(tmp_path / "m.tflite")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(path) in said


def test_a_foreign_json_in_a_folder_is_passed_over_and_counted(tmp_path: Path) -> None:
    write(tmp_path / "worms.json", [detection(1)])
    (tmp_path / "notes.json").write_text('{"by": "me"}')
    assert read_labelled(tmp_path).left_out == {"JSON file without detections": 1}


def test_a_file_without_any_label_says_how_many_it_left_out(tmp_path: Path) -> None:
    with pytest.raises(BadUse, match="2 left out: detection without a class") as raised:
        read_labelled(write(tmp_path / "hits.json", [detection(1), detection(2)]))
    assert "\n" not in str(raised.value)


@pytest.mark.shared_data
def test_credo_s_own_exports_are_all_read(shared_data: Path) -> None:
    crops = read_labelled(shared_data / "credo_json")
    assert np.bincount(crops.label, minlength=4).tolist() == [0, 289, 221, 0]
    assert crops.left_out == {"detection without a class": 927}
    assert len(set(crops.group)) == 38


def test_what_was_left_out_is_said_in_a_line_for_each_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "spots.json", [detection(1), {"id": 2}, {"id": 3}, detection(4, label="?")])
    write(tmp_path / "empty.json", [])
    crops, judged = read_all([tmp_path], [tmp_path / "spots.json"])
    assert (len(crops), judged) == (2, 1)
    assert capsys.readouterr().err.splitlines() == [
        "cosmic-edge: 4 left out: detection without a picture that can be read",
        "cosmic-edge: 2 left out: detection of another class",
    ]


def test_an_empty_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadUse, match="no labelled crops; name"):
        read_labelled(tmp_path)
