"""The simulation's parameters: defaults that hang together, ranges that are held."""

import dataclasses
import math

import pytest

from simulator import SimulationSpec
from simulator.ranges import RANGES, WORDS


def test_levels_follow_the_bit_depth_unless_they_are_given():
    assert SimulationSpec().black_adu == 64
    assert SimulationSpec().noise_adu == 2.0
    assert SimulationSpec(bit_depth=12).black_adu == 256
    assert SimulationSpec(bit_depth=8).noise_adu == 0.5
    assert SimulationSpec(bit_depth=12, black_level_adu=100.0).black_adu == 100


def test_exposure_and_rows_fit_into_a_frame_by_default():
    for fps in (0.01, 1.0, 30.0, 90.0):
        spec = SimulationSpec(fps=fps, height_px=480)
        assert spec.exposure_ns <= spec.frame_duration_ns
        assert spec.row_time_ns * 480 <= spec.frame_duration_ns
    assert SimulationSpec().exposure_ns == 33_000_000


@pytest.mark.parametrize("name", sorted(RANGES))
def test_value_outside_its_range_is_refused_in_one_line_with_the_range(name):
    low, high = RANGES[name]
    for wrong in (low - 1, high + 1, math.nan):
        with pytest.raises(ValueError, match=f"^{name} must be") as caught:
            SimulationSpec(**{name: wrong})
        assert "\n" not in str(caught.value)


def test_every_number_of_the_spec_has_a_range():
    numbers = {f.name for f in dataclasses.fields(SimulationSpec)}
    assert numbers - {"black_clip", "sensor"} == set(RANGES) | set(WORDS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"exposure_s": 0.05}, "exposure_s must be at most 1/fps"),
        ({"row_time_us": 500.0}, "row_time_us must be at most 138.889"),
        ({"black_level_adu": 1023.0}, "black_level_adu must be below full scale 1023"),
        (
            {"spot_share": 0, "track_share": 0, "worm_share": 0, "alpha_share": 0},
            "must not all be 0",
        ),
        ({"telegraph_low_sigma": 60.0}, "telegraph_low_sigma must be at most"),
        ({"width_px": 16, "height_px": 16, "hot_pixels": 200}, "at most half of the 256 pixels"),
        ({"uncover_s": 1.0}, "uncover_s needs uncover_at_s"),
        ({"width_px": 320.5}, "width_px must be a whole number"),
        ({"gain": "4"}, "gain must be a number"),
    ],
)
def test_values_that_contradict_each_other_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        SimulationSpec(**values)
