"""The noise that neighbours share is measured, whatever else happens in the frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calibration.correlation import NeighbourCorrelation

HEIGHT, WIDTH = 120, 160
NOISE_ADU = 4.0

Array = np.ndarray[Any, Any]


def noise(rng: np.random.Generator, share: float = 0.0) -> Array:
    """Noise with row noise of a `share` of its variance."""
    own = rng.normal(0, np.sqrt(1 - share), (HEIGHT, WIDTH))
    return NOISE_ADU * (own + rng.normal(0, np.sqrt(share), (HEIGHT, 1)))


def measured(frames: list[Array]) -> float:
    correlation = NeighbourCorrelation()
    for values in frames:
        correlation.add(np.clip(np.rint(values + 100), 0, 4095).astype(np.uint16))
    return correlation.result()


def test_noise_of_its_own_in_every_pixel_is_not_correlated() -> None:
    rng = np.random.default_rng(1)
    assert measured([noise(rng) for _ in range(40)]) < 0.01


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_row_and_column_noise_is_the_correlation_of_neighbours(share: float) -> None:
    rng = np.random.default_rng(1)
    frames = [noise(rng, share) for _ in range(40)]
    assert measured(frames) == pytest.approx(share, abs=0.02)
    assert measured([frame.T for frame in frames]) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("step", [(1, 1), (1, -1)])
def test_noise_shared_along_a_diagonal_is_found(step: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    frames = [noise(rng) for _ in range(40)]
    shared = [(one + np.roll(one, step, axis=(0, 1))) / np.sqrt(2) for one in frames]
    assert measured(shared) == pytest.approx(0.5, abs=0.02)


def test_a_baseline_that_differs_from_pixel_to_pixel_is_no_correlation() -> None:
    rng = np.random.default_rng(1)
    baseline = np.linspace(0, 200, WIDTH) + rng.normal(0, 20, (HEIGHT, 1))
    assert measured([baseline + noise(rng) for _ in range(40)]) < 0.01


def test_flashes_particles_and_telegraph_pixels_are_no_correlation() -> None:
    rng = np.random.default_rng(1)
    frames = [noise(rng) for _ in range(60)]
    for number in range(10, 14):
        frames[number] += 50
    for number, values in enumerate(frames):
        y, x = rng.integers(0, HEIGHT - 5), rng.integers(0, WIDTH - 5)
        values[y : y + 5, x : x + 5] += 500
        values[::9, ::9] += 40 * (number % 3 == 0)
    assert measured(frames) < 0.05


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_without_frames_that_differ_nothing_is_known_and_nothing_claimed(frames: int) -> None:
    assert measured([np.zeros((HEIGHT, WIDTH))] * frames) == 0.0


def test_frames_of_one_row_or_another_size_do_no_harm() -> None:
    correlation = NeighbourCorrelation()
    rng = np.random.default_rng(1)
    for shape in ((1, 9), (9, 1), (4, 6), (6, 4), (6, 4)):
        correlation.add(rng.integers(0, 50, shape).astype(np.uint8))
    assert 0 <= correlation.result() <= 1
