"""Limits for clusters follow from the wanted false rate, and hold for noise that is shared."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibration.cluster import (
    PENALTY,
    ClusterRule,
    cluster_rule,
    look_sigma,
    pattern_tail,
    spot_probability,
)
from calibration.tail import normal_sigma, normal_tail


def test_the_limits_have_the_wanted_probability() -> None:
    single = normal_sigma(1e-12)
    rule = cluster_rule(single, 2.5e-13)
    assert rule is not None
    pattern = pattern_tail(rule.look_sigma, single)(rule.pattern_limit)
    norm = math.sqrt(1 + 4 * (0.2**2 + 0.05**2))
    spot = spot_probability(rule.spot_limit / norm, rule.look_sigma, single)
    assert pattern + spot == pytest.approx(2.5e-13, rel=2e-3)
    assert rule.false_probability == 2.5e-13


def test_the_tail_of_the_pattern_is_that_of_simulated_noise() -> None:
    # Neighbours are drawn as they are; the centre evenly, and weighed by how likely it is.
    rng = np.random.default_rng(1)
    low, high, limit, count = 3.5, 4.8, 24.0, 1_000_000
    around = rng.standard_normal((count, 8))
    centre = rng.uniform(low, high, count)
    excess = np.where(around > 2, np.square(around) - PENALTY, 0).sum(axis=1)
    weight = np.exp(-0.5 * centre**2) / math.sqrt(2 * math.pi) * (high - low)
    hit = (centre**2 + excess > limit) & (around.max(axis=1) < centre)
    simulated = (weight * hit).mean()
    error = (weight * hit).std() / math.sqrt(count)
    assert pattern_tail(low, high)(limit) == pytest.approx(simulated, abs=4 * error)
    assert error < 0.03 * simulated


def test_the_spot_statistic_is_normal_where_the_centre_is_free() -> None:
    assert spot_probability(5.0, -20.0, 20.0) == pytest.approx(normal_tail(5.0), rel=2e-3)


def test_a_rarer_false_trigger_needs_higher_limits() -> None:
    rules = [cluster_rule(normal_sigma(p), p / 3) for p in (1e-7, 1e-10, 1e-13)]
    patterns = [rule.pattern_limit for rule in rules if rule]
    assert len(patterns) == 3
    assert patterns == sorted(patterns)


def test_a_pixel_is_looked_at_well_below_its_own_threshold_but_rarely() -> None:
    for single in (4.5, 5.5, 7.0, 8.0):
        assert look_sigma(single) < single - 0.9
        assert normal_tail(look_sigma(single)) < 3e-4


def test_heavy_tails_move_what_is_looked_at_not_the_limits() -> None:
    plain, wide = cluster_rule(7.0, 1e-13), cluster_rule(8.4, 1e-13, stretch=1.2, hot_stretch=1.5)
    assert plain is not None
    assert wide is not None
    assert wide.pattern_limit == plain.pattern_limit
    assert wide.look_sigma == pytest.approx(1.2 * plain.look_sigma)
    assert (wide.stretch, wide.hot_stretch) == (1.2, 1.5)


def test_where_single_pixels_trigger_early_clusters_are_not_looked_for() -> None:
    assert cluster_rule(3.0, 1e-3) is None
    assert cluster_rule(5.0, 1e-7, stretch=1.2) is None


@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.5])
def test_the_pattern_terms_are_those_of_equally_correlated_normal_noise(correlation: float) -> None:
    rule = ClusterRule(4.0, 50.0, 7.0, correlation=correlation)
    foretold, weight = rule.pattern_terms()
    z = np.array([6.0, 5.0, 4.5, 4.0, 3.0])
    before = np.concatenate([[0.0], np.cumsum(z)[:-1]])
    ours = (np.square(z - foretold[:5] * before) * weight[:5]).sum()
    matrix = np.full((5, 5), correlation) + (1 - correlation) * np.eye(5)
    assert ours == pytest.approx(z @ np.linalg.solve(matrix, z), rel=1e-6)


def test_shared_noise_widens_the_spot_statistic() -> None:
    rng = np.random.default_rng(2)
    z = rng.standard_normal((200_000, 9)) * math.sqrt(0.7) + math.sqrt(0.3) * rng.standard_normal(
        (200_000, 1)
    )
    weights = np.array([0.05, 0.2, 0.05, 0.2, 1, 0.2, 0.05, 0.2, 0.05])
    plain, shared = cluster_rule(7.0, 1e-13), cluster_rule(7.0, 1e-13, correlation=0.3)
    assert plain is not None
    assert shared is not None
    widened = shared.spot_limit / plain.spot_limit
    assert widened == pytest.approx((z @ weights).std() / np.sqrt((weights**2).sum()), rel=0.01)
