"""Augmented copies of crops, made once: measuring one takes longer than looking at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.classification.numbers import numbers
from edge.classification.prepare import prepare
from training.augment import augmented, dimmed
from training.labelled import LabelledCrops

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """What a net is shown of each crop.

    Attributes
    ----------
    shown : ndarray of float16, shape (copies, n, SIZE_PX, SIZE_PX, CHANNELS)
        The first copy is the crop itself.
    told : ndarray of float32, shape (copies, n, numbers)
    dim_shown, dim_told : ndarray, as one copy
        Of each crop one in which nothing stands out.
    """

    shown: NDArray[np.float16]
    told: NDArray[np.float32]
    dim_shown: NDArray[np.float16]
    dim_told: NDArray[np.float32]

    def take(self, chosen: NDArray[np.int64]) -> Copies:
        """Those of some crops."""
        return Copies(
            self.shown[:, chosen], self.told[:, chosen],
            self.dim_shown[chosen], self.dim_told[chosen],
        )  # fmt: skip


def copies_of(crops: LabelledCrops, count: int, seed: int, told: Told | None = None) -> Copies:
    """Make `count` copies of each crop besides itself."""
    random = np.random.default_rng(seed)
    say = told or (lambda done, total: None)
    rows: list[list[NDArray[np.generic]]] = []
    for done in range(count + 2):
        made = [
            one if done == 0 else dimmed(one, random) if done == 1 else augmented(one, random)
            for one in crops.pixels
        ]
        shown = np.stack([prepare(one) for one in made]).astype(np.float16)
        rows.append([shown, np.stack([numbers(one) for one in made])])
        say(done + 1, count + 2)
    dim = rows.pop(1)
    return Copies(
        np.stack([shown for shown, _ in rows]).astype(np.float16),
        np.stack([known for _, known in rows]).astype(np.float32),
        dim[0].astype(np.float16),
        dim[1].astype(np.float32),
    )
