"""Noise alone triggers as rarely as the analytic rate says: single pixels, clusters, and both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from calibration.cluster import ClusterRule, cluster_rule
from calibration.maps import threshold_rows
from calibration.rounding import rounded_tail
from edge.pixels.scan import scan
from edge.pixels.significance import constants, significant_compiled
from edge.pixels.thresholds import ThresholdMap

HEIGHT, WIDTH = 800, 1250
LEVEL_ADU = 100.0
SINGLE_SIGMA = 4.55
CLUSTER_PROBABILITY = 2e-6
"""Rare enough that rates behave as they do at 10^-12, often enough to be counted."""

READS = 5e7
PROVEN_READS = 1e9

Array = np.ndarray[Any, Any]


@dataclass
class Counted:
    """False triggers of noise, and how many were to be expected."""

    singles: int
    clusters: int
    expected_singles: float
    expected_clusters: float


class Noise:
    """A sensor of one noise: its maps as a calibration would have them."""

    def __init__(self, noise_adu: float, share: float = 0.0) -> None:
        rng = np.random.default_rng(4)
        self.noise_adu, self.share, self.rng = noise_adu, share, rng
        self.mean = (LEVEL_ADU + rng.uniform(0, 1, (HEIGHT, WIDTH))).astype(np.float32)
        sigma = np.sqrt(noise_adu**2 + 1 / 12)
        self.sigma = np.full((HEIGHT, WIDTH), sigma, np.float32)
        rule = cluster_rule(SINGLE_SIGMA, CLUSTER_PROBABILITY, correlation=share)
        assert rule is not None
        self.rule: ClusterRule = rule
        self.seed = threshold_rows(self.mean, self.sigma, SINGLE_SIGMA, 4095)
        self.look = threshold_rows(self.mean, self.sigma, rule.look_sigma, 4095)
        self.hot = np.zeros((HEIGHT, WIDTH), np.bool_)

    def frame(self) -> Array:
        values = self.rng.standard_normal((HEIGHT, WIDTH), np.float32)
        if self.share:
            rows = self.rng.standard_normal((HEIGHT, 1), np.float32)
            values *= np.float32(np.sqrt(1 - self.share))
            values += np.float32(np.sqrt(self.share)) * rows
        values *= np.float32(self.noise_adu)
        values += self.mean
        made: Array = np.rint(values, out=values).astype(np.uint16)
        return made

    def count(self, reads: float) -> Counted:
        frames = round(reads / self.mean.size)
        numbers, terms = constants(self.rule), self.rule.pattern_terms()
        look = ThresholdMap.of(self.look)
        singles = clusters = 0
        for _ in range(frames):
            pixels = self.frame()
            looked = scan(pixels, look, 4095).seeds
            maps = (self.seed, self.look, self.mean, self.sigma, self.hot)
            found = np.unique(significant_compiled(pixels, looked, *maps, numbers, *terms))
            alone = pixels.ravel()[found] > self.seed.ravel()[found]
            singles += int(np.count_nonzero(alone))
            clusters += self._groups(pixels, found[~alone])
        single = rounded_tail(self.mean.ravel(), self.sigma.ravel(), SINGLE_SIGMA, 1.0)
        reads = frames * self.mean.size
        return Counted(singles, clusters, single * reads, CLUSTER_PROBABILITY * reads)

    def _groups(self, pixels: Array, found: Array) -> int:
        """Clusters that seeds belong to: each with its brightest pixel in the middle."""
        excess = pixels.ravel()[found] - self.mean.ravel()[found]
        rest = [divmod(int(one), WIDTH) for one in found[np.argsort(-excess)]]
        groups = 0
        while rest:
            y, x = rest[0]
            rest = [(b, a) for b, a in rest if max(abs(b - y), abs(a - x)) > 1]
            groups += 1
        return groups


def check(counted: Counted, *, equal: bool) -> None:
    for found, expected in (
        (counted.singles, counted.expected_singles),
        (counted.clusters, counted.expected_clusters),
    ):
        assert found <= expected + 4 * np.sqrt(expected)
        # The two statistics find some clusters both, which the sum of their rates counts twice.
        assert not equal or found >= 0.9 * expected - 4 * np.sqrt(expected)


@pytest.mark.parametrize("noise_adu", [2.0, 5.0])
def test_noise_triggers_as_often_as_the_analytic_rate(noise_adu: float) -> None:
    check(Noise(noise_adu).count(READS), equal=True)


@pytest.mark.parametrize("noise_adu", [0.8, 1.0])
def test_coarse_digits_trigger_no_more_often(noise_adu: float) -> None:
    counted = Noise(noise_adu).count(READS)
    check(counted, equal=False)
    assert counted.clusters > 0.5 * counted.expected_clusters


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_noise_that_rows_share_triggers_no_more_clusters(share: float) -> None:
    counted = Noise(5.0, share).count(READS)
    assert counted.clusters <= counted.expected_clusters


def test_noise_that_rows_share_would_trigger_more_were_it_not_allowed_for() -> None:
    noise = Noise(5.0, 0.3)
    rule = cluster_rule(SINGLE_SIGMA, CLUSTER_PROBABILITY)
    assert rule is not None
    noise.rule = rule
    counted = noise.count(READS / 5)
    assert counted.clusters > 3 * counted.expected_clusters


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("noise_adu", [0.8, 1.0, 2.0, 5.0])
def test_a_thousand_million_reads_trigger_as_often_as_the_analytic_rate(noise_adu: float) -> None:
    check(Noise(noise_adu).count(PROVEN_READS), equal=noise_adu >= 2)
