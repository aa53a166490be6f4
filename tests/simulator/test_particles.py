"""Particles against the laws they are drawn from, and the shapes they are called by."""

import numpy as np
import pytest

from simulator import Simulation, SimulationSpec, energy
from simulator.alpha import alpha_range_um, draw_alpha
from simulator.deposit import reach_um
from simulator.electron import direction_of, draw_beta_kev, draw_compton_kev, follow
from simulator.muon import draw_muon
from simulator.particles import draw_particle
from simulator.photon import attenuation_um, draw_photon
from simulator.render import render_whole
from simulator.shape import judge

KINDS = ("spot", "track", "worm")


def particles(spec, count, seed=1):
    random = np.random.default_rng(seed)
    return [draw_particle(spec, random) for _ in range(count)]


def only(kind, **values):
    shares = dict.fromkeys(("spot_share", "track_share", "worm_share", "alpha_share"), 0.0)
    return SimulationSpec(**(shares | {f"{kind}_share": 1.0}), **values)


def muons(spec, count, seed=1, **values):
    random = np.random.default_rng(seed)
    return [draw_muon(spec, random, **values) for _ in range(count)]


def reach_px(deposit):
    return np.hypot(np.ptp(deposit.x_px), np.ptp(deposit.y_px))


def test_muon_zenith_angles_follow_cos_squared_through_a_level_surface():
    # The law is cos^3 sin: the median tangent is sqrt(2^(1/2) - 1).
    spec = SimulationSpec(pixel_pitch_um=0.5, sensitive_depth_um=500.0, substrate_um=0.0)
    tangents = np.array([reach_px(d) * 0.5 / 500 for d in muons(spec, 3000)])
    assert np.median(tangents) == pytest.approx(np.sqrt(np.sqrt(2) - 1), rel=0.06)
    # At tangent 1, cos^4 is 1/4: that share is flatter.
    assert np.mean(tangents > 1) == pytest.approx(0.25, abs=0.03)


def test_muons_of_the_asked_slope_are_straight_and_cross_all_of_the_silicon():
    spec = SimulationSpec()
    for deposit in muons(spec, 200, tan_low=0.5):
        inner = deposit.depth <= 1
        across_um = np.hypot(np.ptp(deposit.x_px[inner]), np.ptp(deposit.y_px[inner])) * 1.4
        assert across_um > 0.4 * spec.sensitive_depth_um
        assert deposit.depth.min() < 0.1
        assert deposit.depth.max() > 0.9 * reach_um(spec) / spec.sensitive_depth_um


def test_track_charge_is_that_of_a_minimum_ionising_particle():
    spec = SimulationSpec(substrate_um=0.0)
    per_um = []
    for deposit in muons(spec, 500, tan_low=0.5):
        across_um = reach_px(deposit) * spec.pixel_pitch_um
        per_um.append(deposit.charge_e.sum() / np.hypot(across_um, spec.sensitive_depth_um))
    assert 55 < np.median(per_um) < 80  # some 60 pairs a um at the peak, more in the mean


def test_delta_rays_are_as_many_as_xi_over_t_says_and_stand_aside_of_the_track():
    spec = SimulationSpec(sensitive_depth_um=200.0, pixel_pitch_um=1.0, substrate_um=0.0)
    aside = []
    for deposit in muons(spec, 400, tan_high=0.1):
        # The path itself is even in depth; what a delta ray leaves lies off the line.
        x, y, z = deposit.x_px, deposit.y_px, deposit.depth * 200
        count = int(np.sum(np.diff(z) > 0)) + 1
        first, last = 0, np.flatnonzero(np.abs(np.diff(z)) > 20)
        end = int(last[0]) if len(last) else count - 1
        t = (z - z[first]) / max(z[end] - z[first], 1e-9)
        off = np.hypot(x - x[0] - t * (x[end] - x[0]), y - y[0] - t * (y[end] - y[0]))
        aside.append(off.max() > 2)
    # 17.8 eV/um / 20 keV * 200 um = 0.18 delta rays a muon; most leave the line by 2 um.
    assert 0.08 < np.mean(aside) < 0.24


def test_an_electron_frees_its_energy_and_winds_more_the_slower_it_is():
    spec = SimulationSpec(sensitive_depth_um=500.0, pixel_pitch_um=1.4)
    random = np.random.default_rng(3)
    chord = {}
    for kev in (30.0, 100.0):
        ends = []
        for _ in range(60):
            start, along = (0.0, 0.0, 250.0), direction_of(0.0, 1.0)
            (x, y, z), charge_e = follow(kev, start, along, spec, random)
            assert charge_e.min() >= 0
            assert charge_e.sum() * energy.PAIR_EV == pytest.approx(kev * 1e3, rel=0.35)
            ends.append(np.hypot(x[-1], y[-1]) / energy.electron_range_um(kev))
            steps = np.diff(np.stack([x, y, z]), axis=1)
            lengths = np.sqrt((steps**2).sum(axis=0))
            assert np.ptp(lengths) < 1e-6
        chord[kev] = np.median(ends)
        # Backscattered and bent, it ends well before its range.
        assert 0.1 < chord[kev] < 0.8


def test_an_electron_starts_where_it_is_sent():
    spec = SimulationSpec(sensitive_depth_um=500.0)
    direction = direction_of(0.3, 2.0)
    assert np.linalg.norm(direction) == pytest.approx(1)
    random = np.random.default_rng(4)
    heading = []
    for _ in range(50):
        points, _ = follow(900.0, (0.0, 0.0, 250.0), direction, spec, random)
        first = np.array([p[3] for p in points]) - [0.0, 0.0, 250.0]
        heading.append(first / np.linalg.norm(first))
    assert np.mean(heading, axis=0) == pytest.approx(direction, abs=0.03)


def test_compton_electrons_stay_below_the_edge_of_their_gammas_and_betas_below_their_end():
    random = np.random.default_rng(5)
    compton = np.array([draw_compton_kev(random) for _ in range(1500)])
    assert 0 < compton.min() < 20
    assert compton.max() <= 1300
    assert 12 < np.median(compton) < 60
    beta = np.array([draw_beta_kev(random) for _ in range(1500)])
    assert beta.max() < 1311
    assert 200 < np.median(beta) < 450


def test_x_rays_are_absorbed_as_deep_as_their_energy_says():
    assert attenuation_um(5.9) == pytest.approx(28, rel=0.15)
    assert attenuation_um(20.0) == pytest.approx(960, rel=0.15)
    spec = SimulationSpec(sensitive_depth_um=50.0, substrate_um=0.0)
    random = np.random.default_rng(6)
    drawn = [d for d in (draw_photon(spec, random) for _ in range(3000)) if d is not None]
    lines = [d for d in drawn if len(d.depth) == 1 and abs(d.energy_kev - 5.9) < 0.15]
    depth = np.array([d.depth[0] for d in lines])
    assert len(lines) > 100  # a line stands out of the continuum
    other = [d for d in drawn if len(d.depth) == 1 and abs(d.energy_kev - 5.2) < 0.15]
    assert len(lines) > 1.4 * len(other)
    length = attenuation_um(5.9) / 50
    mean = length - np.exp(-1 / length) / -np.expm1(-1 / length)
    assert depth.mean() == pytest.approx(mean, abs=0.05)


def test_alphas_are_short_dense_and_round():
    assert alpha_range_um(5.5) == pytest.approx(28)
    assert alpha_range_um(3.0) == pytest.approx(12, rel=0.12)  # ICRU 49: 12 um
    spec = only("alpha")
    random = np.random.default_rng(7)
    drawn = [draw_alpha(spec, random) for _ in range(100)]
    assert all(100 < d.energy_kev < 6000 for d in drawn)
    full = [np.sum(render_whole(d, spec).electrons > spec.full_well_e) for d in drawn]
    assert np.median(full) > 20
    shapes = [d.kind for d in particles(spec, 60)]
    assert shapes.count("spot") > 40


def test_particles_fall_evenly_over_the_frame_in_the_shares_asked_for():
    spec = SimulationSpec(spot_share=1, track_share=2, worm_share=1, alpha_share=0)
    drawn = particles(spec, 700)
    kinds = [d.kind for d in drawn]
    assert kinds.count("track") / 700 == pytest.approx(0.5, abs=0.08)
    assert kinds.count("worm") / 700 == pytest.approx(0.25, abs=0.07)
    middles = np.array([d.x_px[len(d.x_px) // 2] for d in drawn])
    assert -0.5 <= middles.min() < middles.max() <= 319.5
    assert np.histogram(middles, bins=4)[0] == pytest.approx([175] * 4, abs=60)


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_is_made_and_named_by_the_shape_it_has(kind):
    spec = only(kind)
    for deposit in particles(spec, 60):
        patch = render_whole(deposit, spec)
        assert patch is not None
        shape = judge(patch.electrons, spec.noise_adu / spec.adu_per_e)
        assert deposit.kind == shape == kind


def test_a_sensor_that_cannot_show_tracks_calls_none_so():
    spec = only("worm", pixel_pitch_um=24.0, sensitive_depth_um=5.0)
    assert {d.kind for d in particles(spec, 6)} <= {"spot", "track", "worm"}
    assert any(d.kind != "worm" for d in particles(spec, 6))


def line_picture(bend):
    y, x = np.mgrid[:40, :40].astype(float)
    return np.exp(-0.5 * ((y - 20 - bend * (x - 20) ** 2) / 0.7) ** 2) * (np.abs(x - 20) < 11) * 100


def test_the_judge_tells_round_straight_and_bent():
    y, x = np.mgrid[:40, :40].astype(float)
    assert judge(100 * np.exp(-0.5 * ((x - 20) ** 2 + (y - 20) ** 2)), 2.0) == "spot"
    assert judge(1e5 * np.exp(-0.5 * ((x - 20) ** 2 + (y - 20) ** 2) / 16), 2.0) == "spot"
    assert judge(line_picture(0.0), 2.0) == "track"
    assert judge(line_picture(0.05), 2.0) == "worm"
    ring = np.exp(-0.5 * ((np.hypot(x - 20, y - 20) - 6) / 0.7) ** 2)
    assert judge(100 * ring, 2.0) == "worm"
    single = np.zeros((5, 5))
    single[2, 2] = 50
    assert judge(single, 2.0) == "spot"


def test_energy_and_whole_noise_are_in_the_truth():
    spec = SimulationSpec(
        hits_per_min=6000, row_noise_adu=3.0, column_noise_adu=4.0, dark_current_e_per_s=0, prnu=0
    )
    simulation = Simulation(spec)
    truth = [t for i in range(30) for t in simulation.truth(i)]
    whole = np.sqrt(2.0**2 + 3.0**2 + 4.0**2 + 1 / 12)
    cold = [t for t in truth if t.y_px * 320 + t.x_px not in simulation.sensor.hot]
    assert len(cold) > 40
    for t in cold:
        assert t.peak_sigma == pytest.approx(t.peak_adu / whole, rel=1e-3)
        assert t.to_dict()["energy_kev"] == pytest.approx(t.energy_kev, abs=1e-4)
        # No more arrives than was freed; shot noise isn't in it, rounding of clouds is.
        assert t.sum_adu / spec.adu_per_e * energy.PAIR_EV * 1e-3 <= 1.05 * t.energy_kev + 0.1


def test_flux_is_counted_on_the_area_and_hits_per_min_on_the_sensor():
    from simulator.rates import expected_hits, hits_per_min

    spec = SimulationSpec(width_px=1000, height_px=1000, pixel_pitch_um=5.0, fps=1, exposure_s=0.5)
    assert hits_per_min(spec) == 60
    spec = SimulationSpec(
        width_px=1000,
        height_px=1000,
        pixel_pitch_um=5.0,
        fps=1,
        exposure_s=0.5,
        flux_per_cm2_min=120.0,
    )
    assert spec.area_cm2 == pytest.approx(0.25)
    assert hits_per_min(spec) == pytest.approx(30)
    assert expected_hits(spec) == pytest.approx(0.25)
