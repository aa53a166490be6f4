"""Numbers in steps: how a net is shown what trees see by themselves.

A number with a long tail, or with borders that matter, is hard for a net and easy for trees. Each
number becomes several, one for each of its quantile steps, that rise from 0 to 1 across the step
(piecewise linear encoding: Gorishniy, Rubachev and Babenko, NeurIPS 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.classification.numbers import FIRST_OF_HIT, NAMES, PLACE_KNOWN

STEPS = 3
Columns = tuple[int, int]
"""First number that is used, and the first behind them that is not."""

_FIRST_USED = NAMES.index("eighth_components")
OF_PICTURE: Columns = (_FIRST_USED, FIRST_OF_HIT)
"""Numbers of the picture's brightest cluster. Those before tell the level, the noise and the
structure of what is dark: which camera it was is not what the hit is."""

OF_HIT: Columns = (_FIRST_USED, PLACE_KNOWN)
"""The same, and those of the hit at its place."""

_LOWEST, _HIGHEST = 0.01, 0.99
_NARROWEST = 1e-3
_MOST = np.float32(60_000)
MIDDLE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """Where the steps lie.

    Attributes
    ----------
    columns : (int, int)
        Which numbers are used.
    low, scale : ndarray of float32, shape (STEPS * used,)
        Lower end of each step, and 1 over its width (0 for one without width): for all numbers
        the first step, then the second. Both are numbers of half precision, so that a model with
        weights of 16 bits has the same ones.
    """

    columns: Columns
    low: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def of(cls, told: NDArray[np.float32], columns: Columns) -> Self:
        """Steps of equal share of the crops.

        Parameters
        ----------
        told : ndarray of float32, shape (…, len(NAMES))
        columns : (int, int)
        """
        flat = _tame(told.reshape(-1, told.shape[-1])[:, slice(*columns)])
        edges = np.quantile(flat, np.linspace(_LOWEST, _HIGHEST, STEPS + 1), axis=0)
        edges = edges.astype(np.float16).astype(np.float32)
        width = np.diff(edges, axis=0)
        scale = np.divide(1, width, out=np.zeros_like(width), where=width > _NARROWEST)
        scale = scale.astype(np.float16).astype(np.float32)
        return cls(columns, edges[:-1].reshape(-1), scale.reshape(-1))

    def encode(self, told: NDArray[np.float32]) -> NDArray[np.float32]:
        """Steps of some crops' numbers.

        Parameters
        ----------
        told : ndarray of float32, shape (…, len(NAMES))

        Returns
        -------
        ndarray of float32, shape (…, STEPS * used)
            -0.5 below a step, 0.5 above it: a number that is left out in training is a middle one.
        """
        repeated = np.tile(_tame(told[..., slice(*self.columns)]), STEPS)
        repeated -= self.low
        repeated *= self.scale
        np.clip(repeated, 0, 1, out=repeated)
        repeated -= np.float32(MIDDLE)
        return repeated


def _tame(told: NDArray[np.float32]) -> NDArray[np.float32]:
    """Within what half precision can hold."""
    return np.clip(told, -_MOST, _MOST)
