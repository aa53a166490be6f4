"""Light through a rolling shutter: leaks, flashes, a lamp that blinks, and what counts as dark."""

import numpy as np
import pytest

from simulator import Simulation, SimulationSpec

# Frames of 100 ms, rows 0.5 ms apart, each exposed for 50 ms; no noise but the rounding.
STILL = {
    "width_px": 48,
    "height_px": 100,
    "fps": 10.0,
    "exposure_s": 0.05,
    "row_time_us": 500.0,
    "read_noise_adu": 0.0,
    "fixed_pattern_adu": 0.0,
    "dark_current_e_per_s": 0.0,
    "hits_per_min": 0.0,
    "hot_pixels": 0,
    "telegraph_pixels": 0,
    "prnu": 0.0,
    "gain": 0.1,
    "full_well_e": 100_000.0,
    "bit_depth": 14,
}
BLACK = 64 * 16


def light_of(simulation, index):
    return simulation.frame(index).pixels.astype(float) - BLACK


def test_a_flash_reaches_only_the_rows_that_are_exposed_then():
    spec = SimulationSpec(**STILL, flashes_per_min=60.0, flash_s=0.001, flash_adu=1000.0)
    simulation = Simulation(spec)
    partly = 0
    lit_rows = np.zeros(0)
    for i in range(400):
        rows = light_of(simulation, i).mean(axis=1)
        lit = rows > 10
        told = {item["artefact"]: item["peak_adu"] for item in simulation.artefacts(i)}
        assert lit.any() == (told.get("flash", 0.0) > 10)
        assert simulation.faults(i).covered == (not lit.any())
        if lit.any() and not lit.all():
            partly += 1
            # One stretch of rows, each with 1 of 50 ms of the light.
            assert np.abs(np.diff(lit.astype(int))).sum() <= 2
            lit_rows = np.append(lit_rows, rows[lit])
    assert partly > 20
    assert np.median(lit_rows) == pytest.approx(20, abs=3)


def test_flashes_come_at_their_rate():
    spec = SimulationSpec(**STILL, flashes_per_min=60.0, flash_s=0.0001, flash_adu=1e6)
    simulation = Simulation(spec)
    lit = sum("flash" in simulation._light.peaks_adu(i) for i in range(3000))
    # Rows are exposed within 99.5 of each 100 ms: nearly each of some 300 flashes is seen once.
    assert lit == pytest.approx(300 * np.exp(-0.05), abs=60)


def test_a_slow_leak_rises_stays_falls_and_comes_again():
    spec = SimulationSpec(
        **STILL, leak_at_s=1.0, leak_s=3.0, leak_every_s=10.0, leak_adu=900.0
    )  # fmt: skip
    simulation = Simulation(spec)
    peaks = [simulation._light.peaks_adu(i).get("leak", 0.0) for i in range(150)]
    assert max(peaks[:10]) < 1  # the last rows of the frame before are still exposed
    assert peaks[15] == pytest.approx(450, rel=0.2)
    assert peaks[25] == pytest.approx(900)
    assert peaks[35] == pytest.approx(450, rel=0.2)
    assert max(peaks[41:109]) == 0
    assert np.allclose(peaks[110:140], peaks[10:40])
    frame = light_of(simulation, 25)
    edges = [frame[0].mean(), frame[-1].mean(), frame[:, 0].mean(), frame[:, -1].mean()]
    assert max(edges) == pytest.approx(900, rel=0.02)
    assert min(edges) < 0.1 * max(edges)


def test_a_blinking_lamp_makes_stripes_of_its_period():
    # 50 ms hold two and a half periods of 20 ms: between 2 and 3 halves of light.
    spec = SimulationSpec(**STILL, flicker_at_s=0.0, flicker_hz=50.0, flicker_adu=1000.0)
    rows = light_of(Simulation(spec), 3).mean(axis=1)
    assert rows.max() == pytest.approx(600, abs=6)
    assert rows.min() == pytest.approx(400, abs=6)
    # A period is 40 rows.
    assert rows[:60] == pytest.approx(rows[40:], abs=3)


def test_light_goes_through_the_colour_filters():
    spec = SimulationSpec(**STILL, cfa="RGGB", flicker_at_s=0.0, flicker_hz=1e5, flicker_adu=2000.0)
    frame = light_of(Simulation(spec), 3)
    red, green, blue = frame[::2, ::2].mean(), frame[::2, 1::2].mean(), frame[1::2, 1::2].mean()
    assert green == pytest.approx(1000, rel=0.01)
    assert (red / green, blue / green) == pytest.approx((0.5, 0.4), abs=0.01)


def test_light_has_its_shot_noise():
    spec = SimulationSpec(
        **(STILL | {"gain": 10.0}), flicker_at_s=0.0, flicker_hz=1e5, flicker_adu=4000.0
    )
    frame = light_of(Simulation(spec), 3)
    assert frame.std() == pytest.approx(np.sqrt(2000 * spec.adu_per_e), rel=0.03)


def test_particles_under_light_are_told_as_uncovered_and_others_as_covered():
    spec = SimulationSpec(hits_per_min=6000, leak_at_s=1.0, leak_s=2.0, leak_adu=100.0)
    simulation = Simulation(spec)
    truth = [t for i in range(120) for t in simulation.truth(i)]
    assert {t.covered for t in truth} == {True, False}
    for t in truth:
        assert t.covered == simulation._light.is_dark(t.frame)
        if t.frame < 29 or t.frame > 90:
            assert t.covered
        if 40 < t.frame < 80:
            assert not t.covered


def test_light_too_faint_to_matter_leaves_a_frame_dark():
    spec = SimulationSpec(flicker_at_s=0.0, flicker_adu=1.0, read_noise_adu=4.0)
    assert Simulation(spec).faults(5).covered
    assert not Simulation(SimulationSpec(flicker_at_s=0.0, flicker_adu=40.0)).faults(5).covered


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flashes_per_min": 1.0, "flash_s": 1.0}, "flash_s must be at most 1/fps"),
        ({"leak_at_s": 1.0, "leak_s": 9.0, "leak_every_s": 2.0}, "leak_every_s must be at least"),
        ({"hang_at_s": 1.0, "hang_s": 9.0, "hang_every_s": 2.0}, "hang_every_s must be at least"),
        ({"birth_at_s": 1.0, "birth_pixels": 90_000}, "birth_pixels must be at most half"),
    ],
)
def test_times_that_contradict_each_other_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        SimulationSpec(**values)
