"""Crops from pictures, hits and CREDO's JSON: what is read, and what is refused and why."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.crop import encode_png
from edge.detection import Crop
from edge.hits.crops import NamedCrop, Read, RefusedCrop, read_crops
from tests.edge.hits.made import message, track

Messages = Callable[..., dict[str, Any]]
Write = Callable[..., Path]

GRAY = np.arange(40, dtype=np.uint8).reshape(5, 8)


def png(pixels: np.ndarray) -> bytes:
    """PNG bytes; colour is RGB or RGBA here."""
    if pixels.ndim == 2:
        return encode_png(Crop(pixels, 0, 0))
    order = [2, 1, 0, 3][: pixels.shape[2]]
    return cv2.imencode(".png", np.ascontiguousarray(pixels[..., order]))[1].tobytes()


def read(*paths: Path) -> list[Read]:
    return list(read_crops(paths))


def one(path: Path) -> NamedCrop:
    (crop,) = read(path)
    assert isinstance(crop, NamedCrop)
    return crop


def why(path: Path) -> str:
    (crop,) = read(path)
    assert isinstance(crop, RefusedCrop)
    assert crop.source == str(path)
    return crop.why


@pytest.mark.parametrize("factor", [1, 257])
def test_a_gray_png_is_its_counts(tmp_path, factor):
    pixels = GRAY * np.uint16(factor) if factor > 1 else GRAY
    path = tmp_path / "a.png"
    path.write_bytes(png(pixels))
    crop = one(path)
    assert np.array_equal(crop.pixels, pixels)
    assert crop.bit_depth == (8 if factor == 1 else 16)
    assert (crop.name, crop.item, crop.encoded) == (str(path), "", path.read_bytes())


@pytest.mark.parametrize("channels", [3, 4])
def test_a_colour_png_is_its_luma(tmp_path, channels):
    pixels = np.zeros((4, 6, channels), np.uint8)
    pixels[1, 2, 0], pixels[3, 3, 1] = 200, 100
    (tmp_path / "a.png").write_bytes(png(pixels))
    crop = one(tmp_path / "a.png")
    assert (crop.pixels[1, 2], crop.pixels[3, 3]) == (60, 59)


def test_jpeg_tiff_fits_and_npy_are_read(tmp_path):
    pytest.importorskip("tifffile")
    (tmp_path / "a.jpg").write_bytes(cv2.imencode(".jpg", GRAY)[1].tobytes())
    np.save(tmp_path / "b.npy", np.stack([GRAY, GRAY + 1]).astype(np.uint16))
    cv2.imwrite(str(tmp_path / "c.tif"), GRAY.astype(np.uint16))
    found = read(tmp_path)
    assert [crop.name.removeprefix(f"{tmp_path}/") for crop in found] == [
        "a.jpg", "b.npy#0", "b.npy#1", "c.tif",
    ]  # fmt: skip
    assert np.abs(found[0].pixels.astype(int) - GRAY).max() < 8
    assert np.array_equal(found[2].pixels, GRAY + 1)
    assert found[3].encoded is None


def test_a_folder_is_read_in_natural_order_without_what_is_no_picture(tmp_path):
    for name in ("hit_10.png", "hit_2.png", "more/hit_1.png", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png(GRAY))
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / "index.csv").write_text("a,b")
    names = [crop.name.removeprefix(f"{tmp_path}/") for crop in read(tmp_path)]
    assert names == ["hit_2.png", "hit_10.png", "more/hit_1.png"]


def test_hits_of_a_replay_and_of_a_rig_are_read(hit_message: Messages, write_lines, write_archive):
    messages = [hit_message(seq) for seq in (1, 2, 3)]
    lines, state = write_lines(messages), write_archive(messages)
    for place, source in [(lines, lines), (state, state / "rig.sqlite")]:
        found = read(place)
        assert [crop.item for crop in found] == [one["id"] for one in messages]
        assert {crop.source for crop in found} == {str(source)}
        assert np.array_equal(found[0].pixels, track())
        assert (found[0].bit_depth, found[0].full_scale_adu) == (10, 1023)
        assert found[0].encoded == base64.b64decode(messages[0]["crop"]["data"])


def test_damaged_hits_are_refused_together_and_the_rest_is_read(write_lines):
    broken = message(2)
    broken["crop"]["data"] = base64.b64encode(b"rubbish").decode()
    path = write_lines([message(1), broken, message(3)])
    path.write_bytes(path.read_bytes() + b'{"schema":"cosmic-edge/hit/1","rig":')
    *whole, refused = read(path)
    assert [crop.item for crop in whole] == [message(seq)["id"] for seq in (1, 3)]
    assert isinstance(refused, RefusedCrop)
    assert refused.why.startswith("line 2 is damaged")
    assert refused.why.endswith(", and 1 more")


def test_a_crop_whose_end_is_damaged_is_refused_alone(write_lines):
    broken = message(2)
    data = base64.b64decode(broken["crop"]["data"])
    broken["crop"]["data"] = base64.b64encode(data[:60]).decode()
    found = read(write_lines([message(1), broken, message(3)]))
    assert [type(crop) for crop in found] == [NamedCrop, RefusedCrop, NamedCrop]
    assert found[1].item == broken["id"]


def detections(path: Path, *found: Any) -> Path:
    path.write_text(json.dumps({"detections": list(found)}))
    return path


def content(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_credos_detections_are_read_in_their_order(tmp_path):
    wrapped = content(png(GRAY))
    wrapped = wrapped[:20] + "\n" + wrapped[20:]
    path = detections(
        tmp_path / "export.json",
        {"id": 7, "frame_content": content(png(GRAY))},
        {"id": 3, "frame_content": wrapped},
        {"frame_content": content(png(GRAY + 1))},
    )
    found = read(path)
    assert [crop.name for crop in found] == [f"{path}#7", f"{path}#3", f"{path}#[2]"]
    assert np.array_equal(found[2].pixels, GRAY + 1)
    assert found[0].encoded == png(GRAY)
    path.write_text(json.dumps(json.loads(path.read_text())["detections"]))
    assert len(read(path)) == 3


def test_what_of_a_credo_export_can_not_be_read_is_refused_in_its_place(tmp_path):
    whole = png(GRAY)
    path = detections(
        tmp_path / "export.json",
        {"id": 1, "frame_content": content(whole)},
        {"id": 2, "frame_content": "no base64!"},
        {"id": 3},
        {"id": 4, "frame_content": content(whole[:-20])},
        {"id": 5, "frame_content": content(b"GIF89a")},
        "text",
        {"id": 6, "frame_content": content(whole)},
    )
    found = read(path)
    assert [crop.item for crop in found] == ["1", "2", "3", "4", "5", "[5]", "6"]
    assert [getattr(crop, "why", "") for crop in found] == [
        "",
        "its frame_content is no base64",
        "has no frame_content",
        "its frame_content the file ends before the image does",
        "its frame_content is neither PNG nor JPEG",
        "is no detection",
        "",
    ]


def huge_png() -> bytes:
    """A header that states more pixels than the file can hold."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.png", b"", "is empty"),
        ("a.png", png(GRAY)[:-7], "the file ends before the image does"),
        ("a.png", png(GRAY)[:20], "isn't a whole PNG file"),
        ("a.png", huge_png(), "its header states 60000x60000 pixels"),
        ("a.png", b"nothing of the kind", "isn't a whole PNG file"),
        ("a.jpg", cv2.imencode(".jpg", GRAY)[1].tobytes()[:-9], "the file ends before"),
        ("a.npy", b"\x93NUMPY rubbish", ""),
        ("a.json", b'{"detections": [', "is damaged JSON, or cut short"),
        ("a.json", b'{"other": 1}', 'is JSON without a list of "detections"'),
        ("a.json", b"[" * 100_000, "is damaged JSON, or cut short"),
        ("a.txt", b"some notes", "is no picture, no hits and no JSON of CREDO's"),
        ("a.sqlite", b"SQLite format 3\x00" + bytes(100), ""),
        ("a.jsonl", b'{"schema":"cosmic-edge/hit/9"}\n', "hits of a newer version"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_in_one_clause(tmp_path, capfd, name, data, reason):
    path = tmp_path / name
    path.write_bytes(data)
    assert reason in why(path)
    assert "\n" not in why(path)
    assert str(tmp_path) not in why(path) or name in {"a.jsonl", "a.sqlite"}
    assert capfd.readouterr() == ("", "")


def test_a_missing_file_is_refused_and_the_next_is_read(tmp_path):
    (tmp_path / "b.png").write_bytes(png(GRAY))
    first, second = read(tmp_path / "a.png", tmp_path / "b.png")
    assert isinstance(first, RefusedCrop)
    assert first.why == "No such file or directory"
    assert isinstance(second, NamedCrop)


@pytest.mark.shared_data
def test_real_exports_of_credo_are_read_whole(shared_data):
    found = read(*sorted((shared_data / "credo_json").glob("*.json")))
    assert len(found) == 289 + 221 + 927
    assert all(isinstance(crop, NamedCrop) for crop in found)
