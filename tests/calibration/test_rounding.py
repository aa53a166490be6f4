"""Thresholds hold for whole ADU, wherever baselines lie between them."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.rounding import held_against_rounding, rounded_tail
from calibration.tail import normal_tail

PIXELS = 20_000


def maps(noise_adu: float, phase: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Baselines at one place between whole ADU, or anywhere; noise with that of rounding."""
    rng = np.random.default_rng(1)
    mean = rng.uniform(0, 1, PIXELS) if phase is None else np.full(PIXELS, phase)
    sigma = np.full(PIXELS, np.sqrt(noise_adu**2 + 1 / 12))
    return (mean + 64).astype(np.float32), sigma.astype(np.float32)


@pytest.mark.parametrize("noise_adu", [0.8, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("phase", [None, 0.0, 0.4, 0.8])
def test_the_tail_is_that_of_rounded_noise(noise_adu: float, phase: float | None) -> None:
    mean, sigma = maps(noise_adu, phase)
    rng = np.random.default_rng(2)
    limit = np.floor(mean + 2.5 * sigma)
    frames = 100
    above = sum(
        int(np.count_nonzero(np.rint(rng.normal(mean, noise_adu)) > limit)) for _ in range(frames)
    )
    expected = rounded_tail(mean, sigma, 2.5, 1.0) * PIXELS * frames
    assert above == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_baselines_anywhere_between_whole_numbers_need_no_higher_threshold() -> None:
    for noise_adu in (0.8, 1.0, 2.0, 5.0):
        mean, sigma = maps(noise_adu, None)
        assert held_against_rounding(mean, sigma, 7.0, 1.0, normal_tail(7.0)) == pytest.approx(7.0)


@pytest.mark.parametrize("noise_adu", [0.8, 1.0, 2.0, 5.0])
def test_baselines_all_alike_are_held_to_the_wanted_rate(noise_adu: float) -> None:
    wanted = normal_tail(7.0)
    before = []
    for phase in np.arange(0, 1, 0.05):
        mean, sigma = maps(noise_adu, float(phase))
        before.append(rounded_tail(mean, sigma, 7.0, 1.0))
        sigmas = held_against_rounding(mean, sigma, 7.0, 1.0, wanted)
        assert rounded_tail(mean, sigma, sigmas, 1.0) <= wanted
        assert 7.0 <= sigmas <= 7.0 + 0.5 / noise_adu
    assert max(before) > 1.4 * wanted  # it was needed


def test_a_stretched_tail_is_held_at_its_own_width() -> None:
    mean, sigma = maps(5.0, None)
    assert rounded_tail(mean, sigma, 8.4, 1.2) == pytest.approx(normal_tail(7.0), rel=0.1)
