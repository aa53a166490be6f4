"""Noise alone triggers nothing, however few frames and however coarse the digits."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from calibration.calibrator import Calibrator
from calibration.derive import ThresholdRequest
from calibration.model import Calibration
from calibration.noise import (
    PRIOR_FRAMES,
    blended_noise_adu,
    common_noise,
    likeness_degrees,
    pixel_noise_adu,
)
from calibration.trim import lower_mean_square, trim_bias, values_to_drop

HEIGHT, WIDTH = 800, 1200
LEVEL_ADU = 100.0

Array = np.ndarray[Any, Any]


@cache
def normal_frames() -> Array:
    """Ten frames of unit noise, drawn once for all tests, shape (10, HEIGHT, WIDTH)."""
    return np.random.default_rng(3).standard_normal((10, HEIGHT, WIDTH), np.float32)


def noise(count: int, sigma_adu: float, level_adu: float = LEVEL_ADU) -> Array:
    values = normal_frames()[:count] * np.float32(sigma_adu) + np.float32(level_adu)
    frames: Array = np.clip(np.rint(values), 0, 4095).astype(np.uint16)
    return frames


def calibrate(frames: Array) -> Calibration:
    _, height, width = frames.shape
    mode = {"width_px": width, "height_px": height, "bit_depth": 12, "black_level_adu": LEVEL_ADU}
    calibrator = Calibrator(mode)
    for frame in frames:
        assert calibrator.add(frame) == "used"
    return calibrator.finish(ThresholdRequest())


@pytest.mark.parametrize("sigma_adu", [0.6, 1.0, 3.0, 9.0])
@pytest.mark.parametrize("count", [3, 4, 5, 6, 10])
def test_no_value_of_noise_is_above_the_thresholds_made_of_it(count: int, sigma_adu: float) -> None:
    frames = noise(count, sigma_adu)
    made = calibrate(frames)
    assert made.masked_px == 0
    assert np.count_nonzero(frames > made.seed_threshold) == 0
    # Nor is that bought with a threshold no particle reaches.
    height = np.median(made.seed_threshold) + 1 - LEVEL_ADU
    assert height < 1.35 * made.seed_sigma * np.hypot(sigma_adu, 0.3) + 2.0


@pytest.mark.parametrize("level_adu", [100.25, 100.5, 100.75])
@pytest.mark.parametrize("count", [3, 4, 5])
def test_digits_as_coarse_as_the_noise_make_no_false_trigger(count: int, level_adu: float) -> None:
    for sigma_adu in (0.3, 0.4, 0.5):
        frames = noise(count, sigma_adu, level_adu)
        assert np.count_nonzero(frames > calibrate(frames).seed_threshold) == 0


@pytest.mark.parametrize("count", [3, 4, 5])
def test_many_series_of_a_small_sensor_hold_no_false_trigger(count: int) -> None:
    for top in range(0, 800, 100):
        for left in range(0, 1200, 240):
            frames = noise(count, 3.0)[:, top : top + 100, left : left + 120]
            assert np.count_nonzero(frames > calibrate(frames).seed_threshold) == 0


@pytest.mark.parametrize("count", [3, 4, 5])
def test_amplifier_glow_in_few_frames_makes_no_false_trigger(count: int) -> None:
    glow = np.linspace(0, 300, WIDTH, dtype=np.float32)
    values = normal_frames()[:count] * np.sqrt(4 + glow / 8) + glow + np.float32(LEVEL_ADU)
    frames = np.rint(values).astype(np.uint16)
    assert np.count_nonzero(frames > calibrate(frames).seed_threshold) == 0


@pytest.mark.parametrize("count", [3, 5, 10, 20])
def test_baseline_and_noise_of_few_frames_are_right_on_average(count: int) -> None:
    made = calibrate(noise(count, 5.0))
    kept = count - values_to_drop(count)
    # The error of the baseline is in the noise, and so is the larger one of two.
    assert float(made.mean_adu.mean()) == pytest.approx(LEVEL_ADU, abs=0.3)
    assert 0.98 < made.noise_adu / (5.0 * np.sqrt(1 + 1 / kept)) < 1.1


def spreads(count: int, pixels: int, sigma: float = 1.0) -> Array:
    """Spreads of kept values, as the baseline has them, shape (pixels,)."""
    dropped = values_to_drop(count)
    values = np.random.default_rng(5).normal(0, sigma, (pixels, count))
    kept = np.sort(values, axis=1)[:, : count - dropped]
    spread = kept.std(axis=1, ddof=1) / np.sqrt(trim_bias(count, dropped).variance)
    return np.asarray(spread, np.float32)


def common_of(means: Array, spread: Array, count: int) -> Any:
    dropped = values_to_drop(count)
    lower = lower_mean_square(count, dropped)
    return common_noise(means.astype(np.float32), spread, count - dropped - 1, lower)


@pytest.mark.parametrize("count", [3, 4, 5, 10, 40, 41, 100])
def test_the_common_noise_is_that_of_the_pixels(count: int) -> None:
    means = np.random.default_rng(6).normal(64, 1, 20_000)
    common = common_of(means, spreads(count, 20_000), count)
    assert float(common.at(np.full(1, 64.0, np.float32))[0]) == pytest.approx(1.0, rel=0.03)


@pytest.mark.parametrize("count", [3, 5, 20])
def test_hot_and_telegraph_pixels_hardly_change_the_common_noise(count: int) -> None:
    means = np.random.default_rng(6).normal(64, 1, 20_000)
    spread = spreads(count, 20_000)
    clean = float(common_of(means, spread, count).at(np.full(1, 64.0, np.float32))[0])
    spread[::50] = 200.0
    struck = float(common_of(means, spread, count).at(np.full(1, 64.0, np.float32))[0])
    assert clean < struck < 1.08 * clean


@pytest.mark.parametrize("count", [3, 10])
def test_the_common_noise_grows_with_the_signal_and_never_falls(count: int) -> None:
    means = np.linspace(0, 400, 20_000)
    spread = spreads(count, 20_000) * np.sqrt(4 + means / 10).astype(np.float32)
    common = common_of(means, spread, count)
    assert (np.diff(common.noise_adu) >= 0).all()
    ends = common.at(np.array([20, 380], np.float32))
    assert ends[1] > 1.4 * ends[0]
    falling = common_of(means, spread[::-1], count)
    assert np.ptp(falling.noise_adu) < 0.15 * falling.noise_adu[0]


def test_a_pixel_noisier_than_its_like_is_judged_by_its_own_noise_the_more_the_more_frames() -> (
    None
):
    one, ten = np.full(1, 1.0, np.float32), np.full(1, 10.0, np.float32)
    assert pixel_noise_adu(one, ten, 7)[0] == pytest.approx(10 * np.sqrt(1 + 1 / 8))
    assert pixel_noise_adu(ten, one, 7)[0] == pytest.approx(10 * np.sqrt(1 + 1 / 8))


def likeness(own_spread: float, count: int = 200) -> tuple[float, Array, Array]:
    """Of pixels whose true noises scatter by `own_spread`, with their true and measured noise."""
    rng = np.random.default_rng(9)
    true = np.exp(rng.normal(0, own_spread, 100_000)).astype(np.float32)
    degrees = count - values_to_drop(count) - 1
    measured = true * np.sqrt(rng.chisquare(degrees, true.size) / degrees).astype(np.float32)
    return likeness_degrees(np.ones_like(true), measured, degrees), true, measured


def test_how_alike_pixels_are_is_told_from_the_scatter_of_their_noise() -> None:
    assert likeness(0.0)[0] > 3_000
    for own_spread in (0.05, 0.1, 0.2):
        # As many degrees of freedom as scatter so much themselves.
        assert likeness(own_spread)[0] == pytest.approx(1 / (2 * own_spread**2), rel=0.25)
    assert likeness(0.0, count=20)[0] == PRIOR_FRAMES


def test_pixels_all_alike_are_judged_by_their_common_noise() -> None:
    degrees, _, measured = likeness(0.0)
    one = np.ones_like(measured)
    judged = pixel_noise_adu(one, blended_noise_adu(one, measured, 195), 195, degrees)
    assert float(judged.mean()) < 1.01
    assert np.quantile(judged, 0.99) < 1.03


def test_a_pixel_of_its_own_noise_is_judged_by_it_however_alike_the_others_are() -> None:
    common, own = np.ones(3, np.float32), np.array([1.3, 1.6, 3.0], np.float32)
    judged = pixel_noise_adu(common, blended_noise_adu(common, own, 195), 195, 1e6)
    assert judged == pytest.approx(own, rel=0.03)


def test_pixels_that_differ_are_judged_by_no_less_than_the_common_noise_and_most_of_their_own() -> (
    None
):
    degrees, true, measured = likeness(0.1)
    one = np.ones_like(measured)
    judged = pixel_noise_adu(one, blended_noise_adu(one, measured, 195), 195, degrees)
    assert judged.min() >= 1
    assert np.mean(judged < 0.88 * true) < 0.01
