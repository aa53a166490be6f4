"""``classify``: what it reads, refuses, prints and writes."""

from __future__ import annotations

import base64
import csv
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.classification.classes import CLASSES
from edge.classification.inputs import Picked, items_of
from edge.classification.model import ModelFile
from edge.classification.spotted import spotted
from edge.cli.main import main
from edge.describe import describe
from edge.messages import encode
from edge.pictures import Refused, read_picture
from tests.edge.classification.made import TINY
from tests.edge.hits.made import message

Capture = pytest.CaptureFixture[str]
ID = ModelFile.read(TINY).model_id


def track(size: int = 60, dtype: Any = np.uint8, scale: int = 1) -> np.ndarray:
    pixels = np.zeros((size, size), dtype)
    for step in range(size // 3):
        pixels[size // 3 + step, size // 4 + step] = 200 * scale
    return pixels


def spot(size: int = 60) -> np.ndarray:
    pixels = np.zeros((size, size), np.uint8)
    cv2.circle(pixels, (size // 2, size // 2), 3, 200, -1)
    return pixels


def write(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix, pixels)
    assert done
    path.write_bytes(data.tobytes())
    return path


def classify(capsys: Capture, *arguments: object, code: int = 0) -> dict[str, Any]:
    assert main(["classify", *map(str, arguments), "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(found: dict[str, Any]) -> dict[str, str]:
    assert all("\n" not in one["why"] for one in found["refused"])
    return {Path(one["file"]).name: one["why"] for one in found["refused"]}


# -- what it prints --------------------------------------------------------------------------


def test_the_json_is_the_contracts(tmp_path: Path, capsys: Capture) -> None:
    path = write(tmp_path / "a.png", track())
    found = classify(capsys, path, "--model", TINY)
    (one,) = found["results"]
    assert list(one) == ["file", "class", "scores", "votes", "model_id", "runtime"]
    assert (one["file"], one["model_id"]) == (str(path), ID)
    assert one["class"] == max(CLASSES, key=one["scores"].__getitem__)
    assert sum(one["scores"].values()) == pytest.approx(1, abs=0.01)
    assert sum(one["votes"].values()) == pytest.approx(1, abs=0.01)
    assert one["runtime"].split()[0] in ("litert", "tflite-runtime")
    assert found["refused"] == []


def test_rules_need_no_runtime_and_know_no_votes(tmp_path: Path, capsys: Capture) -> None:
    paths = [write(tmp_path / "a.png", track()), write(tmp_path / "b.png", spot())]
    found = classify(capsys, *paths, "--model", "rules")
    assert [one["class"] for one in found["results"]] == ["track", "spot"]
    assert {(one["votes"], one["runtime"]) for one in found["results"]} == {(None, None)}
    assert {one["model_id"] for one in found["results"]} == {"rules/1"}


def test_a_person_reads_a_table_and_what_was_refused(tmp_path: Path, capsys: Capture) -> None:
    write(tmp_path / "a.png", track())
    (tmp_path / "b.png").write_text("hello")
    assert main(["classify", str(tmp_path), "--model", str(TINY)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "refused" in said
    assert "b.png: is no image" in said
    assert f"1 refused, by {ID} on " in said


def test_a_table_holds_each_file_once(tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "crops"
    write(folder / "a.png", track())
    (folder / "b.png").write_bytes(b"")
    out = tmp_path / "classes.csv"
    for model, votes in ((TINY, True), ("rules", False)):  # the second replaces the first
        classify(capsys, folder, "--model", model, "--csv", out)
        with out.open(newline="") as file:
            result, refusal = csv.DictReader(file)
        assert result["class"] in CLASSES
        assert bool(result["vote_track"]) == votes
        assert result["refused"] == ""
        assert (Path(refusal["file"]).name, refusal["class"]) == ("b.png", "")
        assert refusal["refused"] == "is empty"


def test_a_table_replaces_nothing_else(tmp_path: Path, capsys: Capture) -> None:
    path = write(tmp_path / "a.png", track())
    assert main(["classify", str(path), "--csv", str(path)]) == 2
    assert "is not a table of classes" in capsys.readouterr().err
    assert cv2.imread(str(path)) is not None


# -- order and exit codes --------------------------------------------------------------------


def test_results_come_in_the_order_of_the_paths_and_of_natural_names(
    tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "in"
    for name in ("hit_10.png", "hit_2.png", "b/hit_1.png", "hit_1.PNG"):
        write((folder / name).with_suffix(".png"), track()).rename(folder / name)
    (folder / "notes.txt").write_text("not an image")
    (folder / ".hidden.png").write_text("nor this")
    last = write(tmp_path / "0.png", spot())
    found = classify(capsys, folder, last, folder / "hit_2.png", "--model", "rules")
    names = [os.path.relpath(one["file"], folder) for one in found["results"]]
    assert names == [
        "b/hit_1.png", "hit_1.PNG", "hit_2.png", "hit_10.png", "../0.png", "hit_2.png",
    ]  # fmt: skip
    assert found["refused"] == []


def test_nothing_that_could_be_classified_is_a_failure(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "empty").mkdir()
    found = classify(capsys, tmp_path / "empty", code=1)
    assert refused(found) == {"empty": "holds no images"}
    assert found["results"] == []


def test_one_that_could_be_is_enough(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    write(tmp_path / "b.png", track())
    assert len(classify(capsys, tmp_path)["results"]) == 1


def test_what_is_not_there_is_bad_use(tmp_path: Path, capsys: Capture) -> None:
    path = write(tmp_path / "a.png", track())
    assert main(["classify", str(path), str(tmp_path / "b.png")]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "b.png: no such file or folder" in said.err


@pytest.mark.parametrize("content", [b"", b"hello world, no model", TINY.read_bytes()[:3000]])
def test_a_file_that_is_no_model_is_bad_use(
    content: bytes, tmp_path: Path, capsys: Capture
) -> None:
    path = write(tmp_path / "a.png", track())
    model = tmp_path / "m.tflite"
    model.write_bytes(content)
    assert main(["classify", str(path), "--model", str(model), "--json"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert str(model) in said.err


# -- what it reads ---------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".jpg", ".pgm"])
def test_images_of_many_kinds_are_read(suffix: str, tmp_path: Path, capsys: Capture) -> None:
    path = write(tmp_path / f"a{suffix}", spot())
    (one,) = classify(capsys, path, "--model", "rules")["results"]
    assert one["class"] == "spot"


def test_sixteen_bits_are_read_as_they_are() -> None:
    pixels = track(dtype=np.uint16, scale=300)
    for suffix in (".png", ".tif"):
        done, data = cv2.imencode(suffix, pixels)
        assert done
        assert np.array_equal(read_picture(data.tobytes()), pixels)


def test_colour_becomes_luma_and_alpha_does_not_count() -> None:
    blue, green, red = (np.full((4, 4), value, np.uint8) for value in (10, 100, 200))
    expected = round(0.299 * 200 + 0.587 * 100 + 0.114 * 10)
    for alpha in (None, 0, 255):
        planes = [blue, green, red] + ([] if alpha is None else [np.full_like(blue, alpha)])
        for suffix in (".png", ".tif"):
            done, data = cv2.imencode(suffix, cv2.merge(planes))
            assert done
            assert set(read_picture(data.tobytes()).ravel()) == {expected}


def chunk(kind: bytes, content: bytes) -> bytes:
    whole = kind + content
    return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))


def png(width: int, height: int, pixels: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND", b""))
    )


def jpeg() -> bytes:
    done, data = cv2.imencode(".jpg", spot())
    assert done
    return bytes(data.tobytes())


WHOLE = png(60, 60, b"".join(b"\0" + bytes(row) for row in track()))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"this is a text", "is no image"),
        (b'{"a": 1}', "is no image"),
        (png(0, 0), "0x0"),
        (png(60, 0), "60x0"),
        (png(60_000, 60_000), "60000x60000 px: more than 50 megapixels"),
        (png(60, 60), "can't be decoded"),
        (WHOLE[:20], "isn't a whole PNG file"),
        (WHOLE[:-30], "ends before the image does"),
        (WHOLE[:60] + b"\0" + WHOLE[61:], "checksum"),
        (png(3, 2, b"\0\5\5\5\0\5\5\5"), "all its pixels are alike"),
        (jpeg()[:400], "ends before"),
        (np.zeros(4000, np.uint8).tobytes(), "is no image"),
    ],
)
def test_what_is_no_good_image_is_refused_in_a_line(
    content: bytes, why: str, tmp_path: Path, capfd: Capture
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(content)
    write(tmp_path / "good.png", track())
    found = classify(capfd, tmp_path, "--model", "rules")
    assert why in refused(found)["bad.png"]
    assert len(found["results"]) == 1
    assert main(["classify", str(bad), "--json"]) == 1
    assert "Traceback" not in capfd.readouterr().err


def test_every_cut_and_every_flipped_byte_of_an_image_is_read_or_refused() -> None:
    for size in range(0, len(WHOLE), 3):
        with pytest.raises(Refused):
            read_picture(WHOLE[:size])
    for place in range(0, len(WHOLE), 7):
        with pytest.raises(Refused):
            read_picture(WHOLE[:place] + bytes([WHOLE[place] ^ 0x55]) + WHOLE[place + 1 :])


def test_floats_are_no_counts() -> None:
    done, data = cv2.imencode(".tif", spot().astype(np.float32))
    assert done
    with pytest.raises(Refused, match="float32"):
        read_picture(data.tobytes())


def test_a_large_picture_is_searched_for_its_hit(tmp_path: Path, capsys: Capture) -> None:
    frame = np.full((1500, 2000), 64, np.uint16)
    frame[1201:1210, 803] = 900
    path = write(tmp_path / "frame.png", frame)
    for model in ("rules", TINY):
        (one,) = classify(capsys, path, "--model", model)["results"]
        assert one["class"] in CLASSES
    path = write(tmp_path / "crop.png", frame[1160:1240, 760:840])
    same = classify(capsys, path, tmp_path / "frame.png", "--model", "rules")["results"]
    assert same[0]["scores"] == same[1]["scores"]


def test_what_is_no_file_is_refused(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    found = classify(capsys, tmp_path, tmp_path / "gone.png", code=1)
    assert refused(found) == {"gone.png": "leads nowhere", "pipe.png": "is no ordinary file"}


# -- hits and detections ---------------------------------------------------------------------


def test_hits_of_a_rig_are_classified_by_what_their_rig_stored(
    tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "hits.jsonl"
    lines = [encode(message(seq, area_px=30)) for seq in (1, 2)]
    path.write_bytes(b"\n".join([lines[0], b'{"broken"', lines[1]]) + b"\n")
    found = classify(capsys, path, "--model", TINY)
    assert [one["file"] for one in found["results"]] == [
        f"{path}#{message(seq)['id'][:12]}" for seq in (1, 2)
    ]
    assert {one["model_id"] for one in found["results"]} == {ID}
    assert "line 2" in refused(found)["hits.jsonl"]


def test_a_stored_hit_lies_where_its_rig_says_whatever_shines_beside_it(
    tmp_path: Path,
) -> None:
    crop = track(dtype=np.uint16, scale=3)
    row, col = (int(one) for one in np.unravel_index(int(crop.argmax()), crop.shape))
    crop[3, 50] = crop.max() + 100
    stored = message(1, pixels=crop, area_px=20, x_px=100 + col, y_px=200 + row)
    path = tmp_path / "hits.jsonl"
    path.write_bytes(encode(stored) + b"\n")
    (found,) = items_of(path)
    assert isinstance(found, Picked)
    assert found.candidate.place_in_crop == (row, col)
    assert found.candidate.area_px > 1
    assert 50 not in found.candidate.cols


def test_the_features_that_the_rig_measured_count_where_it_stored_them(
    tmp_path: Path, capsys: Capture
) -> None:
    crop = spot() + np.uint8(10)
    found = spotted(track())
    assert found is not None
    stored = [
        message(1, pixels=crop, area_px=29),
        message(2, pixels=crop, area_px=29, features=describe(found)),
    ]
    path = tmp_path / "hits.jsonl"
    path.write_bytes(b"".join(encode(one) + b"\n" for one in stored))
    results = classify(capsys, path, "--model", "rules")["results"]
    assert [one["class"] for one in results] == ["spot", "track"]


def credo(*contents: object) -> bytes:
    found = [{"id": 7 + n, "frame_content": one} for n, one in enumerate(contents)]
    return json.dumps({"detections": found}).encode()


def test_detections_of_the_credo_api_are_classified(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "export.json"
    good = base64.b64encode(WHOLE).decode()
    path.write_bytes(credo(good, None, "%%%", good[:60], good))
    found = classify(capsys, path, "--model", "rules")
    assert [one["file"] for one in found["results"]] == [f"{path}#7", f"{path}#11"]
    assert {one["class"] for one in found["results"]} == {"track"}
    whys = refused(found)
    assert whys["export.json#8"] == "has no frame_content"
    assert len(whys) == 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"detections": [', "is no whole JSON"),
        (b'{"detections": []}', "holds no detections"),
        (b'{"other": 1}', 'without hits or "detections"'),
        (b"[1, 2]", 'without hits or "detections"'),
        (b'{"detections": [1, "x", {}]}', "has no frame_content"),
        (b'{"schema":"cosmic-edge/hit/9","id":1}\n', "newer version"),
    ],
)
def test_json_of_another_kind_is_refused(
    content: bytes, why: str, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(content)
    found = classify(capsys, path, code=1)
    assert why in found["refused"][0]["why"]


def test_real_detections_have_the_classes_their_files_say(
    shared_data: Path, capsys: Capture
) -> None:
    found = classify(capsys, shared_data / "credo_json" / "tracks.json", "--model", "rules")
    labels = [one["class"] for one in found["results"]]
    assert (len(labels), found["refused"]) == (289, [])
    assert labels.count("track") > 0.8 * 289


def test_real_images_are_classified_by_a_model(shared_data: Path, capsys: Capture) -> None:
    found = classify(capsys, shared_data / "pi_camera_v1", "--model", TINY)
    assert (len(found["results"]), found["refused"]) == (99, [])
