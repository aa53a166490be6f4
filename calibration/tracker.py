"""Calibration that never stops: baseline, noise and thresholds follow the sensor.

Every frame shows a stripe of rows and the pixels under watch (`calibration.sample`). What is
learned from a block of 64 frames holds from the next block on, so that frames of one block can be
read in any order and by any number of workers.

A hit can't poison it: only pixels that are neither lit nor beside a lit one move a baseline, and a
watched pixel is judged by its middle values (RMS leaves the largest four out of its sums; the
CREDO_webcam and cmosdetector average the hits in).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.bands import row_bands
from calibration.change import Change, ChangeTeller
from calibration.common import Common
from calibration.learn import SCATTER_PARTS, Rows, Steps, learn
from calibration.maps import MASKED, threshold_rows, write_thresholds
from calibration.model import Calibration
from calibration.sample import STRIPES, Sample, stripe_rows
from calibration.surroundings import HOT_SIGMA, around_adu
from calibration.suspects import first_watched, shot_adu, taken_up
from calibration.watch import WARM_SIGMA, Watched, WatchList

_MEMORY = 64
"""Values of a pixel that its baseline is the mean of: one in 64 frames, so two minutes at 30/s."""

_NOISE_MEMORY = 128
_RESTLESS = 1.6
"""A pixel whose variance grew by this much is put under watch (4.8 sigma of its own scatter)."""

_RISEN_SIGMA = 1.0
"""So is one whose baseline rose by this much beyond the others."""

_LEARNED_AT_ONCE = 8
"""Samples that wait to be learned from: most frames then cost no more than being looked at, and
what has left the processor's caches since the frame before is fetched once for all of them."""

_JUDGED_EVERY = 4
"""Blocks between two looks at a stripe for such pixels."""

_FIRST_TOP = 65_535.0
_GONE = np.zeros((0, 0), np.float32)
_REPLACED = ("mean_adu", "sigma_adu", "seed_threshold", "growth_threshold", "masked", "hot")

_MOST_WATCHED_SHARE = 0.02
_LEAST_WATCHED = 4096


class Tracker:
    """Follows one sensor mode from a calibration on.

    Use: read the frames of a block with `calibration` and `watched`; hand their samples to `note`
    in frame order; call `turn` before the first frame of another block.

    Parameters
    ----------
    base : Calibration
        Not changed.
    """

    def __init__(self, base: Calibration) -> None:
        self._names = _maps_of(base)
        self._now_adu = base.mean_adu.copy()
        self._next_adu = np.empty_like(self._now_adu)
        self._maps = {name: getattr(base, name).copy() for name in self._names}
        self._sigma = base.sigma_adu.copy()
        self._masked = base.masked.copy()
        self._hot = base.hot.copy()
        self._alone = _judged_alone(base)
        self._excess = np.full(base.sigma_adu.shape, SCATTER_PARTS, np.uint16)
        highest_adu = float(np.max(base.mean_adu, initial=0, where=~base.masked))
        self._parts = _FIRST_TOP / min(max(highest_adu + 1, 1.0), base.full_scale_adu + 1)
        self._first = _in_parts(base.mean_adu, self._parts)
        # Its maps go when nobody else holds them: at 12 megapixels they are 200 MB.
        gone: dict[str, Any] = dict.fromkeys(_REPLACED, _GONE)
        self._base = replace(base, look_threshold=None, **gone)
        self._common = Common(base)
        self._seen = np.zeros(STRIPES, np.bool_)
        self._pending: list[tuple[int, Sample, float | None]] = []
        self._block: int | None = None
        self._blocks = 0
        self._temperatures_c: list[float] = []
        self._risen: list[NDArray[np.int64]] = []
        self._suspects: list[NDArray[np.int64]] = []
        self._watch = WatchList(first_watched(base), base.seed_sigma, shot_adu(base))
        self._teller = ChangeTeller(*self._counts())
        self.calibration = base

    @property
    def watched(self) -> NDArray[np.int64]:
        """Flat indices of the pixels under watch, ascending; the same throughout a block."""
        return self._watch.pixels.index

    @property
    def common(self) -> Common:
        """What all pixels share, and what a dark frame's noise and unevenness stay below."""
        return self._common

    def turns_at(self, index: int) -> bool:
        """Whether frame `index` belongs to another block than the one before."""
        return self._block is not None and index // STRIPES != self._block

    def note(self, index: int, sample: Sample | None, temperature_c: float | None = None) -> None:
        """Learn from frame `index`; no sample where it was not looked at."""
        if self._block is None:
            self._block = index // STRIPES
        if sample is None:
            return
        self._pending.append((index % STRIPES, sample, temperature_c))
        if len(self._pending) >= _LEARNED_AT_ONCE:
            self._learn_pending()

    def suspect(self, index: NDArray[np.int64]) -> None:
        """Put pixels under watch from the next block on: flat indices."""
        self._suspects.append(np.asarray(index, np.int64))

    def turn(self, index: int) -> Change | None:
        """Begin the block of frame `index`: what was learned holds from here on."""
        self._block = index // STRIPES
        self._learn_pending()
        if not self._common.has_seen:
            return None
        self._blocks += 1
        for number in np.flatnonzero(~self._seen):
            self._carry_over(stripe_rows(self._sigma.shape[0], int(number)))
        self._seen[:] = False
        self._now_adu, self._next_adu = self._next_adu, self._now_adu
        self._watch.move_level(self._common.step_adu)
        self._settle_noise()
        self._write_maps()
        self._settle_watch()
        self._overlay()
        return self._publish(index)

    def _learn_pending(self) -> None:
        for _, sample, temperature_c in self._pending:
            if temperature_c is not None:
                self._temperatures_c.append(temperature_c)
            self._common.add(sample)
            self._watch.note(sample.watched_adu, sample.level_adu, self._common.typical_adu)
        for number, sample, _ in self._pending:
            self._learn(number, sample)
            self._seen[number] = True
        self._pending.clear()

    def _learn(self, number: int, sample: Sample) -> None:
        common, usual = self._common, self._common.usual_square
        steps = Steps(
            weight=1 / min(self._base.frames_used + self._blocks + 1, _MEMORY),
            step_adu=common.step_adu,
            level_adu=sample.level_adu,
            usual_square=1.0 if usual is None else usual,
            noise_memory=_NOISE_MEMORY,
            restless=_RESTLESS,
            risen_sigma=_RISEN_SIGMA,
            risen_adu=common.next_level_adu,
            judges=(self._blocks + number) % _JUDGED_EVERY == 0,
        )
        found = learn(sample.stripe_adu, sample.quiet, self._rows(sample.rows), steps)
        if len(found):
            self._risen.append(found + sample.rows.start * self._sigma.shape[1])

    def _rows(self, rows: slice) -> Rows:
        return Rows(
            self._now_adu[rows],
            self._next_adu[rows],
            self._sigma[rows],
            self._excess[rows],
            self._first[rows],
            self._parts,
        )

    def _settle_noise(self) -> None:
        factor = self._common.settle()
        if factor != 1:
            self._sigma *= np.float32(factor)

    def _write_maps(self) -> None:
        """Write the thresholds that follow from the baselines, all at once: in place."""
        heights = self._names["seed_threshold"], self._names["growth_threshold"]
        write_thresholds(
            self._now_adu,
            self._sigma,
            self._masked,
            self._alone,
            (*heights, self._names.get("look_threshold", 0.0)),
            self._base.full_scale_adu,
            self._maps["seed_threshold"],
            self._maps["growth_threshold"],
            self._maps.get("look_threshold"),
        )

    def _carry_over(self, rows: slice) -> None:
        """Keep the baseline of rows that no frame showed."""
        step = np.float32(self._common.step_adu)
        np.add(self._now_adu[rows], step, out=self._next_adu[rows])

    def _settle_watch(self) -> None:
        """Let go of pixels that healed, take up those that give cause."""
        healed = self._watch.healed(self._common.typical_adu)
        old = self._watch.pixels
        suspects, risen = _merged(self._suspects), _merged(self._risen)
        self._suspects, self._risen = [], []
        known = old.index[~healed]
        risen = self._with_cause(risen[~np.isin(risen, old.index)])
        wanted = _merged([suspects[~np.isin(suspects, known)], risen])
        room = max(int(_MOST_WATCHED_SHARE * self._sigma.size), _LEAST_WATCHED)
        wanted = wanted[: max(room - len(known), 0)]
        if healed.any():
            self._let_go(old.take(np.flatnonzero(healed)))
        if healed.any() or len(wanted):
            mean, sigma = self._now_adu, self._sigma
            new = taken_up(wanted, np.isin(wanted, suspects), mean, sigma)
            self._watch.change(~healed, new)

    def _with_cause(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those that stand out of their surroundings, or whose noise grew."""
        mean = self._now_adu
        above = mean.reshape(-1)[index] - around_adu(mean, index)
        warm = above > WARM_SIGMA * self._common.typical_adu
        chosen: NDArray[np.int64] = index[
            warm | (self._excess.reshape(-1)[index] > _RESTLESS * SCATTER_PARTS)
        ]
        return chosen

    def _let_go(self, pixels: Watched) -> None:
        flat = pixels.index
        self._masked.reshape(-1)[flat] = self._is_listed(flat)
        self._hot.reshape(-1)[flat] = False
        self._excess.reshape(-1)[flat] = SCATTER_PARTS
        sigma = np.maximum(pixels.sigma_adu, np.float32(self._common.typical_adu))
        self._write(flat, pixels.mean_adu, sigma, np.ones(len(flat), np.float32))
        for name in self._names:
            self._maps[name].reshape(-1)[flat[self._is_listed(flat)]] = MASKED

    def _is_listed(self, flat: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether pixels are masked for good."""
        if self._base.listed is None:
            return np.zeros(flat.shape, np.bool_)
        return self._base.listed.reshape(-1)[flat]

    def _overlay(self) -> None:
        """Write the watched pixels' own baselines and thresholds into the maps."""
        pixels = self._watch.pixels
        flat = pixels.index
        if not len(flat):
            return
        stretch = self._watch.stretch(self._base.seed_sigma)
        wide = pixels.mean_adu + stretch * pixels.sigma_adu * np.float32(self._base.seed_sigma)
        masked = pixels.masked | (wide >= self._base.full_scale_adu) | self._is_listed(flat)
        above = pixels.mean_adu - pixels.around_adu
        self._masked.reshape(-1)[flat] = masked
        self._hot.reshape(-1)[flat] = ~masked & (above > HOT_SIGMA * self._common.typical_adu)
        self._write(flat, pixels.mean_adu, pixels.sigma_adu, stretch)
        for name in self._names:
            self._maps[name].reshape(-1)[flat[masked]] = MASKED

    def _write(
        self,
        flat: NDArray[np.int64],
        mean_adu: NDArray[np.float32],
        sigma_adu: NDArray[np.float32],
        stretch: NDArray[np.float32],
    ) -> None:
        self._now_adu.reshape(-1)[flat] = mean_adu
        self._sigma.reshape(-1)[flat] = sigma_adu
        for name, sigmas in self._names.items():
            values = threshold_rows(mean_adu, sigma_adu, sigmas, self._base.full_scale_adu, stretch)
            self._maps[name].reshape(-1)[flat] = values
        if "look_threshold" in self._names:
            # Pixels under watch are hot or restless: they are judged alone.
            seed = self._maps["seed_threshold"].reshape(-1)
            self._maps["look_threshold"].reshape(-1)[flat] = seed[flat]

    def _counts(self) -> tuple[int, int]:
        return int(np.count_nonzero(self._masked)), int(np.count_nonzero(self._hot))

    def _publish(self, index: int) -> Change | None:
        """Make the calibration of the block; tell of it when it is no longer the one told of."""
        change = self._teller.tell(self._blocks, index, self._common, *self._counts())
        base = self._base
        temperature_c = self.calibration.temperature_c
        if self._temperatures_c:
            temperature_c = float(np.mean(self._temperatures_c))
            self._temperatures_c.clear()
        self.calibration = replace(
            base,
            id=self._own_id() if change is not None else self.calibration.id,
            sigma_adu=self._sigma,
            masked=self._masked,
            hot=self._hot,
            level_adu=base.level_adu + self._common.level_adu,
            noise_adu=base.noise_adu * self._common.noise,
            reference_mean_adu=self._common.reference_adu,
            temperature_c=temperature_c,
            mean_adu=self._now_adu,
            **self._maps,
        )
        return change

    def _own_id(self) -> str:
        """Follows from the id before and what was learned since: the same frames, the same id."""
        pixels = self._watch.pixels
        hasher = hashlib.sha256(self.calibration.id.encode())
        common = self._common
        state = [self._blocks, common.level_adu, common.noise, common.reference_adu]
        hasher.update(repr(state).encode())
        for values in (pixels.index, pixels.mean_adu, pixels.sigma_adu, pixels.masked):
            hasher.update(np.ascontiguousarray(values).tobytes())
        return hasher.hexdigest()[:16]


def _maps_of(base: Calibration) -> dict[str, float]:
    """Names of the threshold maps, and how many sigma each is above the baseline."""
    names = {"seed_threshold": base.seed_sigma, "growth_threshold": base.growth_sigma}
    if base.look_threshold is not None and base.cluster is not None:
        names["look_threshold"] = base.cluster.look_sigma
    return names


def _in_parts(mean_adu: NDArray[np.float32], parts: float) -> NDArray[np.uint16]:
    """Baselines in parts of an ADU: they tell no more than by how many sigma one rose since."""
    values = np.empty(mean_adu.shape, np.uint16)
    for rows in row_bands(mean_adu.shape):
        scaled = np.rint(mean_adu[rows] * np.float32(parts))
        values[rows] = np.clip(scaled, 0, _FIRST_TOP)
    return values


def _judged_alone(base: Calibration) -> NDArray[np.bool_]:
    """Pixels that are never judged together with their neighbours."""
    if base.look_threshold is None:
        return np.zeros(base.masked.shape, np.bool_)
    return base.look_threshold >= base.seed_threshold


def _merged(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Every index once, ascending."""
    if not parts:
        return np.zeros(0, np.int64)
    once: NDArray[np.int64] = np.unique(np.concatenate(parts))
    return once
