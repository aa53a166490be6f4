"""Is a covered frame like those before it? Judged at once, while a calibration is collected.

A leak lights one side more than the other and brings its own noise, while hot pixels stay as they
are; a sensor that warms grows noisier together with its hot pixels, and its glow keeps its shape.
So shading is compared with the first frames' after the share that has the shape of their own, and
noise with what other frames of such hot pixels had.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibration.screen import Reason
from calibration.screen_look import Look, look

Standing = Literal["like", "unlike", "cleaner"]

LEAST_FRAMES = 8
"""Before, there is nothing to compare with."""

_ANCHOR_FRAMES = 32
_HOT_PX = 512
_HOT_SIGMA = 8.0
_LEAST_HOT_PX = 16

_SHADE_SIGMA = 0.12
_STRUCK_SHARE = 0.05
"""Of the blocks, so many may hold a particle."""

_ROWS_SIGMA = 0.2
_NOISE = 0.06
_COARSE_ADU = 0.5
"""Digits are no finer: of less noise, only now and then a pixel shows something."""

_CLEANER = 1.5
_MAD_FACTOR = 6.0
_LEAST_RANGE = 0.05
_MOST_NOISES = 1024
_MORE = 2
_CLEARLY = 2.0
"""Several frames in a row are to be so much cleaner."""

_FLOOD_SHARE = 1e-4
_FLOOD_PX = 16
_VOID_SHARE = 0.005
_FULL_SHARE = 1e-3


class Sentinel:
    """Remembers a few numbers of each frame that was used, and judges the next by them."""

    def __init__(self, full_scale_adu: int) -> None:
        self._full_scale_adu = full_scale_adu
        self._first: list[Look] = []
        self._recent: deque[Look] = deque(maxlen=_ANCHOR_FRAMES)
        self._noises: list[tuple[float, float]] = []
        self._hot: tuple[NDArray[np.intp], float] | None = None
        self._warmth = math.nan
        self._usual: tuple[NDArray[np.float64], NDArray[np.float64], float] | None = None
        self.reason: Reason = ""

    def judge(self, pixels: NDArray[Any], bright_px: int) -> tuple[Standing, Look]:
        """Judge a frame, shape (height, width); `reason` says what is wrong with it."""
        seen = look(pixels, self._full_scale_adu, bright_px)
        self._warmth = self._warmth_of(pixels, seen)
        standing, self.reason = self._standing(seen, pixels.size)
        return standing, seen

    def remember(self, seen: Look) -> None:
        """Take the frame judged last among those the next are compared with."""
        if len(self._first) < _ANCHOR_FRAMES:
            self._first.append(seen)
            self._usual = None
        self._recent.append(seen)
        self._noises.append((seen.noise_adu, self._warmth))
        if len(self._noises) > _MOST_NOISES:
            del self._noises[1::2]

    def keep_last(self, frames: int) -> None:
        """Forget all but the last `frames`, fewer than `LEAST_FRAMES`: the others were not dark."""
        kept = list(self._recent)[-frames:]
        self._first, self._usual, self._hot = kept, None, None
        self._recent = deque(kept, maxlen=_ANCHOR_FRAMES)
        self._noises = [(noise, math.nan) for noise, _ in self._noises[-frames:]]

    def _standing(self, seen: Look, size_px: int) -> tuple[Standing, Reason]:
        if len(self._recent) < LEAST_FRAMES:
            return "like", ""
        usual_full = float(np.median([one.full_px for one in self._recent]))
        bright = np.array([one.bright_px for one in self._recent])
        noise = self._noise_excess(seen)
        flood = _FLOOD_PX + _FLOOD_SHARE * size_px
        wrong: list[tuple[bool, Reason]] = [
            (self._void_excess(seen) > 1, "truncated"),
            (seen.full_px > 2 * usual_full + _FULL_SHARE * size_px + _FLOOD_PX, "saturated"),
            (self._shade_excess(seen) > 1, "light"),
            (self._rows_excess(seen) > 1, "banding"),
            (noise > 1, "light"),
            (seen.bright_px > _MORE * int(bright.max()) + flood, "unlike"),
        ]
        reason = next((name for holds, name in wrong if holds), None)
        if reason is not None:
            return "unlike", reason
        # The ones before were struck by particles, or lit: the darkest frames win.
        usual = float(np.median(bright))
        spread = max(math.sqrt(usual), 1.4826 * float(np.median(np.abs(bright - usual))))
        fewer = usual > seen.bright_px + flood / 2 + _CLEARLY * spread
        return ("cleaner" if fewer or noise < -_CLEANER else "like"), ""

    def _void_excess(self, seen: Look) -> float:
        """Rows without picture beyond what is usual: where black is clipped, many by chance."""
        counts = np.array([one.void_rows for one in self._recent])
        usual = float(np.median(counts))
        chance = _MAD_FACTOR * (math.sqrt(usual) + float(np.median(np.abs(counts - usual))))
        return (seen.void_rows - usual) / max(2, _VOID_SHARE * seen.rows_adu.size, chance)

    def _usual_shape(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Blocks and rows of the first frames, and how much their rows differ from those."""
        if self._usual is None:
            blocks = np.median([one.blocks_adu for one in self._first], axis=0)
            rows = np.median([one.rows_adu for one in self._first], axis=0)
            own = [_sharp(one.rows_adu - rows) for one in self._first]
            self._usual = blocks, rows, float(np.median(own))
        return self._usual

    def _chance(self, error_adu: float) -> float:
        """Of the difference from a median of the first frames."""
        return error_adu * math.sqrt(1 + 1.6 / len(self._first))

    def _shade_excess(self, seen: Look) -> float:
        """Root mean square over blocks of what is neither the first frames' nor of their shape."""
        usual = self._usual_shape()[0]
        allowed = 1.5 * self._chance(seen.blocks_error_adu) + _SHADE_SIGMA * max(
            seen.noise_adu, _COARSE_ADU
        )
        return _off(seen.blocks_adu, usual) / allowed

    def _rows_excess(self, seen: Look) -> float:
        _, usual, own = self._usual_shape()
        allowed = 1.5 * self._chance(seen.rows_error_adu) + _ROWS_SIGMA * max(
            seen.noise_adu, _COARSE_ADU
        )
        # Row noise that all frames have is the sensor's.
        return _sharp(seen.rows_adu - usual) / max(allowed, 2 * own)

    def _noise_excess(self, seen: Look) -> float:
        """Noise above what frames of such hot pixels have, in units of what is allowed."""
        known = np.array(self._noises)
        # Below half a count it is a matter of where the level lies between two counts.
        noises, warmth = np.maximum(known[:, 0], _COARSE_ADU), known[:, 1]
        warm = np.isfinite(warmth)
        if math.isfinite(self._warmth) and np.count_nonzero(warm) >= LEAST_FRAMES:
            expected = _expected(noises[warm], warmth[warm], self._warmth)
        else:
            expected = float(np.median(noises[-_ANCHOR_FRAMES:]))
        step = np.abs(np.diff(noises[-4 * _ANCHOR_FRAMES :]))
        spread = 1.4826 * float(np.median(step)) / math.sqrt(2)
        return (max(seen.noise_adu, _COARSE_ADU) - expected) / max(
            _NOISE * max(expected, _COARSE_ADU), _MAD_FACTOR * spread
        )

    def _warmth_of(self, pixels: NDArray[Any], seen: Look) -> float:
        """Height of hot pixels over the frame's middle, in units of what it was when found."""
        if self._hot is None:
            if len(self._recent) < LEAST_FRAMES:
                return math.nan
            self._hot = _hot_places(pixels, seen.noise_adu, self._full_scale_adu)
        places, height = self._hot
        if places.size < _LEAST_HOT_PX:
            return math.nan
        return _height(pixels, places) / height


def _hot_places(
    pixels: NDArray[Any], noise_adu: float, full_scale_adu: int
) -> tuple[NDArray[np.intp], float]:
    """Find the hottest pixels that still have room above them, and their common height.

    Single particles are among them; the median height takes no notice.
    """
    flat = pixels.reshape(-1)
    level = float(np.median(flat[:: max(1, flat.size // 65_536)]))
    low = level + _HOT_SIGMA * max(noise_adu, 0.5)
    hot = np.flatnonzero((flat > low) & (flat < full_scale_adu / 3))
    if hot.size > _HOT_PX:
        hot = hot[np.argsort(flat[hot], kind="stable")[-_HOT_PX:]]
    return hot, _height(pixels, hot) if hot.size else 1.0


def _height(pixels: NDArray[Any], places: NDArray[np.intp]) -> float:
    flat = pixels.reshape(-1)
    level = float(np.median(flat[:: max(1, flat.size // 65_536)]))
    return max(float(np.median(flat[places])) - level, 1.0)


def _expected(noises_adu: NDArray[np.float64], warmth: NDArray[np.float64], at: float) -> float:
    """Noise at a warmth: variance on a straight line that does not fall (shot noise)."""
    if float(np.ptp(warmth)) < _LEAST_RANGE:
        return float(np.median(noises_adu))
    variance = np.square(noises_adu)
    off = warmth - warmth.mean()
    slope = max(float(off @ variance) / float(off @ off), 0.0)
    return math.sqrt(float(variance.mean()) + slope * max(at - float(warmth.mean()), 0.0))


def _off(blocks: NDArray[np.float64], usual: NDArray[np.float64]) -> float:
    """Root mean square of a difference without its share of the usual shape: a growing glow."""
    difference = blocks - usual
    difference = difference - difference.mean()
    shape = usual - usual.mean()
    power = float(np.vdot(shape, shape))
    if power > 0:
        difference = difference - float(np.vdot(difference, shape)) / power * shape
    squares = np.sort(np.square(difference), axis=None)
    kept = squares[: max(1, round(squares.size * (1 - _STRUCK_SHARE)))]
    return float(np.sqrt(kept.mean()))


def _sharp(profile: NDArray[np.float64]) -> float:
    """Root mean square of what changes from row to row rather than over many."""
    width = max(3, profile.size // 16) | 1
    if profile.size <= width:
        return 0.0
    padded = np.pad(profile, width // 2, mode="reflect")
    smooth = np.convolve(padded, np.full(width, 1 / width), "valid")
    return float(np.sqrt(np.mean(np.square(profile - smooth))))
