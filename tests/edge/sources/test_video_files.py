from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.errors import Failed
from edge.frame import Frame
from edge.sources import open_recording
from edge.sources.luma import luma
from tests.edge.sources.reading import only_series, outline, stack


def write_video(path: Path, frames: NDArray[np.generic], fps: float = 25.0) -> None:
    colour = frames.ndim == 4
    depth = cv2.CV_16U if frames.dtype == np.uint16 else cv2.CV_8U
    options = [cv2.VIDEOWRITER_PROP_IS_COLOR, int(colour), cv2.VIDEOWRITER_PROP_DEPTH, depth]
    height, width = frames.shape[1:3]
    lossless = cv2.VideoWriter.fourcc(*"FFV1")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, lossless, fps, (width, height), options)
    if not writer.isOpened():
        pytest.skip("this OpenCV can't write FFV1")
    for frame in frames:
        writer.write(frame)
    writer.release()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_video_is_read_without_loss(tmp_path: Path, dtype: type[np.uint16]) -> None:
    full = np.iinfo(dtype).max
    frames = np.random.default_rng(1).integers(0, full, (7, 32, 48), dtype, endpoint=True)
    write_video(tmp_path / "v.mkv", frames)
    series = only_series(tmp_path / "v.mkv")
    assert (series.count, series.mode.conversion) == (7, "")
    assert series.mode.bit_depth == np.iinfo(dtype).bits
    np.testing.assert_array_equal(stack(series), frames)


def test_colour_video_becomes_luma_and_says_so(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 255, (4, 32, 48, 3), np.uint8)
    write_video(tmp_path / "v.avi", frames)
    series = only_series(tmp_path / "v.avi")
    assert series.mode.conversion == "luma"
    expected = luma(frames[..., 2], frames[..., 1], frames[..., 0])
    np.testing.assert_array_equal(stack(series), expected)


def test_frames_have_their_time_in_the_video_and_no_utc(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", np.zeros((4, 32, 48), np.uint8), fps=25.0)
    series = only_series(tmp_path / "v.mkv")
    assert series.mode.frame_duration_ns == 40_000_000
    frames = [frame for frame in series.frames() if isinstance(frame, Frame)]
    assert [frame.sensor_time_ns for frame in frames] == [0, 40_000_000, 80_000_000, 120_000_000]
    assert {frame.utc_ns for frame in frames} == {None}


def test_a_part_begins_at_the_right_frame(tmp_path: Path) -> None:
    values = np.arange(9, dtype=np.uint8).repeat(32 * 48).reshape(9, 32, 48)
    write_video(tmp_path / "v.mkv", values)
    part = list(only_series(tmp_path / "v.mkv").frames(4, 6))
    assert [int(f.pixels[0, 0]) for f in part if isinstance(f, Frame)] == [4, 5]


def test_a_video_that_was_cut_off_gives_what_can_be_decoded(tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    write_video(path, np.random.default_rng(1).integers(0, 255, (10, 32, 48), np.uint8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    recording = open_recording(path)
    (series,) = recording.series()
    assert 1 < series.count < 10
    assert outline(series) == ["ok"] * series.count
    assert f"{10 - series.count} of 10 frames are missing" in recording.warnings[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "notes.txt"])
def test_what_is_no_video_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no video at all")
    with pytest.raises(Failed, match="isn't a video OpenCV can open") as caught:
        open_recording(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_damaged_video_says_nothing_on_standard_error(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_text("no video at all")
    # In a process of its own: ffmpeg's log level is read once, by whoever uses it first.
    code = "import sys, edge.sources as s; s.open_recording(sys.argv[1])"
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "v.mp4")],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = run.stderr.strip().splitlines()
    assert lines[-1].startswith("edge.errors.Failed: ")
    assert all(line.startswith(("Traceback", "  ")) for line in lines[:-1]), run.stderr


def test_a_video_of_any_name_is_opened(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", np.zeros((3, 32, 48), np.uint8))
    (tmp_path / "v.mkv").rename(tmp_path / "night")
    assert only_series(tmp_path / "night").count == 3
