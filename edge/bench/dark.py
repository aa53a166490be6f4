"""Frames of a covered camera, made quickly: noise, hot pixels, a few particles.

The pixel pass costs the same for any noise, so this is no simulation; `simulator` is that. Frames
are cut from one field of noise at different rows: any pixel sees other noise in each.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bench.scale import Size
from edge.frame import Packing, Pixels

HOT_PIXELS = 500
PARTICLES = 3
RING = 4
"""Different frames in turn."""

SPOT_PX = 2
_SEED_SIGMA = 6.5
_COVER_SIGMA = 10.0


@dataclass(frozen=True, slots=True)
class Sensor:
    """Level and noise of a depth, and how its pixels lie in memory."""

    dtype: type[Any]
    level_adu: float
    noise_adu: float
    full_scale_adu: int
    packing: Packing = "none"

    @property
    def bit_depth(self) -> int:
        """Significant bits."""
        return self.full_scale_adu.bit_length()


DEEP = Sensor(np.uint16, 256.0, 8.0, 4095)
SHALLOW = Sensor(np.uint8, 16.0, 2.0, 255)
RAW10 = Sensor(np.uint16, 64.0, 3.0, 1023, "mipi10")
RAW12 = Sensor(np.uint16, 256.0, 8.0, 4095, "mipi12")
RAW14 = Sensor(np.uint16, 1024.0, 20.0, 16383, "mipi14")


@dataclass(frozen=True, slots=True, eq=False)
class DarkFrames:
    """A ring of frames and the thresholds of their sensor.

    Attributes
    ----------
    frames : tuple of ndarray
        As a camera delivers them: shape (height, width), or (height, stride) of packed bytes. Each
        with the same hot pixels and other particles.
    plain : tuple of ndarray, shape (height, width)
        The same, unpacked; the same arrays where nothing is packed.
    seed_threshold : ndarray of uint16, shape (height, width)
        Above every hot pixel, so that particles alone are lit.
    black_adu : int
        For the cover rule.
    packing : str
        Of `frames`.
    """

    frames: tuple[Pixels, ...]
    plain: tuple[Pixels, ...]
    seed_threshold: NDArray[np.uint16]
    black_adu: int
    packing: Packing = "none"

    def in_turn(
        self,
        call: Callable[[Pixels], object],
        *,
        plain: bool = False,
        turn: Iterator[int] | None = None,
    ) -> Callable[[], object]:
        """Make a call of no arguments that takes the next frame each time.

        Parameters
        ----------
        plain : bool
            Take the unpacked frame.
        turn : iterator of int, optional
            Says which is next. Contenders that share one never see a frame that another has just
            brought into the cache.
        """
        frames = self.plain if plain else self.frames
        places = itertools.cycle(range(len(frames))) if turn is None else turn
        return lambda: call(frames[next(places)])


def dark_frames(
    size: Size,
    sensor: Sensor,
    *,
    particles: int = PARTICLES,
    hot_pixels: int = HOT_PIXELS,
    ring: int = RING,
    seed: int = 1,
    spots: bool = False,
) -> DarkFrames:
    """Make a ring of frames; the same for the same arguments.

    Parameters
    ----------
    spots : bool
        Particles are spots of 2 x 2 px that keep apart, however many, instead of tracks.
    """
    maker = FrameMaker(size, sensor, hot_pixels=hot_pixels, unlike=ring, seed=seed, spots=spots)
    plain = tuple(maker.frame(i, particles) for i in range(ring))
    frames = plain
    if sensor.packing != "none":
        from simulator.packing import pack

        frames = tuple(pack(one.astype(np.uint16, copy=False), sensor.packing) for one in plain)
    for frame in (*plain, *frames):
        frame.flags.writeable = False
    return DarkFrames(frames, plain, maker.seed_threshold, maker.black_adu, sensor.packing)


def unlike_frames(size: Size, sensor: Sensor, count: int, *, seed: int = 1) -> DarkFrames:
    """Make many frames without hot pixels or particles, no two of them alike, in little memory.

    They lie over one another in the field of noise, each a row further down.
    """
    height = size[1]
    maker = FrameMaker(size, sensor, hot_pixels=0, unlike=count, seed=seed)
    frames = tuple(maker.field[row : row + height] for row in range(count))
    maker.field.flags.writeable = False
    return DarkFrames(frames, frames, maker.seed_threshold, maker.black_adu)


class FrameMaker:
    """Makes any number of frames of one sensor, one at a time.

    Parameters
    ----------
    size : (int, int)
    sensor : Sensor
    hot_pixels : int
        At random places, the same in all frames.
    unlike : int
        So many frames have different noise; then it comes again.
    seed : int
    spots : bool
        See `dark_frames`.
    """

    def __init__(
        self,
        size: Size,
        sensor: Sensor,
        *,
        hot_pixels: int = HOT_PIXELS,
        unlike: int = RING,
        seed: int = 1,
        spots: bool = False,
    ) -> None:
        width, height = size
        self._sensor, self._size, self._spots = sensor, size, spots
        self._random = np.random.default_rng(seed)
        self._hot = np.unique(self._random.integers(0, width * height, hot_pixels))
        share = self._random.uniform(0.1, 0.6, len(self._hot))
        self._excess = np.rint(share * sensor.full_scale_adu).astype(np.int64)
        self._rows = self._random.permutation(max(unlike, 1))
        self.field = self._noise(height + len(self._rows) - 1, width)
        self.black_adu = int(sensor.level_adu + _COVER_SIGMA * sensor.noise_adu)

    @property
    def seed_threshold(self) -> NDArray[np.uint16]:
        """Above noise and hot pixels."""
        width, height = self._size
        threshold = np.full(
            width * height, self._sensor.level_adu + _SEED_SIGMA * self._sensor.noise_adu
        )
        threshold[self._hot] += self._excess
        limited: NDArray[np.uint16] = np.minimum(threshold, self._sensor.full_scale_adu).astype(
            np.uint16
        )
        return limited.reshape(height, width)

    def frame(self, number: int, particles: int = 0) -> Pixels:
        """Make a frame of its own memory."""
        height = self._size[1]
        row = int(self._rows[number % len(self._rows)])
        made = self.field[row : row + height].copy()
        flat = made.reshape(-1)
        self._add(flat, self._hot, self._excess)
        places = self._spot_places(particles) if self._spots else self._track_places(particles)
        lit = self._random.uniform(0.3, 0.7, len(places)) * self._sensor.full_scale_adu
        self._add(flat, places, lit.astype(np.int64))
        return made

    def _noise(self, rows: int, width: int) -> Pixels:
        counts = self._random.standard_normal((rows, width), np.float32)
        counts *= self._sensor.noise_adu
        counts += self._sensor.level_adu
        np.clip(np.rint(counts, out=counts), 0, self._sensor.full_scale_adu, out=counts)
        made: Pixels = counts.astype(self._sensor.dtype)
        return made

    def _add(self, flat: Pixels, places: NDArray[np.int64], excess: NDArray[np.int64]) -> None:
        value = flat[places].astype(np.int64) + excess
        flat[places] = np.minimum(value, self._sensor.full_scale_adu).astype(flat.dtype)

    def _track_places(self, particles: int) -> NDArray[np.int64]:
        """Straight tracks of 3 to 20 px: what a muon leaves in a thin sensor."""
        width, height = self._size
        tracks = [np.empty(0, np.int64)]
        for _ in range(particles):
            length = int(self._random.integers(3, min(21, height, width)))
            angle = self._random.uniform(0, np.pi)
            along = np.arange(length)
            y = (self._random.integers(0, height) + along * np.sin(angle)).astype(int) % height
            x = (self._random.integers(0, width) + along * np.cos(angle)).astype(int) % width
            tracks.append(y * width + x)
        return np.concatenate(tracks)

    def _spot_places(self, particles: int) -> NDArray[np.int64]:
        """Spots on a grid, each a little off its place, so that no two touch."""
        width, height = self._size
        columns = max(1, round((particles * width / height) ** 0.5))
        rows = max(1, -(-particles // columns))
        number = np.arange(particles)
        step_y, step_x = height / rows, width / columns
        off = self._random.uniform(0.4, 0.6, (2, particles))
        y = ((number // columns + off[0]) * step_y).astype(np.int64)
        x = ((number % columns + off[1]) * step_x).astype(np.int64)
        y, x = np.minimum(y, height - SPOT_PX), np.minimum(x, width - SPOT_PX)
        side = np.arange(SPOT_PX)
        places = (y[:, None, None] + side[:, None]) * width + x[:, None, None] + side
        flat: NDArray[np.int64] = places.reshape(-1)
        return flat
