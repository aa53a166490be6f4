"""Thresholds follow from a wanted rate, few frames and a measured tail."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from calibration.tail import (
    Tail,
    expected_per_hour,
    measured_tail,
    normal_sigma,
    normal_tail,
    student_sigma,
    threshold_sigma,
)


@pytest.mark.parametrize("probability", [1e-3, 1e-9, 1e-15])
def test_normal_quantiles_equal_scipys(probability: float) -> None:
    sigma = normal_sigma(probability)
    assert sigma == pytest.approx(stats.norm.isf(probability), rel=1e-9)
    assert normal_tail(sigma) == pytest.approx(probability, rel=1e-6)


@pytest.mark.parametrize("degrees", [9, 20, 100, 498])
def test_students_quantile_is_near_scipys(degrees: int) -> None:
    sigma = 6.0
    exact = stats.t.isf(stats.norm.sf(sigma), degrees)
    assert student_sigma(sigma, degrees) == pytest.approx(exact, rel=0.08)


def test_few_frames_ask_for_a_much_higher_threshold() -> None:
    assert student_sigma(6, 5) > 50 > student_sigma(6, 9) > 15 > student_sigma(6, 500) > 6


def test_the_threshold_gives_the_wanted_rate_back() -> None:
    tail = Tail(1.2, 5.0)
    sigma = threshold_sigma(0.01, 1e12, tail)
    assert expected_per_hour(sigma, 1e12, tail) == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize("reads_per_hour", [1e-9, 1.0, 1e5])
def test_a_rate_that_no_noise_reaches_still_gives_a_threshold(reads_per_hour: float) -> None:
    assert threshold_sigma(1e6, reads_per_hour, Tail(1.5, 5.0)) == 1.5


def test_normal_noise_has_no_stretch() -> None:
    sample = np.random.default_rng(1).standard_normal((200, 20_000))
    second = np.sort(sample, axis=0)[-2]
    assert measured_tail(second, 200).stretch == pytest.approx(1.0, abs=0.08)


def test_a_heavy_tail_is_measured() -> None:
    sample = np.random.default_rng(1).standard_t(5, (200, 20_000)) / np.sqrt(5 / 3)
    second = np.sort(sample, axis=0)[-2]
    assert measured_tail(second, 200).stretch > 1.3


def test_particles_in_many_pixels_do_not_stretch_the_tail() -> None:
    sample = np.random.default_rng(1).standard_normal((200, 20_000))
    sample[0, :400] += 50
    second = np.sort(sample, axis=0)[-2]
    assert measured_tail(second, 200).stretch < 1.15


def test_a_few_hundred_telegraph_pixels_do_not_stretch_the_tail() -> None:
    sample = np.random.default_rng(1).standard_normal((30, 100_000))
    sample[::3, :300] += 100
    second = np.sort(sample, axis=0)[-2]
    assert measured_tail(second, 30).stretch < 1.1


def test_particles_that_hit_many_pixels_twice_do_not_close_the_trigger() -> None:
    rng = np.random.default_rng(1)
    sample = rng.standard_normal((20, 100_000))
    sample[rng.random(sample.shape) < 0.015] += 100  # 30 min exposures of a thick CCD
    second = np.sort(sample, axis=0)[-2]
    assert measured_tail(second, 20).stretch <= 1.7
