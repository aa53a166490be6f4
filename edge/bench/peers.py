"""The pixel pass as others write it: OpenCV call by call, NumPy line by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frame import Packing, Pixels
from edge.pixels.scan import Scan

OPENCV = "OpenCV"
OPENCV_PLAIN = "OpenCV, already unpacked"
NUMPY = "plain NumPy"
MAX = "np.max"
COPY = "np.copyto"

_GROUPS = {"mipi10": (4, 5, 2), "mipi12": (2, 3, 4), "mipi14": (4, 7, 6)}
"""Pixels and bytes of a group, and the low bits of a pixel that lie at the group's end."""


def single_thread() -> None:
    """Keep OpenCV to one thread: the others have one."""
    import cv2

    cv2.setNumThreads(1)


class OpenCvPass:
    """Mean, count above black, maximum and places above each pixel's threshold: six OpenCV calls.

    Buffers are made once and the thresholds have the frame's type, as a careful user would do.
    """

    def __init__(self, like: Pixels, seed_threshold: NDArray[np.uint16], black_adu: int) -> None:
        limit = np.iinfo(like.dtype).max
        # Any: OpenCV's stubs know fewer arrays than its functions take.
        self._threshold: Any = np.minimum(seed_threshold, limit).astype(like.dtype)
        self._black: Any = float(black_adu)
        self._mask: Any = np.empty(like.shape, np.uint8)

    def __call__(self, pixels: Pixels) -> Scan:
        """Read a frame five times; the answer of `edge.pixels.scan.scan`."""
        import cv2

        mask = self._mask
        total = int(cv2.sumElems(pixels)[0])
        cv2.compare(pixels, self._black, cv2.CMP_GT, mask)
        bright = int(cv2.countNonZero(mask))
        largest = int(cv2.minMaxLoc(pixels)[1])
        cv2.compare(pixels, self._threshold, cv2.CMP_GT, mask)
        places: Any = cv2.findNonZero(mask)
        if places is None:
            return Scan(total, bright, 0, np.empty(0, np.int64), largest)
        flat = places.reshape(-1, 2).astype(np.int64)
        seeds = flat[:, 1] * pixels.shape[1] + flat[:, 0]
        return Scan(total, bright, len(flat), seeds, largest)


class Unpacker:
    """MIPI RAW10, RAW12 or RAW14 to uint16 in a buffer made once: OpenCV has no call for it."""

    def __init__(self, shape: tuple[int, int], packing: Packing) -> None:
        self._count, self._size, self._low_bits = _GROUPS[packing]
        height, self._width = shape
        self._groups = -(-self._width // self._count)
        self._out = np.empty((height, self._groups * self._count), np.uint16)
        self._tail = np.empty((height, self._groups), np.uint32)

    def __call__(self, packed: Pixels) -> NDArray[np.uint16]:
        """Unpack a frame, shape (height, stride), into the buffer, shape (height, width)."""
        used = packed[:, : self._groups * self._size]
        tail, bits = self._tail, self._low_bits
        tail[:] = used[:, self._count :: self._size]
        for i in range(1, self._size - self._count):
            tail |= used[:, self._count + i :: self._size].astype(np.uint32) << np.uint32(8 * i)
        for i in range(self._count):
            pixel = self._out[:, i :: self._count]
            np.left_shift(used[:, i :: self._size], bits, out=pixel, dtype=np.uint16)
            low = (tail >> np.uint32(bits * i)) & np.uint32((1 << bits) - 1)
            np.bitwise_or(pixel, low.astype(np.uint16), out=pixel)
        return self._out[:, : self._width]


def numpy_pass(pixels: Pixels, seed_threshold: NDArray[np.uint16], black_adu: int) -> Scan:
    """The same in five lines of plain NumPy, without a thought for speed."""
    total = round(float(pixels.mean()) * pixels.size)
    bright = int((pixels > black_adu).sum())
    largest = int(pixels.max())
    places = np.argwhere(pixels > seed_threshold)
    seeds = places[:, 0] * pixels.shape[1] + places[:, 1]
    return Scan(total, bright, len(places), seeds, largest)


def copy_into(target: Pixels) -> Callable[[Pixels], object]:
    """Copy a frame: reading it once and writing it once, the least that memory allows."""
    return lambda pixels: np.copyto(target, pixels)


def same_answer(one: Scan, other: Scan) -> bool:
    """Whether two passes found the same; a race between unequal answers would mean nothing."""
    return (one.total_adu, one.bright, one.lit, one.largest_adu) == (
        other.total_adu,
        other.bright,
        other.lit,
        other.largest_adu,
    ) and np.array_equal(one.seeds, other.seeds)
