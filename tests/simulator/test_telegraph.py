"""Telegraph pixels: dwell times and jumps as stated, exact at any distance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Simulation, SimulationSpec
from simulator.sensor import Sensor
from simulator.telegraph import TelegraphPixels


def make(count=50, **values):
    spec = SimulationSpec(
        width_px=64, height_px=64, hot_pixels=0, hits_per_min=0, telegraph_pixels=count, **values
    )
    return spec, TelegraphPixels(spec, Sensor(spec))


def states(pixels, frames):
    return np.stack([pixels.high(i) for i in range(frames)])


def dwells(column):
    """Lengths of the whole stays in either state: those that begin and end in what was seen."""
    jumps = np.flatnonzero(np.diff(column.astype(int)))
    lengths = np.diff(jumps)
    high = column[jumps[:-1] + 1]
    return lengths[~high], lengths[high]


def test_dwell_times_have_the_stated_means_over_blocks_and_within():
    # Of 700 frames: longer than a block of 512.
    _, pixels = make(40, telegraph_dwell_low_frames=20.0, telegraph_dwell_high_frames=700.0)
    seen = states(pixels, 40_000)
    ratios = []
    for i, column in enumerate(seen.T):
        for state, lengths in enumerate(dwells(column)):
            if len(lengths) > 40:
                ratios.append(lengths.mean() / pixels.dwell_frames[state, i])
    assert len(ratios) > 40
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)
    assert np.std(ratios) < 0.2


def test_long_stays_are_not_cut_at_the_ends_of_blocks():
    _, pixels = make(200, telegraph_dwell_low_frames=8e3, telegraph_dwell_high_frames=1e4)
    seen = states(pixels, 30_000)
    jumps = np.flatnonzero((seen[1:] != seen[:-1]).any(axis=1)) + 1
    every = np.abs(np.diff(seen.astype(int), axis=0)).sum()
    # 200 pixels, one jump in 9,000 frames each.
    assert every == pytest.approx(200 * 30_000 / 9_000, rel=0.15)
    assert np.mean(jumps % 512 == 0) < 0.02


def test_mean_dwell_times_are_log_uniform_between_the_stated_ends():
    _, pixels = make(1000)
    logs = np.sort(np.log10(pixels.dwell_frames.ravel()))
    assert 5 <= 10 ** logs[0] < 5.5
    assert 9_000 < 10 ** logs[-1] <= 10_000
    expected = np.linspace(np.log10(5), 4, len(logs))
    assert np.abs(logs - expected).max() < 0.15


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=5))
def test_a_state_is_the_same_in_any_order_of_asking(order):
    _, walked = make(20)
    for i in order:
        _, alone = make(20)
        assert np.array_equal(walked.high(i), alone.high(i))


def test_a_long_walk_ends_in_the_state_of_a_jump_there():
    _, walked = make(100)
    seen = states(walked, 6_000)
    for i in (0, 511, 512, 1023, 5_999):
        _, jumped = make(100)
        assert np.array_equal(jumped.high(i), seen[i])


def test_share_of_time_in_the_high_state_follows_the_dwell_times():
    # Of many pixels at one far moment and at the first: the chain starts in its long run.
    _, pixels = make(2000)
    low, high = pixels.dwell_frames
    expected = (high / (low + high)).mean()
    for i in (0, 3_000_000):
        assert pixels.high(i).mean() == pytest.approx(expected, abs=0.03)


def test_a_pixel_jumps_between_two_levels_and_shows_the_shot_noise_of_its_jump():
    spec, pixels = make(60, dark_current_e_per_s=0, telegraph_dwell_high_frames=60.0)
    simulation = Simulation(spec)
    frames = range(400)
    values = np.stack([simulation.frame(i).pixels.ravel()[pixels.places] for i in frames])
    seen = states(pixels, 400)
    raised, extra = [], []
    for i, column in enumerate(values.T.astype(float)):
        low, high = column[~seen[:, i]], column[seen[:, i]]
        if min(len(low), len(high)) < 60:
            continue
        excess_adu = pixels.excess_e[i] * spec.adu_per_e
        raised.append((high.mean() - low.mean()) / excess_adu)
        extra.append((high.var() - low.var()) / (excess_adu * spec.adu_per_e))
    assert len(raised) > 20
    assert np.mean(raised) == pytest.approx(1.0, abs=0.02)
    assert np.mean(extra) == pytest.approx(1.0, abs=0.15)


def test_jumps_are_log_uniform_between_the_stated_sigmas_so_most_are_small():
    spec, pixels = make(2000)
    sigma = pixels.excess_e * spec.adu_per_e / spec.noise_adu
    assert 5 <= sigma.min() < 5.1
    assert 49 < sigma.max() <= 50
    assert np.median(sigma) == pytest.approx(np.sqrt(250), rel=0.05)


def test_jumps_grow_with_the_temperature():
    spec, pixels = make(200)
    pixels_of = {}
    for temperature_c in (25.0, 31.5):
        frame = np.zeros((64, 64), dtype=np.float32)
        pixels.add(frame, 0, temperature_c)
        pixels_of[temperature_c] = frame.sum()
    assert pixels_of[31.5] / pixels_of[25.0] == pytest.approx(2.0, rel=0.1)
    assert spec.dark_doubling_c == 6.5
