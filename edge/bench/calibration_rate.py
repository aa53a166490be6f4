"""What a frame costs while the rig calibrates.

A pixel's value is among its four largest in all of the first frames and in ever fewer of the later
ones, and costs more then. Measured are frames after the first 65: there it is so in one pixel of
16, which is also the mean over a calibration of 500.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.calibrator import Calibrator
from edge.bench.dark import DEEP, SHALLOW, Sensor, unlike_frames
from edge.bench.made import mode_of
from edge.bench.peers import COPY, copy_into
from edge.bench.result import Result
from edge.bench.scale import Scale, Size
from edge.bench.timing import race
from edge.detector import mode_note
from edge.frame import Pixels

_OURS = "Calibrator.add"
_BEFORE = 65
_FRAMES = 128
_OPENCV = "OpenCV sums"
_NUMPY = "NumPy sums"


def cases(scale: Scale) -> list[tuple[Size, Sensor]]:
    """12 MP uint16 and 1080p uint8."""
    return [(scale.large, DEEP), (scale.medium, SHALLOW)]


def name_of(size: Size, sensor: Sensor) -> str:
    """Key in the JSON object."""
    return f"calibration_add_{size[0]}x{size[1]}_{np.dtype(sensor.dtype).name}"


def run(size: Size, sensor: Sensor, rounds: int) -> Iterator[Result]:
    """Add frames to a calibration."""
    width, height = size
    dark = unlike_frames(size, sensor, _FRAMES)
    calibrator = Calibrator(mode_note(mode_of(width, height, sensor.bit_depth)))
    calls: dict[str, Callable[[Pixels], object]] = {
        _OURS: calibrator.add,
        _OPENCV: _opencv_sums(height, width),
        _NUMPY: _numpy_sums(height, width),
        COPY: copy_into(np.empty_like(dark.frames[0])),
    }
    frames = {name: dark.in_turn(call) for name, call in calls.items()}
    for _ in range(_BEFORE):
        frames[_OURS]()
    times = race(frames, rounds, repeats=1)
    if calibrator.refused:
        raise AssertionError(f"{calibrator.refused} dark frames were refused")
    ms, depth = times[_OURS].median_ms, np.dtype(sensor.dtype).name
    yield Result(
        name_of(size, sensor),
        f"calibration, one frame of {width} × {height} {depth}",
        _OURS,
        times,
        figures={"frames_per_s": round(1e3 / ms, 1)},
        notes=(
            f"{1e3 / ms:.0f} frames/s: the 500 frames of a calibration take {ms / 2:.1f} s of work",
            "the sums keep no largest values: no trimmed mean can be made of them",
        ),
    )


def _opencv_sums(height: int, width: int) -> Callable[[Pixels], object]:
    import cv2

    total: NDArray[Any] = np.zeros((height, width), np.float64)
    squares: NDArray[Any] = np.zeros((height, width), np.float64)

    def add(pixels: Pixels) -> None:
        cv2.accumulate(pixels, total)
        cv2.accumulateSquare(pixels, squares)

    return add


def _numpy_sums(height: int, width: int) -> Callable[[Pixels], object]:
    total = np.zeros((height, width))
    squares = np.zeros((height, width))

    def add(pixels: Pixels) -> None:
        wide = pixels.astype(np.float64)
        np.add(total, wide, out=total)
        np.add(squares, wide * wide, out=squares)

    return add
