"""Bytes of an image file to counts."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import Pixels
from edge.sources.files import Fault, Unreadable
from edge.sources.luma import luma

SUFFIXES = frozenset(
    {
        ".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".pgm", ".ppm",
        ".pnm", ".jp2",
    }
)  # fmt: skip
"""Names of the files that are looked for in a folder."""

MAX_PX = 50_000_000
MAX_BYTES = 500_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_OPENCV_LIMIT = "OPENCV_IO_MAX_IMAGE_PIXELS"


class Refused(Exception):
    """What can't be used: one line that says why, without the file's name."""


def read_picture(data: bytes) -> Pixels:
    """Decode an image; colour becomes luma (ITU-R BT.601), alpha is left out.

    Returns
    -------
    ndarray of uint8 or uint16, shape (height, width)

    Raises
    ------
    Refused
        It is no image, damaged, cut short, too large, or holds something else than counts.
    """
    if not data:
        raise Refused("is empty")
    try:
        pixels = _png(data) if data.startswith(_PNG) else _other(data)
    except MemoryError:
        raise Refused("is too large for this computer's memory") from None
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16) or pixels.size == 0:
        raise Refused(f"holds {pixels.dtype} of shape {pixels.shape}, expected 8 or 16 bit")
    return pixels


def _png(data: bytes) -> NDArray[Any]:
    from edge.sources.png import decode, read_header

    try:
        width, height, *_ = read_header(data)
    except Unreadable as error:
        raise Refused(error.detail) from None
    _check_size(width, height)
    if width == 0 or height == 0:
        raise Refused(f"is {width}x{height} px")
    plane = decode(data)
    if isinstance(plane, Fault):
        raise Refused(plane.detail)
    return plane.values


def _other(data: bytes) -> NDArray[Any]:
    """All else that OpenCV reads."""
    if data.startswith(_JPEG) and _JPEG_END not in data[len(data) // 2 :]:
        raise Refused("the file ends before the image does")
    if "cv2" not in sys.modules:
        # Read once, when OpenCV is loaded: a damaged header must not ask for a gigabyte.
        os.environ.setdefault(_OPENCV_LIMIT, str(MAX_PX))
    import cv2

    from edge.sources.quiet import quiet_opencv

    with quiet_opencv():
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            large = "CV_IO_MAX" in str(error)
            raise Refused(_too_large("") if large else "can't be decoded") from None
    if image is None:
        raise Refused("is no image, or not a whole one")
    _check_size(image.shape[1], image.shape[0])
    if image.ndim == 3 and image.shape[2] >= 3:
        return luma(image[..., 2], image[..., 1], image[..., 0])
    grey: NDArray[Any] = image if image.ndim == 2 else np.ascontiguousarray(image[..., 0])
    return grey


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PX:
        raise Refused(_too_large(f"is {width}x{height} px: "))


def _too_large(size: str) -> str:
    return f"{size}more than {MAX_PX // 1_000_000} megapixels are not read"
