"""Bursts: a rate that was learned loses nothing, many more than it explains are refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edge.stages.bursts import Bursts
from edge.stages.poisson import at_least, limit
from edge.stages.rate import LearnedRate

FRAME_NS = 33_333_333
PER_MIN = 1800


class Rig:
    """A rig whose hits come at random, frame by frame."""

    def __init__(self, seed: int = 1) -> None:
        self.rate = LearnedRate()
        self.bursts = Bursts(self.rate)
        self.random = np.random.default_rng(seed)
        self.now_ns = 0

    def lost(self, per_min: float, minutes: float) -> tuple[int, int]:
        """Hits, and how many of them were refused."""
        counts = self.random.poisson(per_min / PER_MIN, round(minutes * PER_MIN)).tolist()
        refused = 0
        for hits in counts:
            self.now_ns += FRAME_NS
            refused += hits if self.bursts.refuses(hits, self.now_ns) else 0
            self.rate.add(hits, FRAME_NS)
        return sum(counts), refused


@pytest.mark.parametrize("per_min", [0.1, 10, 60, 600])
def test_a_steady_stream_from_the_first_second_loses_nothing(per_min: float) -> None:
    assert Rig().lost(per_min, 60)[1] == 0


def test_a_burst_is_refused_beyond_what_the_rate_explains_and_its_end_is_seen() -> None:
    rig = Rig()
    rig.lost(1, 30)
    hits, refused = rig.lost(200, 1)
    assert refused >= hits - 14
    rig.lost(1, 2)
    assert rig.lost(1, 20)[1] == 0


def test_in_the_first_ten_minutes_it_only_learns() -> None:
    rig = Rig()
    assert rig.lost(1, 5)[1] == 0
    assert rig.lost(100, 4)[1] == 0


def test_a_higher_rate_that_stays_is_learned_at_most_doubling_each_minute() -> None:
    rig = Rig()
    rig.lost(1, 30)
    before = rig.rate.per_min
    rig.lost(40, 1)
    assert rig.rate.per_min <= 2 * before
    rig.lost(40, 30)
    assert rig.lost(40, 20)[1] == 0


def test_ten_hits_in_a_minute_are_never_a_burst() -> None:
    rig = Rig()
    rig.lost(0, 20)
    answers = [rig.bursts.refuses(1, rig.now_ns + i) for i in range(12)]
    assert answers == [False] * 10 + [True] * 2


@pytest.mark.parametrize("mean", [1e-6, 0.03, 1.0, 7.5, 60.0, 700.0])
@pytest.mark.parametrize("least", [0, 1, 3, 10, 80, 800])
def test_the_poisson_tail_is_that_of_scipy(least: int, mean: float) -> None:
    expected = stats.poisson.sf(least - 1, mean)
    assert at_least(least, mean) == pytest.approx(expected, rel=1e-6, abs=1e-14)


@pytest.mark.parametrize("mean", [0.0, 0.2, 5.0, 60.0, 600.0])
def test_the_limit_is_the_first_count_that_is_rarer_than_the_chance(mean: float) -> None:
    count = limit(1e-6, mean)
    assert at_least(count, mean) < 1e-6 <= at_least(count - 1, mean)
