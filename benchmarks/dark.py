"""Frames of a covered camera, made quickly: noise, hot pixels, a few particles.

The pixel pass costs the same for any noise, so this is no simulation; `simulator` is that.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale import Size
from edge.frame import Pixels

HOT_PIXELS = 500
PARTICLES = 3
RING = 4
"""Different frames in turn: a camera's next frame is not in the processor's cache either."""

_SEED_SIGMA = 6.5
_COVER_SIGMA = 10.0


@dataclass(frozen=True, slots=True)
class Sensor:
    """Level and noise of a depth: 12 bits in uint16, 8 bits in uint8."""

    dtype: type[Any]
    level_adu: float
    noise_adu: float
    full_scale_adu: int


DEEP = Sensor(np.uint16, 256.0, 8.0, 4095)
SHALLOW = Sensor(np.uint8, 16.0, 2.0, 255)


@dataclass(frozen=True, slots=True, eq=False)
class DarkFrames:
    """A ring of frames and the thresholds of their sensor.

    Attributes
    ----------
    frames : tuple of ndarray, shape (height, width)
        Each with the same hot pixels and other particles.
    seed_threshold : ndarray of uint16, shape (height, width)
        Above every hot pixel, so that particles alone are lit.
    black_adu : int
        For the cover rule.
    """

    frames: tuple[Pixels, ...]
    seed_threshold: NDArray[np.uint16]
    black_adu: int

    def in_turn(self, call: Callable[[Pixels], object]) -> Callable[[], object]:
        """Make a call of no arguments that takes the next frame each time."""
        frames = itertools.cycle(self.frames)
        return lambda: call(next(frames))


def dark_frames(
    size: Size,
    sensor: Sensor,
    *,
    particles: int = PARTICLES,
    hot_pixels: int = HOT_PIXELS,
    ring: int = RING,
    seed: int = 1,
) -> DarkFrames:
    """Make a ring of frames; the same for the same arguments."""
    width, height = size
    random = np.random.default_rng(seed)
    baseline = np.full((height, width), sensor.level_adu, np.float32)
    hot = random.integers(0, baseline.size, hot_pixels)
    baseline.ravel()[hot] += random.uniform(0.1, 0.6, hot_pixels) * sensor.full_scale_adu
    threshold = baseline + _SEED_SIGMA * sensor.noise_adu
    frames = tuple(_frame(baseline, sensor, particles, random) for _ in range(ring))
    for frame in frames:
        frame.flags.writeable = False
    return DarkFrames(
        frames,
        np.minimum(threshold, sensor.full_scale_adu).astype(np.uint16),
        int(sensor.level_adu + _COVER_SIGMA * sensor.noise_adu),
    )


def unlike_frames(size: Size, sensor: Sensor, count: int, *, seed: int = 1) -> DarkFrames:
    """Make many frames without hot pixels or particles, no two of them alike, in little memory.

    They are cut from one field of noise, each a row further down.
    """
    width, height = size
    field = dark_frames(
        (width, height + count - 1), sensor, particles=0, hot_pixels=0, ring=1, seed=seed
    )
    frames = tuple(field.frames[0][row : row + height] for row in range(count))
    return DarkFrames(frames, field.seed_threshold[:height], field.black_adu)


def _frame(
    baseline: NDArray[np.float32], sensor: Sensor, particles: int, random: np.random.Generator
) -> Pixels:
    counts = random.standard_normal(baseline.shape, np.float32)
    counts *= sensor.noise_adu
    counts += baseline
    for _ in range(particles):
        _add_track(counts, sensor, random)
    np.clip(np.rint(counts, out=counts), 0, sensor.full_scale_adu, out=counts)
    made: Pixels = counts.astype(sensor.dtype)
    return made


def _add_track(counts: NDArray[np.float32], sensor: Sensor, random: np.random.Generator) -> None:
    """Light a straight track of 3 to 20 px: what a muon leaves in a thin sensor."""
    height, width = counts.shape
    length = int(random.integers(3, min(21, height, width)))
    angle = random.uniform(0, np.pi)
    along = np.arange(length)
    y = (random.integers(0, height) + along * np.sin(angle)).astype(int) % height
    x = (random.integers(0, width) + along * np.cos(angle)).astype(int) % width
    counts[y, x] += random.uniform(0.3, 0.7, length) * sensor.full_scale_adu
