"""Windows of pixels whatever they hold, and which frames give one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.frame import Frame, SensorMode
from edge.messages.exposure import MAX_BINS, ZeroBias
from edge.monitor.choice import Choice
from edge.monitor.zero_bias import ZeroBiasSampler, ZeroBiasTally
from simulator import Simulation, SimulationSpec

MODE = SensorMode("made up", 60, 40, 12)
PIXELS = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60)


def frame(index: int, pixels=PIXELS, mode=MODE, series: str = "") -> Frame:
    return Frame(pixels, index, index, mode, series=series)


def always(seed: int = 1) -> Choice:
    return Choice(1.0, seed, "zero_bias")


def moments(record: dict) -> tuple[float, float]:
    """Mean above the black level, and standard deviation, from a record's histogram."""
    counts = np.array(record["counts"])
    middles = record["first_bin_adu"] + record["bin_width_adu"] * (np.arange(len(counts)) + 0.5)
    mean = np.average(middles, weights=counts)
    return mean, float(np.sqrt(np.average((middles - mean) ** 2, weights=counts)))


def tally_of(*windows: np.ndarray) -> ZeroBiasTally:
    tally = ZeroBiasTally()
    for window in windows:
        tally.count(window.astype(np.uint16))
    return tally


def test_the_wanted_share_of_the_frames_is_chosen():
    chosen = sum(Choice(0.01, 1, "zero_bias").draw(frame(i)) is not None for i in range(20_000))
    assert abs(chosen - 200) < 4 * np.sqrt(200)


def test_a_choice_depends_on_seed_purpose_series_and_number_alone():
    def chosen(choice: Choice, series: str = "") -> set[int]:
        return {i for i in range(2000) if choice.draw(frame(i, series=series)) is not None}

    first = chosen(Choice(0.1, 1, "zero_bias"))
    assert first == chosen(Choice(0.1, 1, "zero_bias"))
    for other in (
        chosen(Choice(0.1, 2, "zero_bias")),
        chosen(Choice(0.1, 1, "injection")),
        chosen(Choice(0.1, 1, "zero_bias"), series="b"),
    ):
        assert len(first & other) < 50, "independent choices share one in ten"


def test_no_share_chooses_no_frame():
    assert all(Choice(0.0, 1, "injection").draw(frame(i)) is None for i in range(500))


def test_windows_lie_anywhere_inside_the_frame_and_equally_often():
    sampler = ZeroBiasSampler(always(), 10)
    corners = Counter(int(sampler.sample(frame(i))[0, 0]) for i in range(31 * 51 * 8))
    rows = Counter(dict.fromkeys(range(31), 0))
    columns = Counter(dict.fromkeys(range(51), 0))
    for corner, n in corners.items():
        rows[corner // 60] += n
        columns[corner % 60] += n
    assert set(rows) == set(range(31))
    assert set(columns) == set(range(51))
    for places in (rows, columns):
        mean = np.mean(list(places.values()))
        chi_square = sum((n - mean) ** 2 / mean for n in places.values())
        assert chi_square < len(places) + 4 * np.sqrt(2 * len(places))


def test_a_window_holds_the_pixels_as_they_are():
    window = ZeroBiasSampler(always(), 10).sample(frame(5))
    y, x = divmod(int(window[0, 0]), 60)
    assert np.array_equal(window, PIXELS[y : y + 10, x : x + 10])


def test_a_packed_frame_gives_the_same_window_as_a_plain_one():
    packed = np.zeros((40, 90), np.uint8)
    packed[:, 0::3] = PIXELS[:, 0::2] >> 4
    packed[:, 1::3] = PIXELS[:, 1::2] >> 4
    packed[:, 2::3] = (PIXELS[:, 0::2] & 15) | (PIXELS[:, 1::2] & 15) << 4
    mode = SensorMode("made up", 60, 40, 12, packing="mipi12")
    sampler = ZeroBiasSampler(always(), 10)
    for index in range(20):
        plain = sampler.sample(frame(index))
        assert np.array_equal(sampler.sample(frame(index, packed, mode)), plain)


def test_a_frame_smaller_than_the_window_gives_none():
    small = frame(1, np.zeros((40, 8), np.uint16), SensorMode("made up", 8, 40, 12))
    assert ZeroBiasSampler(always(), 10).sample(small) is None


def test_the_noise_of_a_simulated_sensor_is_recovered():
    spec = SimulationSpec(
        width_px=96,
        height_px=64,
        hits_per_min=0,
        hot_pixels=0,
        telegraph_pixels=0,
        fixed_pattern_adu=0.0,
        dark_current_e_per_s=0.0,
        read_noise_adu=3.0,
        black_level_adu=64.0,
    )
    simulation = Simulation(spec)
    sampler = ZeroBiasSampler(always(), 10)
    mode = SensorMode("simulated", 96, 64, 10)
    tally = ZeroBiasTally()
    for index in range(400):
        tally.count(sampler.sample(frame(index, simulation.frame(index).pixels, mode)))
    mean, sigma = moments(tally.record(64.0))
    pixels = 400 * 100
    expected = np.sqrt(3.0**2 + 1 / 12)
    assert abs(mean) < 4 * expected / np.sqrt(pixels)
    assert abs(sigma - expected) < 4 * expected / np.sqrt(2 * pixels)


def test_wide_noise_gets_wide_bins_and_keeps_its_width():
    random = np.random.default_rng(1)
    windows = np.rint(random.normal(3000, 120, (200, 10, 10)))
    record = tally_of(*windows).record(2990.25)
    mean, sigma = moments(record)
    assert record["bin_width_adu"] == 16
    assert abs(mean - 9.75) < 4 * 120 / np.sqrt(20_000)
    assert abs(sigma - 120) < 4 * 120 / np.sqrt(40_000) + 16**2 / 24 / 120


def test_what_lies_far_out_is_in_the_outermost_bins():
    window = np.full((10, 10), 100)
    window[0, :3] = 60_000
    window[5, 5] = 0
    window[6, :] = 101
    record = tally_of(window, window).record(100.0)
    assert sum(record["counts"]) == 200
    assert record["counts"][-1] == 6
    assert record["first_bin_adu"] == pytest.approx(-100.5)
    high = window + 1000
    high[5, 5] = 0
    far = tally_of(high).record(1100.0)
    assert far["counts"][0] == 1
    assert far["first_bin_adu"] == -128.5, "as far down as the bins go"


def test_no_window_is_no_histogram():
    assert ZeroBiasTally().record(64.0) is None


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.lists(st.integers(0, 65535), min_size=9, max_size=9), max_size=6, min_size=1
    ),
    black=st.one_of(st.none(), st.floats(0, 65535)),
)
def test_every_pixel_is_in_a_record_that_the_message_takes(values, black):
    tally = tally_of(*(np.array(window).reshape(3, 3) for window in values))
    record = tally.record(black)
    message = ZeroBias.model_validate(record)
    assert sum(message.counts) == message.windows * message.window_px**2
    assert 1 <= len(message.counts) <= MAX_BINS
    assert message.windows == len(values)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4095), min_size=8, max_size=8))
def test_what_was_added_can_be_taken_back(values):
    first = tally_of(np.array(values[:4]).reshape(2, 2))
    second = tally_of(np.array(values[4:]).reshape(2, 2))
    before = first.record(10.0)
    first.add(second)
    assert first.windows == 2
    first.take_back(second)
    assert first.record(10.0) == before
