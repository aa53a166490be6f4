"""Augmented copies of crops, measured once: that takes longer than all that is learned of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.numbers import numbers
from training.augment import augmented, dimmed
from training.labelled import LabelledCrops

Told = Callable[[int, int], None]
_CHUNK = 64
_FEW = 200
_Job = tuple[NDArray[Any], tuple[int, ...]]


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

    The same for the same seed, by any number of processes: each copy has dice of its own.
    """
    say = told or (lambda done, total: None)
    rows: list[NDArray[np.float32]] = []
    workers = os.cpu_count() or 1
    if len(crops) < _FEW or workers < 2:
        for done in range(count + 2):
            rows.append(np.stack([_measured(job) for job in _jobs(crops, done, seed)]))
            say(done + 1, count + 2)
        return _put_together(rows)
    # Processes of their own: threads would wait for one another, and a fork may hold locks.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done in range(count + 2):
            rows.append(
                np.stack(list(pool.map(_measured, _jobs(crops, done, seed), chunksize=_CHUNK)))
            )
            say(done + 1, count + 2)
    return _put_together(rows)


def _put_together(rows: list[NDArray[np.float32]]) -> Copies:
    dim = rows.pop(1)
    return Copies(np.stack(rows), dim)


def _jobs(crops: LabelledCrops, which: int, seed: int) -> Iterable[_Job]:
    return ((one, (seed, which, i)) for i, one in enumerate(crops.pixels))


def _measured(job: _Job) -> NDArray[np.float32]:
    """Numbers of one copy: the crop itself, a dim one, or an augmented one."""
    pixels, dice = job
    random = np.random.default_rng(dice)
    which = dice[1]
    if which == 1:
        return numbers(dimmed(pixels, random))
    return numbers(pixels if which == 0 else augmented(pixels, random))
