"""Frames that come wrong: repeated, torn, resized, not at all, or with the wrong time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Simulation, SimulationSpec
from simulator.simulation import lost_in

SMALL = {"width_px": 32, "height_px": 24, "hot_pixels": 0, "telegraph_pixels": 0}
ALL = SimulationSpec(
    **SMALL,
    hits_per_min=6000,
    drop_rate=0.05,
    bad_rate=0.05,
    repeat_rate=0.3,
    tear_rate=0.3,
    resize_rate=0.02,
    hang_at_s=2.0,
    hang_s=0.5,
    hang_every_s=4.0,
    jump_at_s=1.0,
    jump_s=-0.25,
    jump_every_s=1.5,
)


def test_a_repeated_frame_has_the_pixels_of_the_last_that_was_none():
    spec = SimulationSpec(**SMALL, repeat_rate=0.4)
    simulation = Simulation(spec)
    repeats = 0
    for i in range(1, 60):
        shows = simulation.faults(i).shows
        same = np.array_equal(simulation.frame(i).pixels, simulation.frame(i - 1).pixels)
        assert same == (shows != i)
        assert simulation.faults(shows).shows == shows <= i
        repeats += same
    assert 12 < repeats < 36


def test_a_torn_frame_is_its_own_above_and_the_one_before_below():
    torn, whole = (Simulation(SimulationSpec(**SMALL, tear_rate=rate)) for rate in (0.5, 0.0))
    found = set()
    for i in range(60):
        faults = torn.faults(i)
        pixels = torn.frame(i).pixels
        if faults.torn_row is None:
            assert np.array_equal(pixels, whole.frame(i).pixels)
            continue
        row = faults.torn_row
        assert 1 <= row < 24
        assert np.array_equal(pixels[:row], whole.frame(i).pixels[:row])
        assert np.array_equal(pixels[row:], whole.frame(i - 1).pixels[row:])
        found.add(row)
    assert len(found) > 8


def test_truth_tells_which_particles_a_repeat_or_a_tear_took_away():
    simulation = Simulation(ALL)
    seen = {None: 0, "repeated": 0, "torn": 0}
    for i in range(200):
        faults = simulation.faults(i)
        for truth in simulation.truth(i):
            lost = lost_in(truth, faults)
            seen[lost] += 1
            if lost == "torn":
                assert truth.rows.max() >= faults.torn_row
            if lost == "repeated":
                assert faults.shows < i
    assert min(seen.values()) > 20


def test_another_size_lasts_three_frames_and_never_begins_a_stream():
    spec = SimulationSpec(**SMALL, resize_rate=0.03)
    simulation = Simulation(spec)
    resized = [simulation.faults(i).resized for i in range(600)]
    assert not any(resized[:64])
    assert resized.count(True) > 20
    lengths = np.diff(np.flatnonzero(np.diff([0, *map(int, resized), 0])))[::2]
    assert lengths.min() == 3
    at = resized.index(True)
    assert simulation.frame(at).pixels.shape == (12, 16)
    assert simulation.frame(at - 1).pixels.shape == (24, 32)


def test_a_camera_that_hangs_gives_nothing_for_its_time_again_and_again():
    spec = SimulationSpec(**SMALL, fps=10.0, hang_at_s=2.0, hang_s=0.5, hang_every_s=4.0)
    simulation = Simulation(spec)
    lost = [i for i in range(100) if simulation.faults(i).dropped]
    assert lost == [*range(20, 25), *range(60, 65)]
    assert {item["artefact"] for i in lost for item in simulation.artefacts(i)} == {"hang"}


def test_times_step_back_and_forth():
    spec = SimulationSpec(**SMALL, fps=10.0, jump_at_s=1.0, jump_s=-0.25, jump_every_s=1.5)
    simulation = Simulation(spec)
    shifts = [simulation.time_shift_ns(i) for i in range(60)]
    wrong = [*range(10, 25), *range(40, 55)]
    assert shifts == [-250_000_000 if i in wrong else 0 for i in range(60)]
    steps = {
        i: item["step_s"]
        for i in range(60)
        for item in simulation.artefacts(i)
        if item["artefact"] == "time_jump"
    }
    assert steps == {10: -0.25, 25: 0.25, 40: -0.25, 55: 0.25}


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=5))
def test_a_frame_has_one_fault_at_most_and_the_same_in_any_order(order):
    simulation = Simulation(ALL)
    for i in order:
        faults = simulation.faults(i)
        kinds = (
            faults.dropped, faults.truncated, faults.resized,
            faults.shows != i, faults.torn_row is not None,
        )  # fmt: skip
        assert sum(kinds) <= 1
        frame = simulation.frame(i)
        again = Simulation(ALL).frame(i)
        assert frame.pixels.tobytes() == again.pixels.tobytes()
        assert frame.faults == again.faults == faults


def test_what_is_told_of_a_frame_names_its_faults():
    simulation = Simulation(ALL)
    names = {item["artefact"] for i in range(400) for item in simulation.artefacts(i)}
    assert names == {
        "dropped", "truncated", "resized", "repeated", "torn", "hang", "time_jump",
    }  # fmt: skip


def test_rates_of_1_are_taken():
    simulation = Simulation(SimulationSpec(**SMALL, tear_rate=1.0, repeat_rate=0.9))
    assert simulation.faults(200).shows <= 200
    assert simulation.frame(0).pixels.shape == (24, 32)
    with pytest.raises(ValueError, match="repeat_rate must be"):
        SimulationSpec(repeat_rate=1.0)
