"""Contenders timed in turn, round after round, so that a busy moment hits all of them alike."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

LEAST_SAMPLE_S = 0.005
"""A shorter call is repeated until a sample lasts this long: the clock's own cost must vanish."""

WARM_SAMPLE_S = 0.02
"""Where all are to find their frame in the cache: what the contender before it left there is gone
after a call or two, which must not weigh more in a sample of few calls."""

_MOST_REPEATS = 1000


@dataclass(frozen=True, slots=True)
class Times:
    """Samples of one contender, in the order of the rounds.

    Attributes
    ----------
    samples_ms : tuple of float
        One call's time in each round.
    """

    samples_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """Middle sample."""
        return statistics.median(self.samples_ms)

    @property
    def spread_ms(self) -> tuple[float, float]:
        """10th and 90th percentile, by the nearest rank."""
        ordered = sorted(self.samples_ms)
        last = len(ordered) - 1
        return ordered[round(0.1 * last)], ordered[round(0.9 * last)]

    def ratio_to(self, other: Times) -> float:
        """Median over the rounds of this one's time over the other's; below 1 it is faster.

        Rounds are compared one by one: what slowed a whole round down cancels.
        """
        pairs = zip(self.samples_ms, other.samples_ms, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


def race(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    repeats: int | None = None,
    warm: bool = False,
) -> dict[str, Times]:
    """Time each contender once in every round, after one call that is not counted.

    Parameters
    ----------
    contenders : mapping of str to callable
        What is timed; which of them begins changes from round to round.
    rounds : int
        Samples of each.
    repeats : int or None
        Calls in a sample; None: as many as make it `LEAST_SAMPLE_S` long.
    warm : bool
        Call each once more before every sample: what it reads is in the cache again, which another
        contender has just had to itself. Else a short call, which is repeated in a sample, would be
        timed warm and a long one cold.
    """
    names = list(contenders)
    least_s = WARM_SAMPLE_S if warm else LEAST_SAMPLE_S
    calls = {name: _repeats(contenders[name], repeats, least_s) for name in names}
    samples: dict[str, list[float]] = {name: [] for name in names}
    with _no_collection():
        for turn in range(rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                if warm:
                    contenders[name]()
                samples[name].append(_sample_ms(contenders[name], calls[name]))
    return {name: Times(tuple(samples[name])) for name in names}


def _repeats(call: Callable[[], object], wanted: int | None, least_s: float) -> int:
    call()  # compiles, fills caches
    if wanted is not None:
        return wanted
    once_s = max(_sample_ms(call, 1) / 1e3, 1e-9)
    return min(max(1, math.ceil(least_s / once_s)), _MOST_REPEATS)


def _sample_ms(call: Callable[[], object], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) * 1e3 / repeats


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector out of the samples."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
