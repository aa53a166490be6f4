"""Videos, decoded in order by OpenCV (ffmpeg)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.sources.files import Fault, FileInfo, Plane, Unreadable, depth_of, sized_mode
from edge.sources.luma import LUMA, luma
from edge.sources.quiet import quiet_opencv

_SUFFIXES = (
    *(".avi", ".mp4", ".mkv", ".mov", ".m4v", ".webm", ".mpg", ".mpeg"),
    *(".wmv", ".flv", ".ogv", ".3gp", ".h264", ".mjpeg", ".mjpg"),
)
# Pixel formats of the decoder that are grey already, as OpenCV names them.
_GREY: dict[bytes, np.dtype[Any]] = {
    b"Y800": np.dtype(np.uint8),
    b"Y1\x00\x10": np.dtype(np.uint16),
}


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """Any video OpenCV opens. Colour becomes luma; 8 and 16 bit grey stays what it is.

    A frame's `sensor_time_ns` is its presentation time, from 0 at the start of the video;
    a video states no UTC.
    """

    suffixes: tuple[str, ...] = _SUFFIXES

    def inspect(self, path: Path) -> FileInfo:
        """Read the container's header and make sure of the number of frames."""
        with _open(path) as video:
            dtype, grey = _stored(video)
            fps = float(video.get(_CV.fps))
            # A decoder that knows no rate states 0, NaN or its clock's ticks.
            duration = round(1e9 / fps) if np.isfinite(fps) and 0 < fps <= 10_000 else None
            mode = sized_mode(
                int(video.get(_CV.width)),
                int(video.get(_CV.height)),
                depth_of(dtype),
                frame_duration_ns=duration,
                conversion="" if grey else LUMA,
            )
            stated = int(video.get(_CV.count))
        count = _count(path, stated)
        if count == 0:
            raise Unreadable("empty", "holds no frame that can be decoded")
        short = f"{stated - count} of {stated} frames are missing" if count < stated else ""
        return FileInfo(mode, dtype, count, note=short)

    def planes(self, path: Path, info: FileInfo, start: int, stop: int) -> Iterator[Plane | Fault]:
        """Decode from the beginning; frames before `start` are decoded and dropped."""
        with _open(path) as video:
            _stored(video)
            for index in range(stop):
                if not video.grab():
                    raise Unreadable("truncated", "the video ends before this frame")
                if index >= start:
                    yield _read(video)


class _CV:
    """Numbers of OpenCV's capture properties, which are part of its interface."""

    position_ms, position, width, height, fps = 0, 1, 3, 4, 5
    count, convert_rgb, pixel_format = 7, 16, 46


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    import cv2

    with quiet_opencv():
        video = cv2.VideoCapture(os.fspath(path), cv2.CAP_FFMPEG)
    try:
        if not video.isOpened():
            raise Unreadable("unreadable", "isn't a video OpenCV can open")
        yield video
    finally:
        video.release()


def _stored(video: Any) -> tuple[np.dtype[Any], bool]:
    """Dtype of the planes, and whether the video is grey; sets the decoder up for it."""
    code = int(video.get(_CV.pixel_format)).to_bytes(4, "little", signed=True)
    if code in _GREY and video.set(_CV.convert_rgb, 0):
        return _GREY[code], True
    return np.dtype(np.uint8), False


def _count(path: Path, stated: int) -> int:
    """Frames that can be decoded.

    Containers state an estimate. Where the last stated frame is there and is the last, it holds;
    else the frames are counted.
    """
    if stated > 0:
        with _open(path) as video:
            if video.set(_CV.position, stated - 1) and video.grab() and not video.grab():
                return stated
    count = 0
    with _open(path) as video:
        while video.grab():
            count += 1
    return count


def _read(video: Any) -> Plane | Fault:
    time_ns = round(float(video.get(_CV.position_ms)) * 1e6)
    ok, image = video.retrieve()
    if not ok or image is None:
        return Fault("unreadable", "can't be decoded")
    if image.ndim == 3:
        image = luma(image[..., 2], image[..., 1], image[..., 0])
    return Plane(image, time_ns)
