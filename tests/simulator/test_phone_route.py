"""The phone's frames: luma of 8 bits, noise that is smoothed, truth of what comes out."""

import dataclasses

import numpy as np
import pytest

from simulator import Simulation
from simulator.presets import preset
from simulator.sensor import digitise

SMALL = dataclasses.replace(preset("phone"), width_px=160, height_px=120)
STILL = dataclasses.replace(
    SMALL, hits_per_min=0.0, hot_pixels=0, telegraph_pixels=0, dark_tail_share=0.0
)


def test_frames_are_luma_of_8_bits_with_black_near_0():
    pixels = Simulation(STILL).frame(0).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape == (120, 160)
    assert pixels.mean() < 3


def test_a_flat_scene_keeps_its_level():
    simulation = Simulation(STILL)
    raw = np.full((120, 160), 64 + 480, dtype=np.uint16)
    developed = simulation._phone.develop(raw)
    assert developed == pytest.approx(round(480 * 255 / (1023 - 64)), abs=1)


def test_noise_reduction_smooths_and_correlates_the_noise():
    spec = dataclasses.replace(STILL, read_noise_adu=30.0, black_level_adu=300.0)
    simulation = Simulation(spec)
    random = np.random.default_rng(1)
    raw = digitise((700 + 30 * random.standard_normal((120, 160))).astype(np.float32), spec)
    developed = simulation._phone.develop(raw).astype(float)
    scale = 255 / (1023 - 300)
    assert developed.std() < 0.5 * 30 * scale
    neighbours = np.corrcoef(developed[:, :-1].ravel(), developed[:, 1:].ravel())[0, 1]
    assert neighbours > 0.3


def test_truth_is_of_the_developed_frame():
    spec = dataclasses.replace(SMALL, hits_per_min=1200.0, hot_pixels=0, telegraph_pixels=0)
    simulation = Simulation(spec)
    left = []
    for i in range(150):
        frame = simulation.frame(i)
        if len(frame.truth) != 1 or frame.truth[0].peak_sigma < 10:
            continue
        truth = frame.truth[0]
        assert (truth.y_px, truth.x_px) in set(
            zip(truth.rows.tolist(), truth.cols.tolist(), strict=True)
        )
        shown = float(frame.pixels[truth.y_px, truth.x_px])
        left.append((shown - truth.peak_adu) / max(truth.peak_adu, 20))
        assert truth.peak_adu <= 255
    assert len(left) > 15
    assert np.median(np.abs(left)) < 0.15


def test_the_noise_map_is_that_of_developed_dark_frames():
    simulation = Simulation(STILL)
    stack = np.stack([simulation.frame(i).pixels for i in range(60)]).astype(float)
    sigma = simulation._phone.sigma_adu(0)
    measured = np.sqrt((stack.var(axis=0)).mean())
    assert np.sqrt((sigma.astype(float) ** 2).mean()) == pytest.approx(measured, rel=0.15)
    assert sigma.min() >= np.sqrt(1 / 12) - 1e-6


@pytest.mark.parametrize("lines_adu", [0.0, 8.0])
def test_the_noise_told_after_warming_is_that_of_developed_dark_frames(lines_adu):
    spec = dataclasses.replace(
        SMALL,
        hits_per_min=0.0,
        telegraph_pixels=0,
        temperature_drift_c=10.0,
        temperature_drift_s=10.0,
        row_noise_adu=lines_adu,
        column_noise_adu=lines_adu,
    )
    simulation = Simulation(spec)
    warm = range(300, 450)
    stack = np.stack([simulation.frame(i, with_truth=False).pixels for i in warm]).astype(float)
    measured = np.maximum(stack.std(axis=0), np.sqrt(1 / 12))
    told = simulation._phone.sigma_adu(warm[0])
    assert np.median(measured / told) == pytest.approx(1, abs=0.05)
    assert measured.mean() == pytest.approx(told.mean(), rel=0.05)


def test_the_noise_told_hangs_on_the_frame_and_not_on_what_was_asked_before():
    spec = dataclasses.replace(STILL, temperature_drift_c=10.0, temperature_drift_s=10.0)
    walked = Simulation(spec)
    maps = {i: walked._phone.sigma_adu(i) for i in range(0, 330, 30)}
    for i in (270, 0, 90):
        assert np.array_equal(Simulation(spec)._phone.sigma_adu(i), maps[i])
    assert walked._phone._sigma.cache_info().misses == 6


def test_truth_can_be_left_out_and_then_costs_nothing():
    simulation = Simulation(dataclasses.replace(SMALL, hits_per_min=60_000))
    frame = simulation.frame(3, with_truth=False)
    assert frame.truth == ()
    assert simulation._phone._sigma.cache_info().currsize == 0
    assert np.array_equal(frame.pixels, simulation.frame(3).pixels)
    assert simulation._phone._sigma.cache_info().currsize == 1


@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_each_colour_weighs_in_luma_as_much_as_it_should(cfa):
    spec = dataclasses.replace(STILL, cfa=cfa)
    simulation = Simulation(spec)
    weights = {"R": 0.299, "G": 0.587, "B": 0.114}
    for colour, weight in weights.items():
        raw = np.full((120, 160), 64, dtype=np.uint16)
        for place, letter in enumerate(cfa):
            if letter == colour:
                raw[place // 2 :: 2, place % 2 :: 2] = 64 + 800
        developed = simulation._phone.develop(raw)[20:100, 20:140].mean()
        assert developed == pytest.approx(weight * 800 * 255 / 959, rel=0.1, abs=2)
