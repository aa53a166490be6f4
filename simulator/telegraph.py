"""Pixels that jump between two levels: random telegraph signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.sensor import Floats, Floats32, Sensor, add_leak, draw_doubling_c, draw_excess_e
from simulator.spec import SimulationSpec
from simulator.streams import Purpose, stream
from simulator.temperature import dark_factor

Bools = NDArray[np.bool_]

# Frames of a block, and the most draws of one, so that many pixels don't fill the memory.
_BLOCK_FRAMES = 512
_BLOCK_DRAWS = 1 << 20
# What a pixel does in a frame.
_KEEP, _TO_LOW, _TO_HIGH = 0, 1, 2


class TelegraphPixels:
    """Pixels that jump between two levels, each a two-state Markov chain.

    Dwell times are exponential (in whole frames: geometric), their means log-uniform for each
    pixel and state; the jump is a step of the dark current, so it has shot noise and grows with
    the temperature (Hopkins and Hopkinson, IEEE Trans. Nucl. Sci. 42 (1995) 2074; Goiffon et al.,
    IEEE Trans. Nucl. Sci. 56 (2009) 2132, also that most jumps are small). That dwell times
    shorten with warmth is left out.

    Notes
    -----
    A chain that leaves "low" with chance a and "high" with chance b is the same as one that with
    chance a is set high, with chance b is set low, whatever it was, and keeps its state
    otherwise (a + b <= 1). What is set in one frame is independent of all others, so blocks of
    frames are drawn from streams of their own, and the state in a frame is that of the last time
    it was set: found by looking back over blocks. The chain goes on exactly from block to block
    and any frame can be asked for alone; asked in turn, no block is drawn twice.

    Attributes
    ----------
    places : ndarray of int64, shape (n,)
        Flat indices of the pixels.
    excess_e : ndarray of float64, shape (n,)
        Electrons in an exposure by which high is above low, at the reference temperature.
    dwell_frames : ndarray of float64, shape (2, n)
        Mean dwell times in the low and in the high state.
    """

    def __init__(self, spec: SimulationSpec, sensor: Sensor) -> None:
        self._spec = spec
        self.places = sensor.telegraph
        count = len(self.places)
        # Stream 0 makes the pixels and their first states, block i is stream i + 1.
        random = stream(spec.seed, Purpose.TELEGRAPH)
        low, high = spec.telegraph_low_sigma, spec.telegraph_high_sigma
        self.excess_e: Floats = draw_excess_e(spec, low, high, count, random)
        self._doubling_c = draw_doubling_c(spec, count, random)
        shortest = float(np.log(spec.telegraph_dwell_low_frames))
        longest = float(np.log(spec.telegraph_dwell_high_frames))
        self.dwell_frames: Floats = np.exp(random.uniform(shortest, longest, (2, count)))
        self._to_high, self._to_low = 1 / self.dwell_frames
        share = self._to_high / (self._to_high + self._to_low)
        self._first: Bools = random.random(count) < share
        self._frames = max(min(_BLOCK_FRAMES, _BLOCK_DRAWS // max(count, 1)), 1)
        self._kept: tuple[int, Bools] = (-1, self._first[None, :])

    def add(self, pixels: Floats32, index: int, temperature_c: float) -> None:
        """Add the excess of those that are high in frame `index`, with its shot noise."""
        if not len(self.places):
            return
        high = self.high(index)
        spec = self._spec
        mean_e = self.excess_e[high] * dark_factor(spec, temperature_c, self._doubling_c[high])
        random = stream(spec.seed, Purpose.TELEGRAPH_NOISE, index)
        add_leak(pixels, self.places[high], mean_e, spec, random)

    def high(self, index: int) -> Bools:
        """Which are in the high state in frame `index`, shape (n,)."""
        number, at = divmod(index, self._frames)
        kept, states = self._kept
        if kept != number:
            before = states[-1] if kept == number - 1 else self._end_of(number - 1)
            states = self._states(number, before)
            self._kept = (number, states)
        return np.asarray(states[at])

    def _end_of(self, number: int) -> Bools:
        """States in the last frame of block `number`, each as it was last set."""
        states = self._first.copy()
        unknown = np.arange(len(states))
        while number >= 0 and len(unknown):
            actions = self._actions(number)[::-1, unknown]
            last = actions[(actions != _KEEP).argmax(axis=0), np.arange(len(unknown))]
            known = last != _KEEP
            states[unknown[known]] = last[known] == _TO_HIGH
            unknown = unknown[~known]
            number -= 1
        return states

    def _states(self, number: int, before: Bools) -> Bools:
        """States in every frame of a block, shape (frames, n)."""
        actions = self._actions(number)
        frames = np.arange(1, len(actions) + 1)[:, None]
        last = np.maximum.accumulate(np.where(actions != _KEEP, frames, 0), axis=0)
        set_to = np.vstack([before, actions == _TO_HIGH])
        return np.asarray(np.take_along_axis(set_to, last, axis=0))

    def _actions(self, number: int) -> NDArray[np.int8]:
        """What each pixel does in each frame of a block, shape (frames, n)."""
        random = stream(self._spec.seed, Purpose.TELEGRAPH, number + 1)
        draws = random.random((self._frames, len(self.places)))
        actions = np.full(draws.shape, _KEEP, dtype=np.int8)
        actions[draws < self._to_high + self._to_low] = _TO_LOW
        actions[draws < self._to_high] = _TO_HIGH
        return actions
