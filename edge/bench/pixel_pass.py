"""The one read of a frame, beside reading it at all and beside other ways to do the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from edge.bench.dark import (
    DEEP,
    HOT_PIXELS,
    PARTICLES,
    RAW10,
    RAW12,
    RAW14,
    SHALLOW,
    DarkFrames,
    Sensor,
    dark_frames,
)
from edge.bench.machine import cache_bytes, spare_memory_bytes
from edge.bench.ours import FALLBACK, fallback_pass, our_pass, ours
from edge.bench.peers import (
    COPY,
    MAX,
    NUMPY,
    OPENCV,
    OPENCV_PLAIN,
    OpenCvPass,
    Unpacker,
    copy_into,
    numpy_pass,
    same_answer,
)
from edge.bench.result import Result, short
from edge.bench.scale import Scale, Size
from edge.bench.timing import race
from edge.frame import Pixels
from edge.pixels.scan import Scan

MEMORY = "_memory"
"""Ends the keys for frames that come from memory, not from the processor's cache."""

_LEAST_FRAMES = 4


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of frame: key in the JSON object, sensor, and whether it is a large one."""

    name: str
    sensor: Sensor
    large: bool

    def size(self, scale: Scale) -> Size:
        """Width and height."""
        return scale.large if self.large else scale.medium


CASES = (
    Case("pass_12mp_u16", DEEP, True),
    Case("pass_12mp_raw10", RAW10, True),
    Case("pass_12mp_raw12", RAW12, True),
    Case("pass_12mp_raw14", RAW14, True),
    Case("pass_1080p_u8", SHALLOW, False),
)


def run(case: Case, scale: Scale, *, memory: bool = False) -> Iterator[Result]:
    """Race on one repeated frame, or on so many that none is in the cache when its turn comes."""
    size = case.size(scale)
    wanted = 1
    if memory:
        wanted = _unlike(size, case.sensor, scale.memory_frames)
    dark = dark_frames(size, case.sensor, ring=wanted)
    times = race(_contenders(dark), scale.rounds, warm=not memory)
    name = ours()
    ms = times[name].median_ms
    width, height = size
    where = f"{wanted} frames from memory" if memory else "one repeated frame"
    yield Result(
        case.name + MEMORY * memory,
        f"pixel pass, {width} × {height} {sensor_name(case.sensor)}, {HOT_PIXELS} hot pixels, "
        f"{PARTICLES} particles, {where}",
        name,
        times,
        figures={
            "width_px": width,
            "height_px": height,
            "bit_depth": case.sensor.bit_depth,
            "packing": case.sensor.packing,
            "hot_pixels": HOT_PIXELS,
            "particles": PARTICLES,
            "frames": wanted,
            "megapixels": width * height / 1e6,
            "frames_per_s": round(1e3 / ms, 1),
            "fallback_over_opencv": short(times[FALLBACK].ratio_to(times[OPENCV])),
        },
        notes=(
            f"{1e3 / ms:.0f} frames/s, {ms * 1e6 / (width * height):.2f} ns a pixel, "
            f"{dark.frames[0].nbytes / ms / 1e6:.1f} GB/s of frame",
            *_notes(case, wanted, scale.memory_frames if memory else 1),
        ),
    )


def sensor_name(sensor: Sensor) -> str:
    """Such as uint16, RAW10."""
    if sensor.packing == "none":
        return np.dtype(sensor.dtype).name
    return sensor.packing.replace("mipi", "RAW")


def _notes(case: Case, frames: int, wanted: int) -> Iterator[str]:
    if case.sensor.packing != "none":
        yield "np.max and np.copyto of the unpacked frame; OpenCV and NumPy unpack it first"
    if frames < wanted:
        yield f"{frames} frames instead of {wanted}: there is no memory for more"


def _unlike(size: Size, sensor: Sensor, least: int) -> int:
    """So many that the cache holds a part of them at most, as far as there is memory."""
    plain_bytes = size[0] * size[1] * np.dtype(sensor.dtype).itemsize
    packed_bytes = 0 if sensor.packing == "none" else size[0] * size[1] * sensor.bit_depth // 8
    wanted = max(least, 1 + cache_bytes() // (packed_bytes or plain_bytes))
    room = spare_memory_bytes() // 2 // (plain_bytes + packed_bytes)
    return max(min(wanted, room), _LEAST_FRAMES)


def _contenders(dark: DarkFrames) -> dict[str, Callable[[], object]]:
    """All that race, along one row of frames: none finds warm what another has just read."""
    turn = itertools.cycle(range(len(dark.frames)))
    every = passes(dark)
    check(dark, every)
    calls = {name: dark.in_turn(call, turn=turn) for name, call in every.items()}
    opencv = OpenCvPass(dark.plain[0], dark.seed_threshold, dark.black_adu)
    if dark.packing != "none":
        calls[OPENCV_PLAIN] = dark.in_turn(opencv, plain=True, turn=turn)
    copy = copy_into(np.empty_like(dark.plain[0]))
    calls[MAX] = dark.in_turn(np.max, plain=True, turn=turn)
    calls[COPY] = dark.in_turn(copy, plain=True, turn=turn)
    return calls


def passes(dark: DarkFrames) -> dict[str, Callable[[Pixels], Scan]]:
    """Ours and the others', each of which takes a frame as a camera delivers it."""
    opencv = OpenCvPass(dark.plain[0], dark.seed_threshold, dark.black_adu)
    made: dict[str, Callable[[Pixels], Scan]] = {
        ours(): our_pass(dark),
        FALLBACK: fallback_pass(dark),
        OPENCV: opencv,
        NUMPY: lambda pixels: numpy_pass(pixels, dark.seed_threshold, dark.black_adu),
    }
    if dark.packing != "none":
        height, width = dark.seed_threshold.shape
        unpacker = Unpacker((height, width), dark.packing)
        plain_numpy = made[NUMPY]
        made[OPENCV] = lambda packed: opencv(unpacker(packed))
        made[NUMPY] = lambda packed: plain_numpy(unpacker(packed))
    return made


def check(dark: DarkFrames, passes: dict[str, Callable[[Pixels], Scan]]) -> None:
    """Let all read the first frames; raises AssertionError where one finds something else."""
    for pixels in dark.frames[:_LEAST_FRAMES]:
        known = passes[ours()](pixels)
        for name, other in passes.items():
            if not same_answer(known, other(pixels)):
                raise AssertionError(f"{name} gives another answer than {ours()}")
