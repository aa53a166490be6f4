"""Groups drawn again and again: how far a figure might have come out otherwise.

Crops of one device stand and fall together: drawing them one by one would make an interval
several times too narrow (A. C. Davison and D. V. Hinkley, Bootstrap Methods (1997), 3.8).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Drawn = NDArray[np.float64]

DRAWS = 2000
_TAIL = 0.025
_BLOCK = 1 << 22
"""Places drawn at a time: a large set must not fill the memory."""


class GroupDraws:
    """Draws of whole groups with replacement, the same for all that is asked of them.

    Figures of two methods that come from the same draws may be subtracted draw by draw.

    Parameters
    ----------
    group : sequence of str, length n
        Of each row.
    seed, draws : int

    Attributes
    ----------
    groups : int
        How many there are.
    draws : int
    """

    def __init__(self, group: Sequence[str], *, seed: int = 0, draws: int = DRAWS) -> None:
        names, member = np.unique(np.asarray(group, np.str_), return_inverse=True)
        self._member, self._seed = member, seed
        self.groups, self.draws = len(names), draws

    def totals(self, values: NDArray[Any]) -> Drawn:
        """Sums over the rows drawn.

        Parameters
        ----------
        values : ndarray, shape (n, k)

        Returns
        -------
        ndarray of float64, shape (draws, k)
            NaN where there are not two groups to draw from: one tells nothing of others.
        """
        totals = np.full((self.draws, values.shape[1]), np.nan)
        if self.groups < 2:
            return totals
        sums = np.stack(
            [np.bincount(self._member, column, self.groups) for column in values.T], axis=1
        )
        random = np.random.default_rng(self._seed)
        size = max(_BLOCK // self.groups, 1)
        for start in range(0, self.draws, size):
            count = min(size, self.draws - start)
            places = random.integers(0, self.groups, (count, self.groups))
            places += self.groups * np.arange(count)[:, np.newaxis]
            times = np.bincount(places.ravel(), minlength=count * self.groups)
            totals[start : start + count] = times.reshape(count, self.groups) @ sums
        return totals


def interval(drawn: Drawn) -> tuple[float, float]:
    """95 % interval between percentiles; NaN where no draw gave a number."""
    known = drawn[np.isfinite(drawn)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [_TAIL, 1 - _TAIL])
    return float(low), float(high)


def mirrored_interval(value: float, drawn: Drawn) -> tuple[float, float]:
    """95 % interval of what can't be below 0 and comes out too large from few rows.

    A draw of a draw is too large once more, so percentiles lie above the truth. Mirrored at the
    value (the basic interval of Davison and Hinkley, 5.2) they do not; it holds the value itself
    in any case. Of a calibration error of 0.02 to 0.1 and 300 rows it covers the truth in 90 to
    93 % of sets, of none in 61 %; percentiles do in 94 % of 0.1, in 43 % of 0.05, in none below.
    """
    low, high = interval(drawn)
    return max(min(2 * value - high, value), 0.0), max(2 * value - low, value)


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Drawn:
    """Element by element; NaN where there is nothing to divide by."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    found = np.full(part.shape, np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def mean_known(values: NDArray[Any], axis: int = 0) -> Drawn:
    """Mean of those that are numbers; NaN where none is."""
    known = np.isfinite(values)
    return ratio(np.where(known, values, 0).sum(axis=axis), known.sum(axis=axis))
