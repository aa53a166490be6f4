"""The sensor over temperature: dark current, bad pixels, lines, response, saturation."""

import dataclasses

import numpy as np
import pytest

from simulator import Simulation, SimulationSpec
from simulator.render import Patch
from simulator.sensor import Sensor, add_electrons, digitise, temporal_sigma_adu
from simulator.temperature import block_start, dark_factor, temperature_at

CLEAN = SimulationSpec(
    width_px=64,
    height_px=48,
    hits_per_min=0,
    hot_pixels=0,
    telegraph_pixels=0,
    dark_current_e_per_s=0,
    fixed_pattern_adu=0,
)


def clean(**values):
    return dataclasses.replace(CLEAN, **values)


def test_temperature_goes_evenly_up_a_ramp_and_stays():
    spec = clean(fps=10.0, temperature_c=20.0, temperature_drift_c=-8.0, temperature_drift_s=40.0)
    assert temperature_at(spec, 0) == 20
    assert temperature_at(spec, 100) == pytest.approx(18)
    assert temperature_at(spec, 400) == pytest.approx(12)
    assert temperature_at(spec, 10**9) == pytest.approx(12)
    assert temperature_at(clean(temperature_c=31.0), 10**9) == 31


def test_dark_current_doubles_in_the_stated_step():
    assert dark_factor(clean(dark_doubling_c=6.0), 37.0) == pytest.approx(4.0)
    sensors = [
        Sensor(clean(dark_current_e_per_s=2000.0, temperature_c=t, dark_doubling_c=5.0))
        for t in (15.0, 25.0)
    ]
    cold, warm = ((s.mean_adu - CLEAN.black_adu).mean() for s in sensors)
    assert warm / cold == pytest.approx(4.0, rel=1e-3)
    # Shot noise goes with its root.
    cold, warm = ((s.sigma_adu**2 - CLEAN.noise_adu**2).mean() for s in sensors)
    assert warm / cold == pytest.approx(4.0, rel=1e-3)


def test_hot_and_warm_pixels_grow_with_the_temperature_each_in_its_own_way():
    values = {"hot_pixels": 300, "warm_pixels": 300, "dark_tail_share": 0}
    cold, warmed = (
        Sensor(clean(temperature_c=t, full_well_e=1e6, gain=1.0, **values)) for t in (15.0, 25.0)
    )
    factors = []
    for part in ("hot", "warm"):
        at = getattr(cold, part)
        assert np.array_equal(at, getattr(warmed, part))
        excess = [s.mean_adu.ravel()[at].astype(float) - CLEAN.black_adu for s in (cold, warmed)]
        factors.append(excess[1] / excess[0])
    doublings = 10 / np.log2(np.concatenate(factors))
    assert 5.0 <= doublings.min() < 5.2
    assert 7.8 < doublings.max() <= 8.01


def test_warm_pixels_stand_1_to_10_sigma_above_the_others_and_hot_ones_more():
    sensor = Sensor(clean(hot_pixels=200, warm_pixels=200))
    sigma = (sensor.mean_adu.ravel() - CLEAN.black_adu) / CLEAN.noise_adu
    assert 1 <= sigma[sensor.warm].min() < 1.2
    assert 9 < sigma[sensor.warm].max() <= 10.01
    assert sigma[sensor.hot].min() >= 9.99
    rest = np.delete(sigma, np.concatenate([sensor.warm, sensor.hot]))
    assert np.abs(rest).max() < 1e-3
    assert not set(sensor.warm) & set(sensor.hot)


def test_dark_current_has_a_long_upper_tail():
    spec = clean(
        width_px=512, height_px=512, dark_current_e_per_s=1000.0, full_well_e=1e5, gain=80.0
    )
    leak = Sensor(spec).mean_adu - spec.black_adu
    median = np.median(leak)
    beyond = np.mean(leak > 8 * median)  # 4.2 sigma of the log-normal
    assert 0.3 * spec.dark_tail_share < beyond < spec.dark_tail_share
    without = Sensor(dataclasses.replace(spec, dark_tail_share=0.0)).mean_adu - spec.black_adu
    assert np.mean(without > 8 * median) < 5e-5


def test_dark_of_a_drifting_sensor_follows_in_small_steps_and_in_any_order():
    spec = clean(
        dark_current_e_per_s=3000.0,
        hot_pixels=20,
        temperature_drift_c=10.0,
        temperature_drift_s=60.0,
    )
    walked = Sensor(spec)
    darks = [walked.dark(i) for i in range(2100)]
    means = np.array([float(d.mean_adu.mean()) for d in darks])
    # 0.05 degC at most is half a percent of the dark current a step.
    assert 0 < np.diff(means).max() < 0.006 * (means[-1] - spec.black_adu)
    assert np.diff(means).min() >= 0
    assert len({id(d) for d in darks}) < 300
    for i in (1700, 3, 900, 2099):
        assert np.array_equal(Sensor(spec).dark(i).mean_adu, darks[i].mean_adu)
        assert np.array_equal(walked.dark(i).sigma_adu, darks[i].sigma_adu)
        assert abs(darks[i].temperature_c - temperature_at(spec, i)) <= 0.051
    assert walked.dark(10**6).temperature_c == pytest.approx(35)


def test_dark_is_made_anew_at_most_once_in_64_frames_and_never_without_drift():
    slow = clean(temperature_drift_c=10.0, temperature_drift_s=36_000.0)
    assert {block_start(slow, i) for i in range(200)} == {0, 64, 128, 192}
    assert {block_start(clean(), i) for i in range(200)} == {0}
    fast = clean(fps=0.1, temperature_drift_c=10.0, temperature_drift_s=600.0)
    assert [block_start(fast, i) for i in range(3)] == [0, 1, 2]


def test_column_noise_moves_whole_columns_and_differs_from_frame_to_frame():
    simulation = Simulation(clean(column_noise_adu=3.0, width_px=320, height_px=240))
    one, two = (simulation.frame(i).pixels.mean(axis=0) for i in (0, 1))
    assert one.std() == pytest.approx(3.0, rel=0.15)
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.25
    assert simulation.frame(0).pixels.mean(axis=1).std() < 0.4


def test_column_pattern_stays():
    simulation = Simulation(clean(column_pattern_adu=3.0, width_px=320, height_px=240))
    one, two = (simulation.frame(i).pixels.mean(axis=0) for i in (0, 1))
    assert one.std() == pytest.approx(3.0, rel=0.15)
    assert np.corrcoef(one, two)[0, 1] > 0.99


def test_pixels_respond_as_unevenly_as_stated():
    response = Sensor(clean(prnu=0.05, width_px=320, height_px=240)).response
    assert response.std() == pytest.approx(0.05, rel=0.03)
    assert response.mean() == pytest.approx(1.0, abs=1e-3)
    frame = np.zeros((48, 64), dtype=np.float32)
    half = np.full((48, 64), 0.5, dtype=np.float32)
    patch = Patch(np.full((2, 2), 1e6), 5, 5)
    add_electrons(frame, patch, CLEAN, np.random.default_rng(1), half)
    assert frame[5:7, 5:7] == pytest.approx(5e5 * CLEAN.adu_per_e, rel=0.01)
    assert frame.sum() == pytest.approx(frame[5:7, 5:7].sum())


def test_a_pixel_is_full_at_its_well_or_at_full_scale():
    small_well = clean(gain=0.5)
    assert small_well.saturation_adu == pytest.approx(64 + 1023 / 2)
    bright = np.full((2, 2), 5000, dtype=np.float32)
    assert digitise(bright.copy(), small_well).max() == round(small_well.saturation_adu)
    assert digitise(bright, clean()).max() == 1023


def test_temporal_sigma_is_the_spread_that_frames_show():
    spec = clean(
        row_noise_adu=1.5,
        column_noise_adu=1.0,
        read_noise_adu=1.0,
        dark_current_e_per_s=50.0,
    )
    simulation = Simulation(spec)
    stack = np.stack([simulation.frame(i).pixels for i in range(300)]).astype(float)
    whole = (slice(0, 48), slice(0, 64))
    told = temporal_sigma_adu(simulation.sensor.dark(0), spec, whole)
    assert stack.std(axis=0).mean() == pytest.approx(told.mean(), rel=0.02)
