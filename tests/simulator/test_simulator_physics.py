"""Energy loss, range, scattering and the spread of charge against their laws."""

import numpy as np
import pytest
from scipy.stats import norm

from simulator import SimulationSpec, energy
from simulator.deposit import Deposit
from simulator.render import normal_cdf, render, render_whole


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


def test_electron_range_goes_on_smoothly_to_1_mev():
    assert energy.electron_range_um(100.001) == pytest.approx(energy.electron_range_um(100.0), 1e-4)
    # ESTAR's CSDA range of 1 MeV in silicon: 2.35 mm.
    assert energy.electron_range_um(1000.0) == pytest.approx(2350, rel=0.15)
    for kev in (3.0, 99.0, 101.0, 900.0):
        range_um = np.array([energy.electron_range_um(kev)])
        assert energy.electron_energy_kev(range_um) == pytest.approx(kev)


def test_slow_electrons_scatter_more():
    angles = energy.scattering_angle_rad(np.array([150.0, 50.0, 10.0, 0.0]), 0.35, 70.0)
    assert list(angles) == sorted(angles)
    assert 0.02 < angles[0] < 0.1
    assert angles[-1] == 1.0


def test_normal_cdf_is_right_to_1e_7():
    x = np.linspace(-9, 9, 4001)
    assert np.abs(normal_cdf(x) - norm.cdf(x)).max() < 1e-7


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


def test_charge_below_the_sensitive_depth_arrives_in_part_and_wider_the_deeper():
    spec = SimulationSpec(sensitive_depth_um=10.0, substrate_um=2.0)
    totals, widths = [], []
    for below_um in (0.0, 2.0, 4.0):
        patch = render(point(100, 50, 1 + below_um / 10), spec)
        assert patch is not None
        totals.append(patch.electrons.sum() / 1e6)
        share = patch.electrons.sum(axis=0) / patch.electrons.sum()
        places = np.arange(len(share))
        variance_px = share @ (places - share @ places) ** 2 - 1 / 12
        widths.append(variance_px * spec.pixel_pitch_um**2 - spec.diffusion_um**2)
    assert totals == pytest.approx(np.exp([0.0, -1.0, -2.0]), rel=0.01)
    assert widths == pytest.approx([0.0, 4.0, 8.0], abs=0.2)


def test_nothing_arrives_from_below_without_a_diffusion_length():
    assert render(point(100, 50, 1.01), SimulationSpec(substrate_um=0.0)) is None


def test_a_pattern_on_pixels_without_end_is_that_of_the_frame_around_its_middle():
    deposit, spec = point(100.3, 50.8), SimulationSpec()
    whole, cut = render_whole(deposit, spec), render(deposit, spec)
    assert whole is not None
    assert cut is not None
    assert np.array_equal(whole.electrons, cut.electrons)
    assert (whole.x0_px, whole.y0_px) == (cut.x0_px, cut.y0_px)
    beyond = render_whole(point(-500, -700), spec)
    assert beyond is not None
    assert beyond.electrons.sum() == pytest.approx(1e6, rel=1e-3)
