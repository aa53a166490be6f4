"""What goes wrong: lost and truncated frames, light, telegraph pixels, noisy rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.sensor import Floats32, Sensor, draw_excess_adu
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream

# Frames whose telegraph states come from one stream.
_BLOCK = 512
# Mean dwell times of a telegraph pixel in either state, log-uniform between these.
_DWELL_S = (0.2, 60.0)
# Light that falls in: mean level as a share of the range above black, and how much darker the
# corners are.
_LIGHT_SHARE = 0.4
_LIGHT_FALL = 0.5


@dataclass(frozen=True, slots=True)
class Faults:
    """What befalls one frame."""

    dropped: bool
    truncated: bool
    covered: bool


def draw_faults(spec: SimulationSpec, index: int) -> Faults:
    """Faults of frame `index`: dropped and truncated exclude each other."""
    drop, bad = stream(spec.seed, Purpose.FAULTS, index).random(2)
    dropped = bool(drop < spec.drop_rate)
    return Faults(dropped, bool(bad < spec.bad_rate) and not dropped, is_covered(spec, index))


def is_covered(spec: SimulationSpec, index: int) -> bool:
    """Whether no light falls in while frame `index` is exposed."""
    if spec.uncover_at_s is None:
        return True
    time_s = index * spec.frame_duration_ns * 1e-9
    if time_s < spec.uncover_at_s:
        return True
    return spec.uncover_s is not None and time_s >= spec.uncover_at_s + spec.uncover_s


def add_light(pixels: Floats32, spec: SimulationSpec, index: int) -> None:
    """Let light fall on a frame: brighter in the middle, with its shot noise."""
    down = np.linspace(-1, 1, spec.height_px, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, spec.width_px, dtype=np.float32)[None, :]
    level = (spec.full_scale_adu - spec.black_adu) * _LIGHT_SHARE
    light = np.float32(level) * (1 - np.float32(_LIGHT_FALL / 2) * (down**2 + across**2))
    random = stream(spec.seed, Purpose.LIGHT, index)
    noise = random.standard_normal(light.shape, dtype=np.float32)
    pixels += light + noise * np.sqrt(light * np.float32(spec.adu_per_e))


def add_row_noise(pixels: Floats32, spec: SimulationSpec, index: int) -> None:
    """Give every row of a frame an offset of its own."""
    random = stream(spec.seed, Purpose.ROWS, index)
    rows = random.standard_normal((spec.height_px, 1), dtype=np.float32)
    pixels += rows * np.float32(spec.row_noise_adu)


class TelegraphPixels:
    """Pixels that jump between two levels (random telegraph signal).

    A two-state Markov chain with exponential dwell times (Hopkins and Hopkinson, IEEE Trans.
    Nucl. Sci. 42 (1995) 2074). So that any frame can be asked for alone, time is cut into blocks
    of 512 frames and each block starts anew from the chain's long-run shares: about one more
    chance to jump in 512 frames.
    """

    def __init__(self, spec: SimulationSpec, sensor: Sensor) -> None:
        self._spec = spec
        self._places = sensor.telegraph
        random = stream(spec.seed, Purpose.TELEGRAPH)
        count = len(self._places)
        self.excess_adu = draw_excess_adu(spec, count, random).astype(np.float32)
        low, high = np.log(_DWELL_S)
        dwell_frames = np.exp(random.uniform(low, high, (2, count))) * spec.fps
        # Chance to leave the low and the high state from one frame to the next.
        self._leave = -np.expm1(-1 / dwell_frames)
        self._block: tuple[int, NDArray[np.bool_]] = (-1, np.zeros((0, count), dtype=np.bool_))

    def add(self, pixels: Floats32, index: int) -> None:
        """Add the excess of those that are high in frame `index`."""
        if len(self._places):
            high = self.high(index)
            pixels.reshape(-1)[self._places[high]] += self.excess_adu[high]

    def high(self, index: int) -> NDArray[np.bool_]:
        """Which are in the high state in frame `index`, shape (telegraph pixels,)."""
        number, at = divmod(index, _BLOCK)
        kept, states = self._block
        if kept != number:
            states = self._make_block(number)
            self._block = (number, states)
        return np.asarray(states[at])

    def _make_block(self, number: int) -> NDArray[np.bool_]:
        # Stream 0 made the pixels themselves.
        random = stream(self._spec.seed, Purpose.TELEGRAPH, number + 1)
        draws = random.random((_BLOCK, len(self._places)))
        leave_low, leave_high = self._leave
        states = np.empty(draws.shape, dtype=np.bool_)
        states[0] = draws[0] < leave_low / (leave_low + leave_high)
        for i in range(1, _BLOCK):
            before = states[i - 1]
            jump = draws[i] < np.where(before, leave_high, leave_low)
            states[i] = before ^ jump
        return states
