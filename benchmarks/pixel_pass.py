"""The one read of a frame, beside reading it at all and beside other ways to do the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.dark import DEEP, SHALLOW, DarkFrames, Sensor, dark_frames
from benchmarks.peers import COPY, NUMPY, OPENCV, OpenCvPass, copy_into, numpy_pass, same_answer
from benchmarks.result import Result
from benchmarks.scale import Scale, Size
from benchmarks.timing import race
from calibration.jit import numba_available
from edge.frame import Pixels
from edge.pixels.scan import scan, scan_numpy

OURS = "scan (numba)"
FALLBACK = "scan (NumPy)"
_PLAIN = "np.max"


def run(scale: Scale) -> Iterator[Result]:
    """12 MP of 16 bits as a Pi camera gives them, 1080p of 8 bits as a webcam does."""
    yield _pass(scale.large, DEEP, scale.rounds)
    yield _pass(scale.medium, SHALLOW, scale.rounds)


def _pass(size: Size, sensor: Sensor, rounds: int) -> Result:
    dark = dark_frames(size, sensor)
    ours = OURS if numba_available() else FALLBACK
    times = race(_contenders(dark, ours), rounds)
    width, height = size
    depth = np.dtype(sensor.dtype).name
    ms = times[ours].median_ms
    read_bytes = dark.frames[0].nbytes + dark.seed_threshold.nbytes
    return Result(
        f"pixel_pass_{width}x{height}_{depth}",
        f"pixel pass, {width} × {height} {depth}, 500 hot pixels, 3 particles",
        ours,
        times,
        figures={"megapixels": width * height / 1e6, "frames_per_s": round(1e3 / ms, 1)},
        notes=(
            f"{1e3 / ms:.0f} frames/s, {ms * 1e6 / (width * height):.2f} ns a pixel, "
            f"{read_bytes / ms / 1e6:.1f} GB/s of frame and thresholds",
        ),
    )


def _contenders(dark: DarkFrames, ours: str) -> dict[str, Callable[[], object]]:
    opencv = OpenCvPass(dark.frames[0], dark.seed_threshold, dark.black_adu)
    passes: dict[str, Callable[[Pixels], object]] = {
        ours: lambda pixels: scan(pixels, dark.seed_threshold, dark.black_adu),
        FALLBACK: lambda pixels: scan_numpy(pixels, dark.seed_threshold, dark.black_adu),
        OPENCV: opencv,
        NUMPY: lambda pixels: numpy_pass(pixels, dark.seed_threshold, dark.black_adu),
        _PLAIN: np.max,
        COPY: copy_into(np.empty_like(dark.frames[0])),
    }
    _check(dark, opencv)
    return {name: dark.in_turn(call) for name, call in passes.items()}


def _check(dark: DarkFrames, opencv: OpenCvPass) -> None:
    for pixels in dark.frames:
        known = scan(pixels, dark.seed_threshold, dark.black_adu)
        others = (
            scan_numpy(pixels, dark.seed_threshold, dark.black_adu),
            opencv(pixels),
            numpy_pass(pixels, dark.seed_threshold, dark.black_adu),
        )
        if not all(same_answer(known, other) for other in others):
            raise AssertionError("the contenders of the pixel pass give different answers")
