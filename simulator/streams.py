"""Random numbers by counter: a stream for each purpose and frame, in any order of asking."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for. A number is never used again for another purpose."""

    SENSOR = 1
    PARTICLES = 2
    NOISE = 3
    FAULTS = 4
    TELEGRAPH = 5
    ROWS = 6
    LIGHT = 7
    COLUMNS = 20
    TELEGRAPH_NOISE = 21
    EDGE = 30
    FLASHES = 31
    BIRTHS = 32
    COLUMN_FAULT = 33
    FIRST_ROW = 34
    AFTERGLOW = 35
    ROUTE = 36


def stream(seed: int, purpose: Purpose, index: int = 0) -> np.random.Generator:
    """Random generator of one purpose and frame, independent of all others.

    Philox4x64-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3,
    SC'11, doi 10.1145/2063384.2063405): the key is (seed, purpose), the highest word of the
    counter is `index`, so two streams overlap only after 2^192 blocks.

    Parameters
    ----------
    seed : int
        0 to 2^64 - 1.
    purpose : Purpose
        What the numbers are for.
    index : int
        Frame or block, 0 to 2^64 - 1.
    """
    key = np.array([seed, int(purpose)], dtype=np.uint64)
    counter = np.array([0, 0, 0, index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
