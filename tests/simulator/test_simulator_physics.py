"""Particles against the laws they are drawn from."""

import numpy as np
import pytest
from scipy.stats import norm

from simulator import SimulationSpec, energy
from simulator.particles import Deposit, draw_particle
from simulator.render import normal_cdf, render


def particles(spec, count, seed=1):
    random = np.random.default_rng(seed)
    return [draw_particle(spec, random) for _ in range(count)]


def only(kind, **values):
    shares = {"spot_share": 0.0, "track_share": 0.0, "worm_share": 0.0, f"{kind}_share": 1.0}
    return SimulationSpec(**shares, **values)


def reach_px(deposit):
    return np.hypot(
        deposit.x_px[-1] - deposit.x_px[0],
        deposit.y_px[-1] - deposit.y_px[0],
    )


def test_landau_draws_have_the_quantiles_of_landaus_density():
    draws = energy.draw_landau(200_000, np.random.default_rng(1))
    # From a numerical integral of Landau's own 1944 form.
    found = np.quantile(draws, [0.01, 0.1, 0.5, 0.9])
    assert found == pytest.approx([-2.11, -1.10, 1.35, 11.64], abs=0.12)


def test_most_probable_loss_of_a_muon_is_about_220_ev_per_um_in_10_um():
    random = np.random.default_rng(1)
    losses = [energy.draw_landau_loss_ev(10 / 40, 40, random).sum() for _ in range(4000)]
    counts, edges = np.histogram(losses, bins=40, range=(1500, 5000))
    peak_ev = edges[counts.argmax()] + 44
    # PDG eq. 34.12 with the density effect at its plateau: 2198 eV.
    assert peak_ev == pytest.approx(2198, rel=0.12)
    assert np.mean(losses) > peak_ev * 1.15  # the tail of delta rays


def test_summed_steps_lose_the_same_as_one_long_step():
    random = np.random.default_rng(2)
    fine = [energy.draw_landau_loss_ev(0.5, 20, random).sum() for _ in range(4000)]
    coarse = energy.draw_landau_loss_ev(10.0, 4000, random)
    assert np.median(fine) == pytest.approx(np.median(coarse), rel=0.05)


def test_electron_range_and_energy_are_inverse_and_near_the_tables():
    # ESTAR's CSDA range of 100 keV in silicon: 78 um.
    assert energy.electron_range_um(100.0) == pytest.approx(78, rel=0.15)
    assert energy.electron_energy_kev(np.array([energy.electron_range_um(42.0)])) == pytest.approx(
        42
    )


def test_slow_electrons_scatter_more():
    angles = energy.scattering_angle_rad(np.array([150.0, 50.0, 10.0, 0.0]), 0.35)
    assert list(angles) == sorted(angles)
    assert 0.02 < angles[0] < 0.1
    assert angles[-1] == 1.0


def test_normal_cdf_is_right_to_1e_7():
    x = np.linspace(-9, 9, 4001)
    assert np.abs(normal_cdf(x) - norm.cdf(x)).max() < 1e-7


def test_muon_zenith_angles_follow_cos_squared_through_a_level_surface():
    # Without a least length, the law is cos^3 sin: the median tangent is sqrt(2^(1/2) - 1).
    spec = only("track", pixel_pitch_um=0.5, sensitive_depth_um=500.0, diffusion_um=0.0)
    tangents = [reach_px(d) * 0.5 / 500 for d in particles(spec, 1500)]
    assert np.median(tangents) == pytest.approx(np.sqrt(np.sqrt(2) - 1), rel=0.06)


def test_muon_tracks_are_straight_at_least_6_px_long_and_end_at_both_faces():
    for deposit in particles(only("track"), 200):
        assert reach_px(deposit) > 5.5
        x_px, y_px = deposit.x_px - deposit.x_px[0], deposit.y_px - deposit.y_px[0]
        across = x_px * y_px[-1] - y_px * x_px[-1]
        assert np.abs(across).max() < 1e-6
        assert deposit.depth[0] < 0.1
        assert deposit.depth[-1] > 0.9


def test_track_charge_is_that_of_a_minimum_ionising_particle():
    spec = only("track")
    per_um = []
    for deposit in particles(spec, 400):
        length_um = np.hypot(reach_px(deposit) * spec.pixel_pitch_um, spec.sensitive_depth_um)
        per_um.append(deposit.charge_e.sum() / length_um)
    assert 55 < np.median(per_um) < 80  # some 60 pairs a um at the peak, more in the mean


def test_worms_are_bent_and_brighten_where_the_electron_stops():
    bent = []
    last_third = []
    for deposit in particles(only("worm"), 200):
        bent.append(reach_px(deposit) / (len(deposit.x_px) * 0.25))
        third = len(deposit.x_px) // 3
        last_third.append(deposit.charge_e[-third:].sum() / deposit.charge_e.sum())
    assert np.median(bent) < 0.85
    assert np.mean(np.array(bent) < 0.86) > 0.9
    assert np.mean(last_third) > 1 / 3


def test_worm_leaves_no_more_than_the_energy_of_its_electron():
    for deposit in particles(only("worm"), 100):
        assert deposit.charge_e.min() >= 0
        assert deposit.charge_e.sum() * energy.PAIR_EV <= 150_000


def test_particles_fall_evenly_over_the_frame_in_the_shares_asked_for():
    spec = SimulationSpec(spot_share=1, track_share=2, worm_share=1)
    drawn = particles(spec, 1200)
    kinds = [d.kind for d in drawn]
    assert kinds.count("track") / 1200 == pytest.approx(0.5, abs=0.06)
    assert kinds.count("worm") / 1200 == pytest.approx(0.25, abs=0.05)
    middles = np.array([d.x_px[len(d.x_px) // 2] for d in drawn])
    assert -0.5 <= middles.min() < middles.max() <= 319.5
    assert np.histogram(middles, bins=4)[0] == pytest.approx([300] * 4, abs=75)


def point(x_px, y_px, depth=1.0, charge_e=1e6):
    def one(value):
        return np.array([float(value)])

    return Deposit("spot", "photon", one(x_px), one(y_px), one(depth), one(charge_e))


def test_rendering_keeps_the_charge_its_place_and_its_width():
    spec = SimulationSpec(diffusion_um=1.4 * 1.5)
    patch = render(point(100.3, 50.8), spec)
    assert patch is not None
    assert patch.electrons.sum() == pytest.approx(1e6, rel=1e-3)
    columns = np.arange(patch.electrons.shape[1]) + patch.x0_px
    rows = np.arange(patch.electrons.shape[0]) + patch.y0_px
    share = patch.electrons / patch.electrons.sum()
    assert (share.sum(axis=0) * columns).sum() == pytest.approx(100.3, abs=0.01)
    assert (share.sum(axis=1) * rows).sum() == pytest.approx(50.8, abs=0.01)
    variance = (share.sum(axis=0) * (columns - 100.3) ** 2).sum()
    # A pixel's own width adds a twelfth.
    assert np.sqrt(variance - 1 / 12) == pytest.approx(1.5, rel=0.02)


def test_charge_from_the_near_side_spreads_less():
    spec = SimulationSpec()
    near, far = render(point(100, 50, 0.0), spec), render(point(100, 50, 1.0), spec)
    assert near is not None
    assert far is not None
    assert near.electrons.max() > 0.99e6
    assert far.electrons.max() < 0.7e6


def test_charge_beyond_the_edge_is_lost():
    spec = SimulationSpec()
    half = render(point(-0.5, 50), spec)
    assert half is not None
    assert half.x0_px == 0
    assert half.electrons.sum() == pytest.approx(0.5e6, rel=0.01)
    assert render(point(-30, 50), spec) is None
    assert render(point(100, 50, charge_e=0.2), spec) is None
