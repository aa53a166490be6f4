"""OpenCV without its own lines on standard error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV, and ffmpeg behind it, from writing what becomes one clear line here."""
    # Read once by OpenCV, when it first uses ffmpeg.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
