"""A camera by OpenCV and V4L2: `webcam:0?width=1280&height=720&fps=30&exposure=100`."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.clock.arrival import ArrivalLine
from edge.errors import Failed
from edge.frame import BadFrame, Frame, Origin, Pixels, SensorMode
from edge.sources.luma import LUMA, luma
from edge.sources.options import parse_options
from edge.sources.retry import Backoff
from edge.sources.webcam_device import VideoDevice, WebcamOptions, open_device, sensor_name
from edge.timeline import exposure_ns

_log = logging.getLogger(__name__)

_SHORT = {"exposure": "exposure_ms"}
# After so many failed reads in a row the camera is opened anew.
_FAILURES_TO_REOPEN = 3
_FPS = 5  # OpenCV's number of the property


def open_webcam(target: str, options: Mapping[str, str]) -> Webcam:
    """Open the camera of number or device `target` ("0" where empty).

    Raises
    ------
    BadUse
        A wrong option.
    Failed
        No such camera, or another program holds it.
    """
    name = f"webcam:{target or 0}"
    full = {_SHORT.get(key, key): value for key, value in options.items()}
    parsed = parse_options(full, WebcamOptions, name)
    device = Path(f"/dev/video{target or 0}" if target.isdecimal() or not target else target)
    return Webcam(name, parsed, lambda: open_device(name, device, parsed), sensor_name(device))


class Webcam:
    """Implements `edge.frame.FrameSource`; frames are grey (luma) with their arrival time.

    The arrival is freed of what the computer's load delays it by (`edge.clock.arrival`).

    Reads that fail are bad frames; after some in a row the device is opened anew, with growing
    pauses, until it answers or the source is closed.

    Parameters
    ----------
    name : str
        For logs.
    options : WebcamOptions
        What was asked for.
    open_device : callable
        Opens the device; raises Failed.
    sensor : str, optional
        Name of the camera.
    backoff : Backoff, optional
        Pauses between attempts.

    Attributes
    ----------
    faults : Counter of str
        "read_failed", "reopened", "open_failed".
    """

    def __init__(
        self,
        name: str,
        options: WebcamOptions,
        open_device: Callable[[], VideoDevice],
        sensor: str = "",
        backoff: Backoff | None = None,
    ) -> None:
        self.faults: Counter[str] = Counter()
        self._name = name
        self._options = options
        self._open_device = open_device
        self._sensor = sensor
        self._backoff = backoff or Backoff()
        self._closed = threading.Event()
        self._mode: SensorMode | None = None
        self._sequence = 0
        self._last_ns: int | None = None
        self._reopenings_counted = 0
        self._bad_since_frame = 0
        self._arrivals = ArrivalLine()
        self._device: VideoDevice | None = open_device()
        self._reading = False

    @property
    def name(self) -> str:
        """URL-like name for logs."""
        return self._name

    @property
    def origin(self) -> Origin:
        """Always "camera"."""
        return "camera"

    @property
    def mode(self) -> SensorMode | None:
        """None until the first frame."""
        return self._mode

    @property
    def pushes_back(self) -> bool:
        """A camera doesn't wait."""
        return False

    def close(self) -> None:
        """Stop; the device is given back by the thread that reads it."""
        self._closed.set()
        if not self._reading:
            self._give_back()

    def frames(self) -> Iterator[Frame | BadFrame]:
        """Yield frames until closed."""
        self._reading = True
        failures = 0
        try:
            while not self._closed.is_set() and self._device is not None:
                image, arrival_ns = self._read(self._device)
                if self._closed.is_set():
                    return
                if image is not None:
                    failures = 0
                    yield self._frame(image, arrival_ns)
                    continue
                failures += 1
                self.faults["read_failed"] += 1
                yield self._bad("read_failed", "the camera gave no frame")
                if failures >= _FAILURES_TO_REOPEN:
                    failures = 0
                    self._reopen()
        finally:
            self._reading = False
            self._give_back()

    def _read(self, device: VideoDevice) -> tuple[NDArray[Any] | None, int]:
        grabbed = device.grab()
        arrival_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        try:
            ok, image = device.retrieve() if grabbed else (False, None)
        except Exception as error:  # cv2.error, such as for half a JPEG
            _log.warning("%s: a frame can't be decoded: %s", self._name, error)
            ok, image = False, None
        return (image if ok else None), arrival_ns

    def _reopen(self) -> None:
        _log.warning("%s: no frames; opening the camera anew", self._name)
        self._give_back()
        while not self._backoff.wait(self._closed):
            try:
                self._device = self._open_device()
            except Failed as error:
                self.faults["open_failed"] += 1
                _log.warning("%s", error)
                continue
            self.faults["reopened"] += 1
            return

    def _give_back(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.release()

    def _frame(self, image: NDArray[Any], arrival_ns: int) -> Frame | BadFrame:
        pixels, conversion = _to_grey(image)
        height, width = pixels.shape
        if self._mode is None:
            self._mode = self._first_mode(pixels, conversion)
            self._arrivals = ArrivalLine(self._mode.frame_duration_ns)
        mode = self._mode
        if (width, height) != (mode.width_px, mode.height_px):
            expected = f"{mode.width_px}x{mode.height_px}"
            return self._bad("changed_size", f"is {width}x{height} pixels, not {expected}")
        self._backoff.reset()
        self._count_missing(arrival_ns, mode)
        sequence = self._next_sequence()
        pixels.flags.writeable = False
        frame = Frame(pixels, sequence, sequence, mode, exposure_ns=mode.exposure_ns or 0)
        # A frame arrives when its exposure is over.
        came_ns = self._arrivals.place_ns(sequence, arrival_ns)
        return replace(frame, sensor_time_ns=came_ns - exposure_ns(frame))

    def _first_mode(self, pixels: Pixels, conversion: str) -> SensorMode:
        fps = self._device.get(_FPS) if self._device is not None else 0.0
        exposure_ms = self._options.exposure_ms
        return SensorMode(
            self._sensor,
            pixels.shape[1],
            pixels.shape[0],
            8 * pixels.itemsize,
            exposure_ns=None if exposure_ms is None else round(exposure_ms * 1e6),
            frame_duration_ns=round(1e9 / fps) if fps > 0 and np.isfinite(fps) else None,
            conversion=conversion,
        )

    def _count_missing(self, arrival_ns: int, mode: SensorMode) -> None:
        """After the device was opened anew, leave a gap as long as it was away."""
        reopened = self.faults["reopened"]
        away = reopened > self._reopenings_counted
        if away:
            self._arrivals.reset()
        if away and self._last_ns is not None and mode.frame_duration_ns:
            missing = round((arrival_ns - self._last_ns) / mode.frame_duration_ns) - 1
            self._sequence += max(0, missing - self._bad_since_frame)
        self._reopenings_counted, self._bad_since_frame = reopened, 0
        self._last_ns = arrival_ns

    def _bad(self, reason: str, detail: str) -> BadFrame:
        self._bad_since_frame += 1
        sequence = self._next_sequence()
        return BadFrame(sequence, sequence, reason, f"{self._name}: {detail}")

    def _next_sequence(self) -> int:
        sequence, self._sequence = self._sequence, self._sequence + 1
        return sequence


def _to_grey(image: NDArray[Any]) -> tuple[Pixels, str]:
    if image.ndim == 2:
        return image, ""
    if image.shape[2] == 2:  # undecoded YUYV, whose first byte of two is the luma
        return np.ascontiguousarray(image[..., 0]), LUMA
    return luma(image[..., 2], image[..., 1], image[..., 0]), LUMA
