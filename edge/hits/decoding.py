"""What stands for a picture elsewhere: its bytes, or text in a detection of CREDO's API."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from edge.frame import Pixels
from edge.pictures import Refused, read_picture
from edge.sources.files import Unreadable
from edge.sources.png import check_header

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
JPEG_HEAD = b"\xff\xd8\xff"


def decode_picture(data: bytes) -> tuple[Pixels, int]:
    """Read PNG or JPEG bytes: counts, of colour the luma, and bits of a count.

    Raises
    ------
    ValueError
        They are neither, or damaged.
    """
    if not data.startswith((PNG_HEAD, JPEG_HEAD)):
        raise ValueError("is neither PNG nor JPEG")
    try:
        if data.startswith(PNG_HEAD):
            check_header(data)
        pixels = read_picture(data)
    except Unreadable as error:
        raise ValueError(error.detail) from None
    except Refused as error:
        raise ValueError(str(error)) from None
    return pixels, 8 * pixels.dtype.itemsize


def detections_in(data: bytes) -> list[Any] | None:
    """List of detections in JSON of CREDO's API, or that list alone; None where it holds none.

    Raises
    ------
    ValueError
        It is damaged.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("is damaged JSON, or cut short") from None
    found = content.get("detections") if isinstance(content, dict) else content
    return found if isinstance(found, list) else None


def frame_content(detection: Any) -> bytes:
    """Bytes of a detection's picture; raises ValueError where there is none."""
    text = detection.get("frame_content") if isinstance(detection, dict) else None
    if not isinstance(text, str) or not text:
        raise ValueError("has no frame_content")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its frame_content is no base64") from None
