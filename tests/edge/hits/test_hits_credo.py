"""Exports as the CREDO API takes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.calibrator import Calibrator
from calibration.derive import ThresholdRequest
from calibration.store import save
from edge.credo_uplink.limits import FRAME_CONTENT_CHARS
from edge.credo_uplink.picture import make_picture, to_gray
from edge.errors import BadUse
from edge.hits import Export, Query, export_hits, open_hits
from tests.edge.hits.made import START_NS, track

Messages = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


def export(source: Path, out: Path, query: Query | None = None, **options: Any) -> Export:
    reader = open_hits(source)
    try:
        return export_hits(reader, query or Query(), "credo", out, **options)
    finally:
        reader.close()


def decoded(text: str) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return picture


def test_a_request_has_credos_fields_with_credos_types_and_limits(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    source = write_lines([hit_message(1), hit_message(2)])
    out = tmp_path / "credo.json"
    assert export(source, out, device_model="Pi 4B imx219").exported == 2
    request = json.loads(out.read_bytes())
    assert list(request) == [
        "device_id",
        "device_type",
        "device_model",
        "system_version",
        "app_version",
        "detections",
    ]
    for name in list(request)[:5]:
        assert isinstance(request[name], str)
        assert 0 < len(request[name]) <= 50
    assert request["device_id"] == "roof-1"
    assert request["device_model"] == "Pi 4B imx219"
    assert request["app_version"] == "cosmic-edge 0.1.0"
    first, second = request["detections"]
    assert first["timestamp"] == (START_NS + 10**9) // 10**6
    assert second["timestamp"] - first["timestamp"] == 1000
    assert (first["latitude"], first["longitude"]) == (52.1, 21.2)
    assert (first["altitude"], first["accuracy"], first["provider"]) == (168.0, 15.0, "manual")
    assert (first["x"], first["y"]) == (130, 230)
    assert isinstance(first["frame_content"], str)
    assert len(first["frame_content"]) < 40_000
    assert isinstance(first["metadata"], str)
    assert len(first["metadata"]) <= 10_000
    metadata = json.loads(first["metadata"])
    assert metadata["true_time"] == first["timestamp"]
    assert metadata["max"] == decoded(first["frame_content"]).max()
    assert metadata["id"] == hit_message(1)["id"]


def test_only_what_a_camera_saw_is_exported(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    origins = ["simulation", "camera", "injection", "recording", "simulation"]
    source = write_lines([hit_message(seq, origin=one) for seq, one in enumerate(origins, 1)])
    out = tmp_path / "credo.json"
    done = export(source, out)
    assert done.exported == 1
    assert done.refused == {"simulation": 2, "injection": 1, "recording": 1}
    assert done.to_json()["refused"] == 4
    assert [one["x"] for one in json.loads(out.read_text())["detections"]] == [130]


def test_where_nothing_is_real_the_request_is_empty(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    out = tmp_path / "credo.json"
    done = export(write_lines([hit_message(1, origin="simulation")]), out)
    assert (done.exported, done.refused) == (0, {"simulation": 1})
    assert json.loads(out.read_text())["detections"] == []


def test_a_rig_without_position_says_provider_none(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    out = tmp_path / "credo.json"
    export(write_lines([hit_message(1, position=None, clock="unsynced")]), out)
    (found,) = json.loads(out.read_text())["detections"]
    assert (found["latitude"], found["longitude"], found["provider"]) == (0.0, 0.0, "none")
    assert "true_time" not in json.loads(found["metadata"])


def test_hits_of_several_rigs_need_a_choice(
    tmp_path: Path, hit_message: Messages, write_lines: Write
) -> None:
    source = write_lines([hit_message(1, rig="a"), hit_message(2, rig="b")])
    out = tmp_path / "credo.json"
    with pytest.raises(BadUse, match=r"several rigs \(a, b\).*--rig"):
        export(source, out)
    assert not out.exists()
    assert export(source, out, Query(rig="b")).exported == 1
    assert json.loads(out.read_text())["device_id"] == "b"


def test_a_state_folder_knows_the_frames_size_and_the_sensor(
    tmp_path: Path, hit_message: Messages, write_archive: Write
) -> None:
    calibrator = Calibrator(
        {
            "sensor": "imx219",
            "width_px": 320,
            "height_px": 240,
            "bit_depth": 10,
            "black_level_adu": 64.0,
        }
    )
    for value in (63, 64, 65, 64):
        calibrator.add(np.full((240, 320), value, np.uint16))
    made = calibrator.finish(ThresholdRequest())
    known = {**hit_message(1)["provenance"], "calibration_id": made.id}
    folder = write_archive([hit_message(1, provenance=known), hit_message(2)])
    save(made, folder / "calibrations" / f"abcd-{made.id}.npz")
    out = tmp_path / "credo.json"
    export(folder, out)
    request = json.loads(out.read_text())
    assert request["device_model"] == "imx219"
    sizes = [(found["width"], found["height"]) for found in request["detections"]]
    assert sizes == [(320, 240), (None, None)]
    order = [
        "timestamp",
        "latitude",
        "longitude",
        "altitude",
        "accuracy",
        "provider",
        "width",
        "height",
        "x",
        "y",
    ]
    assert list(request["detections"][0]) == [*order, "frame_content", "metadata"]


def test_black_becomes_0_and_full_scale_255() -> None:
    counts = np.array([[0, 64, 65, 543, 1023]], np.uint16)
    assert to_gray(counts, 10, 64.0).tolist() == [[0, 0, 0, 127, 255]]
    eight = np.arange(256, dtype=np.uint8).reshape(1, -1)
    assert np.array_equal(to_gray(eight, 8, None), eight)


def test_the_background_is_dark_enough_for_credos_server() -> None:
    assert to_gray(track(), 10, 64.0).mean() < 0.15 * 255


def test_a_picture_that_is_too_large_is_cut_around_its_brightest_pixel() -> None:
    rng = np.random.default_rng(2)
    gray = rng.integers(0, 200, (256, 256), dtype=np.uint8)
    gray[250, 3] = 255
    text = make_picture(gray, gray, (250, 3)).content
    assert len(text) < FRAME_CONTENT_CHARS
    picture = decoded(text)
    assert picture.max() == 255
    assert picture.shape[0] >= 128
    height = picture.shape[0]
    assert np.array_equal(picture, gray[256 - height :, :height])


@settings(max_examples=20, deadline=None)
@given(
    height=st.integers(1, 256),
    width=st.integers(1, 256),
    seed=st.integers(0, 1000),
    row=st.floats(0, 0.999),
    col=st.floats(0, 0.999),
)
def test_every_picture_fits_and_keeps_its_brightest_pixel(
    height: int, width: int, seed: int, row: float, col: float
) -> None:
    gray = np.random.default_rng(seed).integers(0, 255, (height, width), dtype=np.uint8)
    peak = (int(row * height), int(col * width))
    gray[peak] = 255
    text = make_picture(gray, gray, peak).content
    assert len(text) < FRAME_CONTENT_CHARS
    assert decoded(text).max() == 255
