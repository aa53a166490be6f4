"""A calibration from dark frames: what it is made of, and what can't poison it."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calibration import bands
from calibration.calibrator import Calibrator
from calibration.cover import cover_rule
from calibration.derive import ThresholdRequest
from calibration.level import shifted
from calibration.model import MAPS, CalibrationError

HEIGHT, WIDTH = 48, 64
MODE: dict[str, Any] = {
    "width_px": WIDTH,
    "height_px": HEIGHT,
    "bit_depth": 10,
    "black_level_adu": 64.0,
}


def dark_frames(count: int, seed: int = 1, level: float = 64.0, noise: float = 2.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(level, noise, (count, HEIGHT, WIDTH))
    return np.clip(np.rint(values), 0, 1023).astype(np.uint16)


def calibrate(frames: np.ndarray, **request: Any) -> Any:
    calibrator = Calibrator(MODE)
    for frame in frames:
        calibrator.add(frame)
    return calibrator.finish(ThresholdRequest(**request))


def test_baseline_and_noise_of_plain_noise_are_right() -> None:
    made = calibrate(dark_frames(200))
    assert made.mean_adu.mean() == pytest.approx(64.0, abs=0.03)
    # 2 ADU of noise and 1/12 of rounding.
    assert made.noise_adu == pytest.approx(np.sqrt(4 + 1 / 12), rel=0.04)
    assert made.masked_px == 0


def test_particles_in_the_calibration_frames_do_not_raise_the_thresholds() -> None:
    clean = dark_frames(200)
    struck = clean.copy()
    rng = np.random.default_rng(5)
    for i in range(10):  # the first 5 % of the frames
        y, x = rng.integers(0, HEIGHT - 3), rng.integers(0, WIDTH - 3)
        struck[i, y : y + 3, x : x + 3] += 400
    a, b = calibrate(clean), calibrate(struck)
    assert np.abs(a.seed_threshold.astype(int) - b.seed_threshold).max() <= 2
    assert b.masked_px == 0


def test_a_stable_hot_pixel_gets_its_own_threshold() -> None:
    frames = dark_frames(200)
    frames[:, 10, 20] += 300
    made = calibrate(frames)
    assert made.hot[10, 20]
    assert not made.masked[10, 20]
    assert 364 + 8 < made.seed_threshold[10, 20] < 364 + 40


def test_a_pixel_that_fires_in_two_frames_is_masked_one_that_fires_once_is_not() -> None:
    frames = dark_frames(200)
    frames[[30, 150], 10, 20] += 300
    frames[77, 30, 40] += 300
    made = calibrate(frames)
    assert made.masked[10, 20]
    assert made.seed_threshold[10, 20] == 65_535
    assert not made.masked[30, 40]


@pytest.mark.parametrize("lit", [[30, 31], [30, 31, 32], [255, 256], [254, 255, 256]])
def test_a_particle_that_stays_lit_for_up_to_three_frames_masks_no_pixel(lit: list[int]) -> None:
    frames = dark_frames(300)
    frames[lit, 10, 20] += 300
    made = calibrate(frames)
    assert not made.masked[10, 20]
    assert made.seed_threshold[10, 20] < 64 + 30


@pytest.mark.parametrize(
    "lit",
    [
        [30, 32],
        [30, 31, 33],
        [30, 31, 100],
        [30, 31, 32, 33],
        [30, 31, 100, 101],
        [30, 286],
        [30, 32, 286],
        [10, 138, 266],
    ],
)
def test_a_pixel_that_fires_in_more_frames_or_with_a_break_is_masked(lit: list[int]) -> None:
    frames = dark_frames(300)
    frames[lit, 10, 20] += 300
    assert calibrate(frames).masked[10, 20]


def test_in_long_exposures_nothing_lasts_into_the_next_frame() -> None:
    frames = dark_frames(200)
    frames[30:32, 10, 20] += 300
    assert calibrate(frames, frames_per_hour=60.0).masked[10, 20]


def test_few_frames_do_not_tell_a_lasting_particle_from_a_pixel_that_fires() -> None:
    frames = dark_frames(10)
    frames[3:5, 10, 20] += 300
    assert calibrate(frames).masked[10, 20]


@pytest.mark.parametrize("brightest", [0, 1, 2])
def test_a_lasting_particle_is_told_whichever_frame_is_brightest(brightest: int) -> None:
    frames = dark_frames(200)
    frames[30:33, 10, 20] += 300
    frames[30 + brightest, 10, 20] += 100
    assert not calibrate(frames).masked[10, 20]


@pytest.mark.parametrize("rows", [1, 3, 7, 47])
def test_bands_of_rows_change_nothing(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = dark_frames(30)
    frames[:, ::5, ::7] += 100
    frames[3:5, 12, 12] += 300
    frames[3:9:3, 13, 13] += 300
    whole = calibrate(frames)
    assert whole.hot_px > 50
    assert whole.masked_px > 0
    monkeypatch.setattr(bands, "BAND_PX", rows * WIDTH)
    banded = calibrate(frames)
    assert banded.id == whole.id
    for name in MAPS:
        assert np.array_equal(getattr(banded, name), getattr(whole, name)), name


def test_a_sample_of_the_pixels_gives_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = dark_frames(30)
    whole = calibrate(frames)
    monkeypatch.setattr(bands, "SAMPLE_PX", 500)
    part = calibrate(frames)
    assert part.noise_adu == pytest.approx(whole.noise_adu, rel=0.05)
    assert part.seed_sigma == pytest.approx(whole.seed_sigma, rel=0.05)


@pytest.mark.parametrize("shape", [(3040, 4056), (6000, 8000), (48, 64), (1, 5)])
def test_a_sample_has_every_column_in_it(shape: tuple[int, int]) -> None:
    step = bands.sample_step(shape)
    assert shape[0] * shape[1] / step <= bands.SAMPLE_PX
    assert math.gcd(step, shape[1]) == 1


def test_twelve_megapixels_need_little_memory() -> None:
    height, width = 3040, 4056
    calibrator = Calibrator(MODE | {"width_px": width, "height_px": height, "bit_depth": 12})
    frame = np.random.default_rng(4).poisson(64, (height, width)).astype(np.uint16)
    for turn in range(4):
        calibrator.add(np.roll(frame, 1237 * turn, axis=1))
    held = 23 * frame.size
    tracemalloc.start()
    try:
        made = calibrator.finish(ThresholdRequest())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert made.noise_adu > 7
    maps = sum(getattr(made, name).nbytes for name in MAPS)
    assert peak < maps + 60e6 < held


def test_a_saturated_pixel_is_masked() -> None:
    frames = dark_frames(50)
    frames[:, 5, 5] = 1023
    assert calibrate(frames).masked[5, 5]


def test_noise_alone_does_not_trigger_more_than_wanted() -> None:
    made = calibrate(dark_frames(100), false_triggers_per_hour=0.01)
    fresh = dark_frames(2000, seed=99)
    assert int(np.count_nonzero(fresh > made.seed_threshold)) == 0
    # Of a small sensor less than wanted: no more than one in 10^12 reads of a pixel.
    reads = HEIGHT * WIDTH * 108_000
    assert 0.4e-12 * reads < made.expected_false_triggers_per_hour < min(0.01, 1e-12 * reads)
    more = calibrate(dark_frames(100), false_triggers_per_hour=100.0)
    ratio = more.expected_false_triggers_per_hour / made.expected_false_triggers_per_hour
    assert ratio > 5_000


def test_a_lower_wanted_rate_gives_a_higher_threshold() -> None:
    frames = dark_frames(50)
    low = calibrate(frames, false_triggers_per_hour=1e-6)
    high = calibrate(frames, false_triggers_per_hour=100.0)
    assert low.seed_sigma > high.seed_sigma


def test_growth_never_lies_above_seed() -> None:
    made = calibrate(dark_frames(50), seed_sigma=3.0, growth_sigma=9.0)
    assert (made.growth_threshold <= made.seed_threshold).all()


def test_daylight_is_refused() -> None:
    calibrator = Calibrator(MODE)
    assert calibrator.add(dark_frames(1, level=700)[0]) == "light"
    assert calibrator.frames_used == 0
    assert calibrator.refused == 1


def test_a_brighter_frame_among_dark_ones_is_refused() -> None:
    calibrator = Calibrator(MODE)
    assert calibrator.add(dark_frames(1)[0]) == "used"
    assert calibrator.add(dark_frames(1, level=120)[0]) == "unlike"
    assert calibrator.frames_used == 1


def test_a_darker_frame_shows_that_the_ones_before_were_not_dark() -> None:
    calibrator = Calibrator(MODE)
    for frame in dark_frames(5, level=120):
        calibrator.add(frame)
    assert calibrator.add(dark_frames(1)[0]) == "used"
    assert calibrator.frames_used == 1
    assert calibrator.refused == 5


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_frames_are_one_clear_line(count: int) -> None:
    calibrator = Calibrator(MODE)
    for frame in dark_frames(count) if count else []:
        calibrator.add(frame)
    with pytest.raises(CalibrationError, match="too few"):
        calibrator.finish(ThresholdRequest())


@pytest.mark.parametrize("count", [3, 4, 5, 10])
def test_a_handful_of_frames_still_calibrates(count: int) -> None:
    made = calibrate(dark_frames(count))
    assert made.frames_used == count
    assert int(np.count_nonzero(dark_frames(count) > made.seed_threshold)) == 0


def test_the_same_frames_give_the_same_id_and_others_do_not() -> None:
    assert calibrate(dark_frames(20)).id == calibrate(dark_frames(20)).id
    assert calibrate(dark_frames(20)).id != calibrate(dark_frames(20, seed=2)).id


def test_another_cover_rule_is_another_calibration() -> None:
    made = calibrate(dark_frames(20))
    rule = replace(made.cover, mean_limit_adu=made.cover.mean_limit_adu + 1)
    other = made.with_cover(rule)
    assert other.cover == rule
    assert other.id != made.id
    assert other.seed_threshold is made.seed_threshold
    # One id for one set of rules, whichever way it came about.
    assert made.with_cover(rule).id == other.id
    assert other.with_cover(made.cover).id == made.id
    assert made.with_cover(made.cover) is made


@pytest.mark.parametrize("value", [300, 1023])
def test_a_track_across_a_small_frame_does_not_uncover_it(value: int) -> None:
    cover = calibrate(dark_frames(50)).cover
    frame = dark_frames(1, seed=7)[0]
    frame[10, :] = value
    frame[:, 20] = value
    assert cover.covered(float(frame.mean()), float((frame > cover.black_adu).mean()))
    frame[10:14, :] = value
    assert not cover.covered(float(frame.mean()), float((frame > cover.black_adu).mean()))


def test_on_a_large_sensor_a_pixel_in_a_thousand_is_bright() -> None:
    mean = np.zeros((3000, 4000), np.float32)
    assert cover_rule(0.0, 0.0, 1.0, mean, 1023).bright_share_limit == pytest.approx(0.001)


def test_the_cover_rule_allows_the_hot_pixels_the_sensor_has() -> None:
    frames = dark_frames(50)
    frames[:, :2, :] += 200  # 4 % of the pixels
    made = calibrate(frames)
    mean = float(frames[0].mean())
    bright = float((frames[0] > made.cover.black_adu).mean())
    assert made.cover.covered(mean, bright)
    assert not made.cover.covered(mean + 60, bright)
    assert not made.cover.covered(mean, 0.2)


def test_a_level_that_wanders_from_frame_to_frame_is_no_noise_of_the_pixels() -> None:
    steady = dark_frames(40)
    wander = np.random.default_rng(8).integers(0, 15, 40).astype(np.uint16)
    made = calibrate(steady + wander[:, None, None])
    assert made.noise_adu == pytest.approx(calibrate(steady).noise_adu, rel=0.05)


def test_a_dark_frame_at_any_level_of_the_calibration_is_covered() -> None:
    frames = dark_frames(40) + np.arange(0, 120, 3, dtype=np.uint16)[:, None, None]
    made = calibrate(frames)
    assert all(made.cover.covered(float(f.mean()), 0.0) for f in frames)


def test_amplifier_glow_is_no_crowd_of_hot_pixels() -> None:
    rng = np.random.default_rng(2)
    glow = np.linspace(0, 300, WIDTH) * np.ones((HEIGHT, 1))
    frames = rng.normal(64 + glow, 2.0, (10, HEIGHT, WIDTH)).round().astype(np.uint16)
    frames[:, 20, 60] += 200
    made = calibrate(frames)
    assert made.hot[20, 60]
    assert made.hot_px < 5
    height = made.seed_threshold - made.mean_adu
    assert np.median(height[:, -8:]) < 2 * np.median(height[:, :8])


@pytest.mark.parametrize("shift", [-70_000, -300, 300, 70_000])
def test_a_shift_beyond_the_range_saturates(shift: int) -> None:
    for dtype in (np.uint8, np.uint16):
        frame = np.array([[0, 3, 250, 255]], dtype)
        wide = np.clip(frame.astype(int) + shift, 0, np.iinfo(dtype).max)
        assert shifted(frame, shift).tolist() == wide.tolist()


def test_shifting_a_frame_clips_and_keeps_its_dtype() -> None:
    frame = np.array([[0, 3, 250, 255]], np.uint8)
    assert shifted(frame, 5).tolist() == [[5, 8, 255, 255]]
    assert shifted(frame, -5).tolist() == [[0, 0, 245, 250]]
    assert shifted(frame, -5).dtype == np.uint8
    assert shifted(frame, 0) is frame


def test_frames_rich_in_particles_are_dark_and_no_flood() -> None:
    frames = dark_frames(20)
    rng = np.random.default_rng(4)
    for one in frames:
        for _ in range(4):
            y, x = rng.integers(0, HEIGHT - 4), rng.integers(0, WIDTH - 8)
            one[y : y + 2, x : x + 8] += 300
    made = calibrate(frames)
    for one in frames:
        bright = float((one > made.cover.black_adu).mean())
        assert made.cover.covered(float(one.mean()), bright)
    assert made.cover.lit_px > 20
    assert calibrate(dark_frames(20)).cover.lit_px == 0
