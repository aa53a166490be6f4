"""Waits between attempts: doubling ceilings with full jitter.

After a broker's restart a whole fleet comes back; without jitter it would come all at once, again
and again (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import random


class FullJitter:
    """Random waits between 0 and a ceiling that doubles with each failure.

    Parameters
    ----------
    first_s, last_s : float
        Ceiling after the first failure, and the highest.
    chance : random.Random, optional
        For tests.
    """

    def __init__(
        self, first_s: float = 1.0, last_s: float = 480.0, chance: random.Random | None = None
    ) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._chance = chance or random.Random()  # noqa: S311 - no secret
        self._failures = 0

    def next_s(self) -> float:
        """Wait after one more failure."""
        ceiling_s = min(self._last_s, self._first_s * 2.0 ** min(self._failures, 64))
        self._failures += 1
        return self._chance.uniform(0.0, ceiling_s)

    def reset(self) -> None:
        """Begin anew after a success that lasted."""
        self._failures = 0
