"""A sensor that clips black fires no more often than one that does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calibration.calibrator import Calibrator
from calibration.clipped import black_floor_adu, clipped_noise
from calibration.derive import ThresholdRequest
from calibration.model import Calibration
from calibration.tail import normal_sigma

HEIGHT, WIDTH = 120, 160
FRAMES_PER_HOUR = 108_000.0

Frames = np.ndarray[Any, Any]
CLIPPED = [(-8.0, 2.0), (-4.0, 2.0), (-2.0, 2.0), (0.0, 1.0), (1.0, 1.5), (-10.0, 5.0)]


def noise(
    count: int, location: float, scale: float, *, seed: int = 1, floor: int = 0, top: int = 255
) -> Frames:
    """Rounded and clipped normal noise, uint8 or uint16, shape (count, HEIGHT, WIDTH)."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, HEIGHT, WIDTH), dtype=np.float32)
    values *= scale
    values += location
    np.rint(values, out=values)
    np.clip(values, floor, top, out=values)
    return values.astype(np.uint8 if top < 256 else np.uint16)


def calibrate(frames: Frames, probability: float | None = None, depth: int = 8) -> Calibration:
    """With a probability of a false trigger at each read, or the rate asked for by default."""
    mode = {"width_px": WIDTH, "height_px": HEIGHT, "bit_depth": depth, "black_level_adu": None}
    calibrator = Calibrator(mode)
    used = sum(calibrator.add(frame) == "used" for frame in frames)
    assert used >= 0.99 * len(frames)
    rate = 0.01 if probability is None else probability * HEIGHT * WIDTH * FRAMES_PER_HOUR
    return calibrator.finish(ThresholdRequest(rate, FRAMES_PER_HOUR))


@pytest.mark.parametrize("count", [10, 30, 300])
@pytest.mark.parametrize(("location", "scale"), CLIPPED)
def test_fresh_clipped_noise_triggers_no_more_than_wanted(
    location: float, scale: float, count: int
) -> None:
    made = calibrate(noise(count, location, scale), 1e-5)
    assert made.masked_px < 0.01 * made.masked.size
    fresh = noise(500, location, scale, seed=77)  # 10 million reads, 100 allowed
    assert np.count_nonzero(fresh > made.seed_threshold) <= 150


def test_at_the_rate_of_a_rig_a_hundred_million_reads_trigger_nothing() -> None:
    made = [(case, calibrate(noise(100, *case))) for case in CLIPPED]
    for (location, scale), calibration in made:
        for seed in range(2, 4):
            fresh = noise(450, location, scale, seed=seed)
            assert not np.count_nonzero(fresh > calibration.seed_threshold)


@pytest.mark.parametrize("count", [10, 30, 300])
@pytest.mark.parametrize(("location", "scale"), CLIPPED)
def test_the_threshold_is_that_of_the_noise_underneath(
    location: float, scale: float, count: int
) -> None:
    sigma = normal_sigma(0.01 / (HEIGHT * WIDTH * FRAMES_PER_HOUR))
    seed = np.median(calibrate(noise(count, location, scale)).seed_threshold)
    ideal = location + scale * sigma
    assert ideal - 0.5 - 0.1 * scale < seed < ideal + 1.5 + 0.5 * scale


@pytest.mark.parametrize("count", [3, 4, 5])
def test_a_handful_of_clipped_frames_makes_no_flood(count: int) -> None:
    made = calibrate(noise(count, -2, 2))
    assert made.masked_px < 0.02 * made.masked.size
    assert np.count_nonzero(noise(200, -2, 2, seed=9) > made.seed_threshold) <= 1


@pytest.mark.parametrize("count", [10, 30, 300])
def test_unstable_pixels_do_not_raise_the_threshold_of_the_others(count: int) -> None:
    frames = noise(count, -4, 2)
    struck = frames.copy()
    rng = np.random.default_rng(3)
    unstable = rng.random((HEIGHT, WIDTH)) < 0.008
    struck[(rng.random(frames.shape) < 0.2) & unstable] += 60
    clean, made = calibrate(frames), calibrate(struck)
    difference = np.median(made.seed_threshold[~unstable]) - np.median(clean.seed_threshold)
    assert 0 <= difference <= 3


def test_unstable_pixels_on_a_black_picture_cost_a_bounded_height() -> None:
    frames = noise(30, -50, 2)
    unstable = np.random.default_rng(3).random((HEIGHT, WIDTH)) < 0.008
    frames[::5, unstable] += 60
    made = calibrate(frames)
    assert np.median(made.seed_threshold) < 25


def test_particles_do_not_raise_the_thresholds() -> None:
    frames = noise(300, -4, 2)
    struck = frames.copy()
    rng = np.random.default_rng(3)
    for number in range(0, 300, 3):
        y, x = rng.integers(0, HEIGHT - 4), rng.integers(0, WIDTH - 4)
        struck[number : number + 2, y : y + 4, x : x + 4] = 120
    clean, made = calibrate(frames), calibrate(struck)
    assert np.median(made.seed_threshold) <= np.median(clean.seed_threshold) + 4
    assert made.masked_px < 500  # where two of them crossed


def test_particles_on_a_black_picture_cost_a_bounded_height() -> None:
    frames = noise(300, -50, 2)
    frames[100:102, 20:30] = 120
    made = calibrate(frames)
    assert np.median(made.seed_threshold) < 60
    assert made.masked_px == 0


def test_a_clip_above_zero_is_found_too() -> None:
    plain = calibrate(noise(30, -4, 2))
    raised = calibrate(noise(30, 12, 2, floor=16))
    assert np.array_equal(raised.seed_threshold, plain.seed_threshold + 16)


@pytest.mark.parametrize("scale", [1.0, 2.0, 5.0])
def test_noise_that_is_not_clipped_has_no_floor_and_its_own_threshold(scale: float) -> None:
    frames = noise(60, 64, scale, top=1023)
    frames[:, 5, 5] = 0  # a dead pixel
    assert all(black_floor_adu(frame) is None for frame in frames)
    made = calibrate(frames, depth=10)
    sigma = normal_sigma(0.01 / (HEIGHT * WIDTH * FRAMES_PER_HOUR))
    height = float(np.median(made.seed_threshold)) - 64
    assert height == pytest.approx(sigma * np.hypot(scale, 12**-0.5), rel=0.06, abs=1)


def test_where_a_part_is_clipped_the_other_keeps_its_threshold() -> None:
    frames = noise(100, 25, 2)
    alone = calibrate(frames)
    frames[:, :, :40] = noise(100, -4, 2, seed=5)[:, :, :40]
    made = calibrate(frames)
    lit = made.seed_threshold[:, 45:].astype(int) - alone.seed_threshold[:, 45:]
    assert np.abs(lit).max() <= 2
    assert 9 <= np.median(made.seed_threshold[:, :35]) <= 12


def test_too_few_pixels_say_nothing() -> None:
    few = np.zeros(100, np.uint16)
    assert clipped_noise(few, few, 10, 0) is None


def test_a_small_frame_or_one_of_one_value_has_a_floor() -> None:
    assert black_floor_adu(np.full((3, 3), 7, np.uint8)) == 7
    assert black_floor_adu(np.array([[0, 9], [0, 12]], np.uint16)) == 0
