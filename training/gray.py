"""A picture as gray counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class GrayError(Exception):
    """The file is no picture of 8 or 16 bits."""


def read_gray(path: Path) -> NDArray[Any]:
    """Read a picture; colour becomes luma (ITU-R BT.601), transparency is left out.

    Returns
    -------
    ndarray of uint8 or uint16, shape (height, width)

    Raises
    ------
    GrayError
        It can't be read.
    """
    import cv2

    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        pixels: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except (OSError, cv2.error) as error:
        raise GrayError(f"{path}: {error}") from None
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise GrayError(f"{path}: no picture of 8 or 16 bits")
    if pixels.ndim == 2:
        return np.asarray(pixels)
    if pixels.shape[2] < 3:
        return np.ascontiguousarray(pixels[..., 0])
    luma = pixels[..., :3].astype(np.float64) @ np.array([0.114, 0.587, 0.299])
    gray: NDArray[Any] = np.rint(luma).astype(pixels.dtype)
    return gray
