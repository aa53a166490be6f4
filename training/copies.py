"""Augmented copies of crops, measured once: that takes longer than all that is learned of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.numbers import numbers
from edge.features.hit import Place
from training.augment import augmented, dimmed, on_other_ground
from training.labelled import LabelledCrops

Told = Callable[[int, int], None]
_DIM = 1
_OTHER_GROUND = -1
_CHUNK = 64
_FEW = 200
_Job = tuple[int, NDArray[Any], Place | None, tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """What a net is told of each crop.

    Attributes
    ----------
    told : ndarray of float32, shape (copies, n, numbers)
        The first copy is the crop itself.
    dim_told : ndarray of float32, shape (n, numbers)
        Of each crop one in which nothing stands out.
    """

    told: NDArray[np.float32]
    dim_told: NDArray[np.float32]

    def take(self, chosen: NDArray[np.int64]) -> Copies:
        """Those of some crops."""
        return Copies(self.told[:, chosen], self.dim_told[chosen])


def copies_of(crops: LabelledCrops, count: int, seed: int, told: Told | None = None) -> Copies:
    """Make `count` copies of each crop besides itself.

    The same for the same seed, by any number of processes: each copy has dice of its own. Copies of
    a rig's own hit are the crop itself: others can be simulated, and what a sensor's raw counts
    look like is just what they are to teach.
    """
    say = told or (lambda done, total: None)
    rows: list[NDArray[np.float32]] = []
    changed = np.flatnonzero(~crops.is_own)
    with _measuring(len(crops)) as measure:
        for done in range(count + 2):
            if done <= _DIM:
                rows.append(measure(_jobs(crops, done, seed)))
            else:
                rows.append(rows[0].copy())
                if len(changed):
                    rows[-1][changed] = measure(_jobs(crops, done, seed, changed))
            say(done + 1, count + 2)
    dim = rows.pop(_DIM)
    return Copies(np.stack(rows), dim)


def told_on_other_ground(crops: LabelledCrops, seed: int) -> NDArray[np.float32]:
    """Numbers of each crop's hit on another ground of the same noise: shape (n, numbers)."""
    with _measuring(len(crops)) as measure:
        return measure(_jobs(crops, _OTHER_GROUND, seed))


@contextlib.contextmanager
def _measuring(count: int) -> Iterator[Callable[[Iterable[_Job]], NDArray[np.float32]]]:
    """Measure by all cores, where that is worth their start."""
    workers = os.cpu_count() or 1
    if count < _FEW or workers < 2:
        yield lambda jobs: np.stack([_measured(job) for job in jobs])
        return
    # Processes of their own: threads would wait for one another, and a fork may hold locks.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield lambda jobs: np.stack(list(pool.map(_measured, jobs, chunksize=_CHUNK)))


def _jobs(
    crops: LabelledCrops, which: int, seed: int, rows: Iterable[int] | None = None
) -> Iterable[_Job]:
    chosen = range(len(crops)) if rows is None else rows
    places = crops.each_place
    return ((which, crops.pixels[i], places[i], (seed, abs(which), int(i))) for i in chosen)


def _measured(job: _Job) -> NDArray[np.float32]:
    """Numbers of one copy: the crop itself, a dim one, one on another ground, an augmented one."""
    which, pixels, place, dice = job
    random = np.random.default_rng(dice)
    if which == 0:
        return numbers(pixels, place)
    change = {_DIM: dimmed, _OTHER_GROUND: on_other_ground}.get(which, augmented)
    return numbers(change(pixels, random), place)
