"""Afterglow, newborn hot pixels, a bright column, a noisy first row: where and when they are."""

import itertools

import numpy as np
import pytest

from simulator import Simulation, SimulationSpec

QUIET = {
    "width_px": 64,
    "height_px": 48,
    "fps": 10.0,
    "hits_per_min": 0.0,
    "hot_pixels": 0,
    "telegraph_pixels": 0,
    "dark_current_e_per_s": 0.0,
    "dark_tail_share": 0.0,
}


def means(simulation, frames):
    return np.mean([simulation.frame(i).pixels for i in frames], axis=0)


def told(simulation, frames, kind):
    found = [item | {"at": i} for i in frames for item in simulation.artefacts(i)]
    return [item for item in found if item["artefact"] == kind]


def test_a_default_simulation_has_no_artefact():
    simulation = Simulation(SimulationSpec(hits_per_min=6000))
    assert [simulation.artefacts(i) for i in range(50)] == [[]] * 50


def test_hot_pixels_are_born_at_their_time_and_stay():
    spec = SimulationSpec(**QUIET, birth_at_s=2.0, birth_pixels=5)
    simulation = Simulation(spec)
    before, after = means(simulation, range(20)), means(simulation, range(20, 40))
    places = {tuple(place) for place in np.argwhere(after - before > 12)}
    births = told(simulation, range(60), "hot_pixel_birth")
    assert {(item["y_px"], item["x_px"]) for item in births} == places
    assert len(places) == 5
    assert {item["at"] for item in births} == {20}
    for item in births:
        risen = (after - before)[item["y_px"], item["x_px"]]
        assert risen == pytest.approx(item["peak_adu"], rel=0.1, abs=5)


def test_a_column_lights_up_for_its_time():
    spec = SimulationSpec(**QUIET, column_at_s=1.0, column_s=2.0, column_adu=30.0)
    simulation = Simulation(spec)
    on, off = told(simulation, range(50), "column_on"), told(simulation, range(50), "column_off")
    assert [item["at"] for item in on] == [10]
    assert [item["at"] for item in off] == [30]
    column = on[0]["x_px"]
    risen = means(simulation, range(10, 30)) - means(simulation, range(10))
    assert risen[:, column].mean() == pytest.approx(30, abs=1)
    assert np.delete(risen, column, axis=1).max() < 12
    assert np.abs(means(simulation, range(30, 50)) - means(simulation, range(10))).max() < 12


def test_a_column_without_an_end_stays_bright():
    simulation = Simulation(SimulationSpec(**QUIET, column_at_s=1.0, column_adu=30.0))
    assert told(simulation, range(200), "column_off") == []
    column = told(simulation, range(20), "column_on")[0]["x_px"]
    assert means(simulation, range(190, 200))[:, column].mean() > 90


def test_only_the_first_row_has_its_noise():
    simulation = Simulation(SimulationSpec(**QUIET, first_row_noise_adu=20.0))
    stack = np.stack([simulation.frame(i).pixels for i in range(60)]).astype(float)
    spread = stack.std(axis=0).mean(axis=1)
    assert spread[0] == pytest.approx(20, rel=0.1)
    assert spread[1:].max() < 2.5


def test_a_bright_hit_glows_on_and_fades():
    spec = SimulationSpec(
        **(QUIET | {"hits_per_min": 6.0}),
        afterglow_share=0.3,
        afterglow_frames=2.0,
        track_share=0.0,
        spot_share=0.0,
        alpha_share=0.0,
        seed=5,
    )
    simulation = Simulation(spec)
    hits = [t for i in range(3000) for t in simulation.truth(i)]
    last = -100
    alone = []
    for here, after in itertools.pairwise(hits):
        if here.peak_adu > 250 and here.frame - last > 20 and after.frame - here.frame > 20:
            alone.append(here)
        last = here.frame
    assert len(alone) > 10
    decays = []
    for hit in alone:
        levels = [
            simulation.frame(hit.frame + n).pixels[hit.rows, hit.cols].sum() - 64.0 * len(hit.rows)
            for n in range(1, 5)
        ]
        glows = told(simulation, range(hit.frame + 1, hit.frame + 5), "afterglow")
        assert {item["of_sequence"] for item in glows} == {hit.frame}
        # The brightest pixel by charge; where several are full, truth names the first.
        for item in glows:
            assert (item["y_px"], item["x_px"]) in set(zip(hit.rows, hit.cols, strict=True))
        assert glows[0]["peak_adu"] >= 0.3 * hit.peak_adu * 0.95
        decays.append(levels)
    one, _, three, _ = np.mean(decays, axis=0)
    assert one > 100
    assert three / one == pytest.approx(np.exp(-1), rel=0.15)


def test_afterglow_is_the_same_asked_alone_or_in_turn():
    spec = SimulationSpec(**(QUIET | {"hits_per_min": 3000.0}), afterglow_share=0.2)
    walked = Simulation(spec)
    frames = [walked.frame(i).pixels.tobytes() for i in range(40)]
    assert Simulation(spec).frame(39).pixels.tobytes() == frames[39]
    assert walked._artefacts._bright.cache_info().currsize <= 256


def test_the_longest_afterglow_looks_at_each_frame_once():
    spec = SimulationSpec(
        **(QUIET | {"hits_per_min": 0.0}),
        afterglow_share=1.0,
        afterglow_frames=20.0,
        full_well_e=1e6,
    )
    walked = Simulation(spec)
    for i in range(400):
        walked.artefacts(i)
    assert walked._artefacts._bright.cache_info().misses == 399
