"""The picture of a hit as CREDO takes it: 8 bits grey, PNG, base64, below a length.

A crop that is too large is cut around the hit, never through it. Where the hit alone is too large,
the ground between its pixels is made black, which compresses; counts are never scaled down.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.credo_uplink.limits import FRAME_CONTENT_CHARS
from edge.crop import encode_png
from edge.detection import Crop
from edge.frame import Pixels

Way = Literal["whole", "cut", "ground_blacked", "left_out"]
CREDO_SIDES_PX = (128, 64, 60)
"""Sizes of the app's crops, which CREDO's analysis takes alone (``00_prefilter.py``)."""
_LIT_SIGMA = 3.5
_JOIN_PX = 5
_MAD_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class Picture:
    """A hit's picture.

    Attributes
    ----------
    content : str
        PNG in base64; "" where nothing fits.
    x0_px, y0_px, width_px, height_px : int
        Where it lies in the crop.
    brightest : int
        Its largest value, 0 to 255.
    way : {"whole", "cut", "ground_blacked", "left_out"}
        What was done to make it fit.
    """

    content: str
    x0_px: int
    y0_px: int
    width_px: int
    height_px: int
    brightest: int
    way: Way


def to_gray(pixels: Pixels, bit_depth: int, black_level_adu: float | None) -> NDArray[np.uint8]:
    """Scale raw counts to 8 bits: black level to 0, full scale to 255, in proportion.

    CREDO hides crops whose mean is bright, so the black level must not stay in.
    """
    black, full = gray_range(bit_depth, black_level_adu)
    scaled = (pixels.astype(np.float32) - np.float32(black)) * np.float32(255.0 / (full - black))
    return np.asarray(np.rint(np.clip(scaled, 0.0, 255.0)), dtype=np.uint8)


def gray_range(bit_depth: int, black_level_adu: float | None) -> tuple[float, float]:
    """Counts that become 0 and 255; a black level no sensor of that depth has is cut to it."""
    full = float((1 << bit_depth) - 1)
    black = min(max(black_level_adu or 0.0, -full), full)
    return black, max(full, black + 1.0)


def make_picture(counts: Pixels, gray: NDArray[np.uint8], peak: tuple[int, int]) -> Picture:
    """Write the largest picture that holds the hit and fits.

    Parameters
    ----------
    counts : ndarray, shape (height, width), uint8 or uint16
        Raw counts: they say which pixels are the hit's.
    gray : ndarray, same shape, uint8
        What is written; see `to_gray`.
    peak : (int, int)
        Row and column of the hit's brightest pixel. Where that is outside, as in a message that
        contradicts itself, the brightest of the crop stands for it.
    """
    for pixels, row, col, way in _tries(counts, gray, _inside(counts, peak)):
        content = base64.b64encode(encode_png(Crop(pixels, 0, 0))).decode("ascii")
        if len(content) < FRAME_CONTENT_CHARS:
            height, width = pixels.shape
            return Picture(content, col, row, width, height, int(pixels.max()), way)
    return Picture("", 0, 0, 0, 0, int(gray.max()), "left_out")


def lit_pixels(counts: Pixels, peak: tuple[int, int]) -> NDArray[np.bool_]:
    """Find the pixels of the hit: what stands out of the crop's noise and hangs with its peak.

    Gaps of up to 4 px are bridged, as the pieces of a track have them.
    """
    import cv2

    values = counts.astype(np.float32)
    ground = float(np.median(values))
    sigma = _MAD_SIGMA * float(np.median(np.abs(values - ground)))
    over: NDArray[np.bool_] = values > ground + max(_LIT_SIGMA * sigma, 1.0)
    over[peak] = True
    near = cv2.dilate(over.astype(np.uint8), np.ones((_JOIN_PX, _JOIN_PX), np.uint8))
    _, labels = cv2.connectedComponents(near, connectivity=8)
    return np.asarray(over & (labels == labels[peak]), dtype=np.bool_)


def _inside(counts: Pixels, peak: tuple[int, int]) -> tuple[int, int]:
    if all(0 <= at < size for at, size in zip(peak, counts.shape, strict=True)):
        return peak
    row, col = np.unravel_index(int(np.argmax(counts)), counts.shape)
    return int(row), int(col)


def _tries(
    counts: Pixels, gray: NDArray[np.uint8], peak: tuple[int, int]
) -> Iterator[tuple[NDArray[np.uint8], int, int, Way]]:
    """Yield pictures with their first row and column, the best first."""
    yield gray, 0, 0, "whole"
    lit = lit_pixels(counts, peak)
    rows, cols = _extent(lit, axis=1), _extent(lit, axis=0)
    for side in _sides(max(gray.shape)):
        row = _start(side, gray.shape[0], peak[0], rows)
        col = _start(side, gray.shape[1], peak[1], cols)
        if row is not None and col is not None:
            yield gray[row : row + side, col : col + side], row, col, "cut"
    box = slice(rows[0], rows[1] + 1), slice(cols[0], cols[1] + 1)
    alone = np.asarray(np.where(lit[box], gray[box], 0), dtype=np.uint8)
    yield alone, rows[0], cols[0], "ground_blacked"


def _sides(largest: int) -> Iterator[int]:
    yield from (side for side in CREDO_SIDES_PX if side < largest)
    side = largest * 7 // 8
    while side >= 1:
        yield side
        side = side * 7 // 8


def _extent(lit: NDArray[np.bool_], axis: int) -> tuple[int, int]:
    at = np.flatnonzero(np.any(lit, axis=axis))
    return int(at[0]), int(at[-1])


def _start(side: int, length: int, centre: int, holds: tuple[int, int]) -> int | None:
    """First index of `side` pixels around `centre` that hold a span; None if it is longer."""
    if length <= side:
        return 0
    lowest, highest = max(holds[1] - side + 1, 0), min(holds[0], length - side)
    return None if lowest > highest else min(max(centre - side // 2, lowest), highest)
