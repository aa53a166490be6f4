"""A picture's bytes to counts, or one clause on why not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import Pixels

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
JPEG_HEAD = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"


def decode_picture(data: bytes) -> tuple[Pixels, int]:
    """Read PNG or JPEG bytes: counts, of colour the luma, and bits of a count.

    Raises
    ------
    ValueError
        They are neither, or damaged.
    """
    if data.startswith(PNG_HEAD):
        from edge.sources.files import Fault, Unreadable
        from edge.sources.png import decode

        try:
            found = decode(data)
        except Unreadable as error:
            raise ValueError(error.detail) from None
        if isinstance(found, Fault):
            raise ValueError(found.detail)
        return _counts(found.values)
    if data.startswith(JPEG_HEAD):
        return _counts(_decode_jpeg(data))
    raise ValueError("is neither PNG nor JPEG")


def _counts(values: NDArray[Any]) -> tuple[Pixels, int]:
    from edge.features.gray import to_gray

    gray = to_gray(values)
    return gray, 8 * gray.dtype.itemsize


def _decode_jpeg(data: bytes) -> NDArray[Any]:
    import cv2

    # OpenCV fills what is missing and says so on standard error only.
    if not data.rstrip(b"\x00").endswith(_JPEG_END):
        raise ValueError("the file ends before the image does")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise ValueError("its pixels can't be decoded")
    return image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1])
