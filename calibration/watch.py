"""Pixels under watch: hot, warm, restless and suspect ones, seen in every frame.

They are few, so each is judged by all its values. A pixel whose level is stable gets a threshold
of its own, however hot it is; one that jumps (random telegraph signal) is masked until it has
been quiet for long; one that is ordinary again is let go.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.tail import student_sigma

SAMPLES = 64
"""Values that one judgement is made of."""

_JUDGED_EVERY = 16
"""Frames between two looks at a part of the pixels."""

_AT_ONCE = 2048
"""Pixels in one judgement: their 64 values then take half a megabyte."""

_LOW, _HIGH = 7, 56
_SPREAD_SIGMA = 2.38
"""The 8th and the 57th of 64 normal values are so many sigma apart."""

_KEPT = slice(8, 56)
_DEGREES = 32
"""Degrees of freedom that such a spread is worth."""

_MEMORY = 16
"""Judgements over which the noise is averaged."""

_LASTING = 3
"""A particle may stay lit for so many frames."""

_JUMP_SIGMA = 5.0
_OBSERVED = 4
_QUIET_AFTER_ONE = 32
_QUIET = 512
_QUIET_INTERVALS = 10
"""A pixel that jumped once may have a new level for good; one that jumped again is telegraphic:
it is quiet when it was for ten times as long as it usually takes to the next jump. If its jumps
come by chance, it is taken for healed too early in one of 20,000 cases."""

_RESTLESS = 3.0
"""Noise so many times that of a pixel of this level is no noise: the pixel has several levels."""

_MOST_AT_ONCE = 0.5
"""Where more than this share of the pixels jumps at once, it is not the pixels' doing."""

WARM_SIGMA = 2.5
_ORDINARY_SIGMA = 1.5


@dataclass(slots=True, eq=False)
class Watched:
    """Pixels under watch, an array for each property, shape (pixels,).

    Attributes
    ----------
    index : ndarray of int64
        Flat index in the frame, ascending.
    around_adu : ndarray of float32
        Baseline of the pixels around it, at the level it was taken under watch at.
    mean_adu, sigma_adu : ndarray of float32
    degrees : ndarray of float32
        Degrees of freedom the noise rests on.
    judged : ndarray of int32
        Judgements so far.
    filled : ndarray of int32
        Values at hand.
    jumps : ndarray of int32
        Judgements that found it unstable.
    first_jump, last_jump : ndarray of int32
        At which judgement of its own.
    masked : ndarray of bool
    """

    index: NDArray[np.int64]
    around_adu: NDArray[np.float32]
    mean_adu: NDArray[np.float32]
    sigma_adu: NDArray[np.float32]
    degrees: NDArray[np.float32]
    judged: NDArray[np.int32]
    filled: NDArray[np.int32]
    jumps: NDArray[np.int32]
    first_jump: NDArray[np.int32]
    last_jump: NDArray[np.int32]
    masked: NDArray[np.bool_]

    def take(self, chosen: NDArray[np.int64]) -> Watched:
        """Some of them, in the order asked for."""
        return Watched(*(getattr(self, f.name)[chosen] for f in fields(self)))

    def joined(self, other: Watched) -> Watched:
        """Both lists behind one another."""
        return Watched(
            *(np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self))
        )


def entries(
    *,
    index: NDArray[np.int64],
    around_adu: NDArray[np.float32],
    mean_adu: NDArray[np.float32],
    sigma_adu: NDArray[np.float32],
    degrees: float,
    masked: NDArray[np.bool_],
    jumps: NDArray[np.int32],
) -> Watched:
    """Begin to watch the pixels at `index`."""
    count = len(index)
    return Watched(
        index=index.astype(np.int64),
        around_adu=around_adu.astype(np.float32),
        mean_adu=mean_adu.astype(np.float32),
        sigma_adu=sigma_adu.astype(np.float32),
        degrees=np.full(count, degrees, np.float32),
        judged=np.zeros(count, np.int32),
        filled=np.zeros(count, np.int32),
        jumps=jumps.astype(np.int32),
        first_jump=np.zeros(count, np.int32),
        last_jump=np.zeros(count, np.int32),
        masked=masked.astype(np.bool_),
    )


class WatchList:
    """Keeps the last 64 values of each pixel under watch, and judges it once in 64 frames.

    With every 16th frame a quarter of them is judged: one call for many pixels costs little more
    than one for a few. Pixels come and go only between blocks of frames. Values are kept as they
    were read, and the level of each frame beside them: on a large sensor they may be 80,000.

    Parameters
    ----------
    watched : Watched
    seed_sigma : float
        Deviation that noise does not reach.
    shot_adu : float
        Variance that an ADU of dark signal brings with it: the photon transfer gain.
    """

    def __init__(self, watched: Watched, seed_sigma: float, shot_adu: float = 1.0) -> None:
        self.pixels = watched
        self._seed_sigma = seed_sigma
        self._shot_adu = shot_adu
        self._values: NDArray[Any] = np.zeros((SAMPLES, len(watched.index)), np.uint8)
        self._levels_adu = np.zeros(SAMPLES, np.float32)
        self._next = 0
        self._noted = 0  # values since `filled` was last brought up to date

    def __len__(self) -> int:
        """Pixels under watch."""
        return len(self.pixels.index)

    def note(self, values_adu: NDArray[Any], level_adu: float, typical_adu: float) -> None:
        """Take the values of one frame, shape (pixels,), and judge a part of the pixels.

        `level_adu` is what all pixels of that frame lie above their baselines by.
        """
        slot = self._next % SAMPLES
        if values_adu.dtype != self._values.dtype:  # with the first frame
            self._values = self._values.astype(values_adu.dtype)
        self._values[slot] = values_adu
        self._levels_adu[slot] = level_adu
        self._noted += 1
        self._next += 1
        if self._next % _JUDGED_EVERY == 0:
            self._judge_part(slot // _JUDGED_EVERY, typical_adu)

    def _judge_part(self, part: int, typical_adu: float) -> None:
        count, parts = len(self), SAMPLES // _JUDGED_EVERY
        chosen = np.arange(part * count // parts, (part + 1) * count // parts)
        self._count_noted()
        chosen = chosen[self.pixels.filled[chosen] >= SAMPLES]
        for start in range(0, len(chosen), _AT_ONCE):
            self._judge(chosen[start : start + _AT_ONCE], typical_adu)

    def _count_noted(self) -> None:
        filled = self.pixels.filled
        np.minimum(filled + self._noted, SAMPLES, out=filled)
        self._noted = 0

    def change(self, keep: NDArray[np.bool_], new: Watched | None) -> None:
        """Let go what is not to be kept, and begin to watch others."""
        self._count_noted()
        chosen = np.flatnonzero(keep)
        pixels = self.pixels.take(chosen)
        places = np.arange(len(chosen))
        if new is not None and len(new.index):
            pixels = pixels.joined(new)
            order = np.argsort(pixels.index, kind="stable")
            pixels = pixels.take(order)
            places = np.flatnonzero(order < len(chosen))
        values = np.zeros((SAMPLES, len(pixels.index)), self._values.dtype)
        for line, before in zip(values, self._values, strict=True):
            line[places] = before[chosen]
        self.pixels, self._values = pixels, values

    def move_level(self, step_adu: float) -> None:
        """Follow the level of all pixels: what is remembered is moved along."""
        step = np.float32(step_adu)
        self._levels_adu -= step
        self.pixels.mean_adu += step
        self.pixels.around_adu += step

    def stretch(self, sigma: float) -> NDArray[np.float32]:
        """How much wider than `sigma` of normal noise a threshold must be, shape (pixels,)."""
        wide = student_sigma(sigma, np.maximum(self.pixels.degrees, 2.0))
        return (wide / sigma).astype(np.float32)

    def healed(self, typical_adu: float) -> NDArray[np.bool_]:
        """Pixels that are as quiet and as dark as those around them again."""
        p = self.pixels
        above = p.mean_adu - p.around_adu
        healed: NDArray[np.bool_] = (
            ~p.masked
            & (p.judged >= _OBSERVED)
            & (above < _ORDINARY_SIGMA * typical_adu)
            & (p.sigma_adu < 1.3 * typical_adu)
        )
        return healed

    def _judge(self, chosen: NDArray[np.int64], typical_adu: float) -> None:
        p = self.pixels
        values = self._values[:, chosen].astype(np.float32) - self._levels_adu[:, None]
        ranked = np.sort(values, axis=0)
        mean = ranked[_KEPT].mean(axis=0, dtype=np.float64).astype(np.float32)
        spread = (ranked[_HIGH] - ranked[_LOW]) / np.float32(_SPREAD_SIGMA)
        first = p.judged[chosen] == 0
        trusted = p.degrees[chosen] > 0
        step = mean - p.mean_adu[chosen]
        unknown = first & ~trusted
        above = np.maximum(mean - p.around_adu[chosen], 0)
        usual = np.sqrt(typical_adu**2 + self._shot_adu * above)
        before = np.where(unknown, np.minimum(spread, _RESTLESS * usual), p.sigma_adu[chosen])
        before = np.maximum(before, np.float32(typical_adu))
        weight = 1 / np.minimum(p.judged[chosen] + 1 + np.where(trusted, 2, 0), _MEMORY)
        inner = np.maximum(spread, np.float32(typical_adu))
        unstable = self._unstable(values, ranked, mean, before)
        unstable |= ~unknown & (np.abs(step) > _JUMP_SIGMA * before)
        unstable |= spread > _RESTLESS * np.maximum(usual, before)
        moved = np.where(unknown, 0.0, step) ** 2
        # What jumped is no noise: it must not widen the threshold of the level that follows.
        variance = before**2 + np.where(unstable, 0.0, inner**2 + moved - before**2) * weight
        noise = np.sqrt(np.maximum(variance, typical_adu**2))
        unstable |= (p.judged[chosen] >= _OBSERVED) & (noise > _RESTLESS * usual)
        if np.count_nonzero(unstable) > max(_MOST_AT_ONCE * len(chosen), 8):
            unstable[:] = False
        p.sigma_adu[chosen] = noise
        p.mean_adu[chosen] = mean
        p.degrees[chosen] = np.minimum(p.degrees[chosen] + _DEGREES, _DEGREES * _MEMORY)
        p.judged[chosen] += 1
        self._remember(chosen, unstable)

    def _unstable(
        self,
        values: NDArray[np.float32],
        ranked: NDArray[np.float32],
        mean: NDArray[np.float32],
        sigma: NDArray[np.float32],
    ) -> NDArray[np.bool_]:
        """Pixels that left their level, unless once and for no longer than a particle does."""
        reach = np.float32(self._seed_sigma) * sigma
        down: NDArray[np.bool_] = ranked[0] < mean - reach
        ups = np.count_nonzero(ranked > mean + reach, axis=0)
        unstable: NDArray[np.bool_] = down | (ups > _LASTING)
        for k in np.flatnonzero((ups > 1) & (ups <= _LASTING) & ~unstable):
            at = np.flatnonzero(values[:, k] > mean[k] + reach[k])
            when = np.sort((at - self._next) % SAMPLES)
            unstable[k] = when[-1] - when[0] >= ups[k]
        return unstable

    def _remember(self, chosen: NDArray[np.int64], unstable: NDArray[np.bool_]) -> None:
        p = self.pixels
        bad = chosen[unstable]
        p.first_jump[bad] = np.where(p.jumps[bad] == 0, p.judged[bad], p.first_jump[bad])
        p.jumps[bad] += 1
        p.last_jump[bad] = p.judged[bad]
        span = p.last_jump[chosen] - p.first_jump[chosen]
        usual = span / np.maximum(p.jumps[chosen] - 1, 1)
        again = np.maximum(_QUIET, _QUIET_INTERVALS * usual)
        needed = np.where(p.jumps[chosen] == 1, _QUIET_AFTER_ONE, again)
        restless = p.judged[chosen] - p.last_jump[chosen] < needed
        p.masked[chosen] = (p.jumps[chosen] > 0) & restless
