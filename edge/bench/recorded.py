"""Recordings for the benchmarks: dark frames as `edge.bench.dark` makes them, on the disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from calibration.model import Calibration
from edge.bench.dark import FrameMaker, Sensor
from edge.bench.machine import spare_memory_bytes
from edge.bench.made import calibration_of, mode_of
from edge.bench.scale import Size
from edge.frame import Frame, Pixels, SensorMode
from edge.recording import RecordingWriter

FRAME_NS = 33_333_333
"""30 frames/s."""

FRAMES_PER_PARTICLE = 600
"""3 particles a minute."""

_LEARN_FRAMES = 100


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording that was made.

    Attributes
    ----------
    place : Path
    size : (int, int)
    frames, wanted : int
        Fewer where disk or memory have no room.
    particles : int
    """

    place: Path
    size: Size
    frames: int
    wanted: int
    particles: int

    @property
    def note(self) -> tuple[str, ...]:
        """A line where it is shorter than it should be."""
        if self.frames == self.wanted:
            return ()
        return (f"{self.frames} frames instead of {self.wanted}: there is no room for more",)


def write_dark(place: Path, size: Size, sensor: Sensor, wanted: int) -> Recorded:
    """Write dark frames with 500 hot pixels and 3 particles a minute; at least one particle."""
    frames = _with_room(place.parent, size, sensor, wanted)
    mode = mode_of(*size, sensor.bit_depth)
    maker = FrameMaker(size, sensor, unlike=frames)
    struck = range(min(frames // 2, FRAMES_PER_PARTICLE // 2), frames, FRAMES_PER_PARTICLE)
    with RecordingWriter(place, mode, "simulation", source="cosmic-edge bench") as writer:
        for index in range(frames):
            pixels = maker.frame(index, particles=index in struck)
            writer.append(_frame(pixels, index, mode))
    return Recorded(place, size, frames, wanted, len(struck))


def _frame(pixels: Pixels, index: int, mode: SensorMode) -> Frame:
    return Frame(
        pixels,
        sequence=index,
        index=index,
        mode=mode,
        sensor_time_ns=index * FRAME_NS,
        exposure_ns=FRAME_NS,
        origin="simulation",
    )


def learned(size: Size, sensor: Sensor, frames: int = _LEARN_FRAMES) -> Calibration:
    """Calibrate on frames of the same sensor without particles."""
    maker = FrameMaker(size, sensor, unlike=frames)
    return calibration_of([maker.frame(i) for i in range(frames)], sensor.bit_depth)


def _with_room(place: Path, size: Size, sensor: Sensor, wanted: int) -> int:
    """So many of the wanted frames as half of the disk and of the memory take."""
    frame_bytes = size[0] * size[1] * (1 if sensor.bit_depth == 8 else 2)
    room = min(shutil.disk_usage(place).free, spare_memory_bytes()) // 2
    return max(min(wanted, room // frame_bytes), 1)
