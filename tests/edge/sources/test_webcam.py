from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.errors import BadUse, Failed
from edge.frame import BadFrame, Frame
from edge.pixels.candidates import stamp_of
from edge.sources import open_source
from edge.sources.capture import Capture
from edge.sources.luma import luma
from edge.sources.retry import Backoff
from edge.sources.webcam import Webcam
from edge.sources.webcam_device import WebcamOptions, open_device
from edge.timeline import exposure_ns
from tests.edge.sources.test_video_files import write_video

COLOUR = np.random.default_rng(3).integers(0, 255, (6, 32, 48, 3), np.uint8)


@dataclass
class Device:
    """A device whose reads go as they are written: an image, or None for a failed read."""

    reads: Iterator[NDArray[Any] | None]
    fps: float = 25.0
    released: int = 0
    image: NDArray[Any] | None = field(default=None, init=False)

    def grab(self) -> bool:
        self.image = next(self.reads, None)
        return self.image is not None

    def retrieve(self) -> tuple[bool, Any]:
        return self.image is not None, self.image

    def get(self, prop: int) -> float:
        return self.fps if prop == cv2.CAP_PROP_FPS else 0.0

    def release(self) -> None:
        self.released += 1


def webcam(*devices: Device | Failed, **options: object) -> Webcam:
    waiting = iter(devices)

    def open_next() -> Device:
        device = next(waiting, Failed("webcam:0: there is no /dev/video0"))
        if isinstance(device, Failed):
            raise device
        return device

    wanted = WebcamOptions(**options)  # type: ignore[arg-type]
    return Webcam("webcam:0", wanted, open_next, "test cam", Backoff(0.001, 0.002))


def test_colour_frames_become_luma_with_their_arrival_time() -> None:
    device = Device(iter(COLOUR))
    source = webcam(device, exposure_ms=2.0)
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    frames = [frame for frame in islice(source.frames(), 6) if isinstance(frame, Frame)]
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    expected = luma(COLOUR[..., 2], COLOUR[..., 1], COLOUR[..., 0])
    np.testing.assert_array_equal([frame.pixels for frame in frames], expected)
    assert [frame.sequence for frame in frames] == list(range(6))
    mode = frames[0].mode
    assert (mode.sensor, mode.width_px, mode.height_px) == ("test cam", 48, 32)
    assert (mode.bit_depth, mode.conversion) == (8, "luma")
    assert (mode.exposure_ns, mode.frame_duration_ns) == (2_000_000, 40_000_000)
    starts = [frame.sensor_time_ns for frame in frames]
    assert all(s is not None and before <= s + 2_000_000 <= after for s in starts)
    assert all(late >= early for early, late in pairwise(s for s in starts if s is not None))
    assert (source.origin, source.pushes_back) == ("camera", False)


def test_of_an_unknown_exposure_the_frames_time_before_it_came_is_looked_at() -> None:
    source = webcam(Device(iter(COLOUR), fps=5.0))
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    (frame,) = islice(source.frames(), 1)
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert isinstance(frame, Frame)
    assert frame.sensor_time_ns is not None
    end_ns = frame.sensor_time_ns + exposure_ns(stamp_of(frame))
    assert exposure_ns(stamp_of(frame)) == 200_000_000
    assert before <= end_ns <= after


def test_grey_16_bit_and_undecoded_frames_are_taken_as_they_are() -> None:
    grey = np.arange(12, dtype=np.uint16).reshape(3, 4)
    (frame,) = islice(webcam(Device(iter([grey]))).frames(), 1)
    assert isinstance(frame, Frame)
    assert (frame.mode.bit_depth, frame.mode.conversion) == (16, "")
    np.testing.assert_array_equal(frame.pixels, grey)
    yuyv = np.arange(24, dtype=np.uint8).reshape(3, 4, 2)
    (frame,) = islice(webcam(Device(iter([yuyv]))).frames(), 1)
    assert isinstance(frame, Frame)
    np.testing.assert_array_equal(frame.pixels, yuyv[..., 0])


def test_a_real_opencv_capture_serves_as_a_device(tmp_path: Path) -> None:
    write_video(tmp_path / "v.avi", COLOUR)
    capture = cv2.VideoCapture(str(tmp_path / "v.avi"), cv2.CAP_FFMPEG)
    source = Webcam("webcam:0", WebcamOptions(), lambda: capture)
    frames = [frame for frame in islice(source.frames(), 6) if isinstance(frame, Frame)]
    expected = luma(COLOUR[..., 2], COLOUR[..., 1], COLOUR[..., 0])
    np.testing.assert_array_equal([frame.pixels for frame in frames], expected)
    assert not capture.isOpened()


def test_a_failed_read_is_a_bad_frame_and_reading_goes_on() -> None:
    source = webcam(Device(iter([COLOUR[0], None, None, COLOUR[1]])))
    frames = list(islice(source.frames(), 4))
    assert [isinstance(frame, Frame) for frame in frames] == [True, False, False, True]
    assert [frame.sequence for frame in frames] == [0, 1, 2, 3]
    assert isinstance(frames[1], BadFrame)
    assert (frames[1].reason, source.faults["read_failed"]) == ("read_failed", 2)
    assert source.faults["reopened"] == 0


def test_a_device_that_fails_again_and_again_is_opened_anew() -> None:
    first = Device(iter([COLOUR[0], None, None, None]))
    gone = Failed("webcam:0: there is no /dev/video0")
    second = Device(iter([COLOUR[1]]))
    source = webcam(first, gone, gone, second)
    frames = list(islice(source.frames(), 5))
    assert [isinstance(frame, Frame) for frame in frames] == [True, False, False, False, True]
    assert first.released == 1
    assert (source.faults["open_failed"], source.faults["reopened"]) == (2, 1)


def test_the_time_a_device_was_away_is_a_gap_of_the_sequence() -> None:
    class Slow(Device):
        def grab(self) -> bool:
            time.sleep(0.05)
            return super().grab()

    first = Device(iter([COLOUR[0], None, None, None]), fps=200.0)
    source = webcam(first, Slow(iter([COLOUR[1]]), fps=200.0))
    frames = list(islice(source.frames(), 5))
    assert [frame.sequence for frame in frames[:4]] == [0, 1, 2, 3]
    assert frames[4].sequence >= 10  # 50 ms at 200 frames a second


def test_a_frame_of_another_size_is_bad() -> None:
    source = webcam(Device(iter([COLOUR[0], COLOUR[1][:, :-2], COLOUR[2]])))
    frames = list(islice(source.frames(), 3))
    assert isinstance(frames[1], BadFrame)
    assert frames[1].reason == "changed_size"
    assert isinstance(frames[2], Frame)


def test_a_frame_that_cannot_be_decoded_is_bad() -> None:
    class Torn(Device):
        def retrieve(self) -> tuple[bool, Any]:
            raise cv2.error("half a JPEG")

    (frame,) = islice(webcam(Torn(iter([COLOUR[0]]))).frames(), 1)
    assert isinstance(frame, BadFrame)


def test_closing_ends_the_reopening_at_once() -> None:
    source = Webcam("webcam:0", WebcamOptions(), lambda: Device(iter([])), "", Backoff(30, 30))
    capture = Capture(source)
    capture.start()
    time.sleep(0.02)
    begun = time.monotonic()
    assert capture.stop()
    assert time.monotonic() - begun < 1
    assert source.faults["read_failed"] == 3


def test_closed_before_it_was_read_it_gives_the_device_back() -> None:
    device = Device(iter(COLOUR))
    source = webcam(device)
    source.close()
    assert device.released == 1
    assert list(source.frames()) == []
    assert device.released == 1


def test_an_absent_camera_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="webcam:99: there is no /dev/video99"):
        open_source("webcam:99")
    with pytest.raises(Failed, match=r"there is no .*nothing"):
        open_source(f"webcam:{tmp_path}/nothing")


def test_what_is_no_camera_is_told_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no camera")
    with pytest.raises(Failed, match="can't be opened; is another program using it"):
        open_device("webcam:x", tmp_path / "file", WebcamOptions())
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("widht=640", 'did you mean "width"'),
        ("width=0", "width must be above 0"),
        ("exposure=-1", "exposure_ms must be above 0"),
        ("fps=fast", "expected a number"),
    ],
)
def test_options_are_checked(query: str, why: str) -> None:
    with pytest.raises(BadUse, match=why):
        open_source(f"webcam:0?{query}")
