"""Energy loss, range and scattering in silicon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Mean energy for an electron-hole pair in silicon at 300 K (PDG, Detectors: 3.65 eV).
PAIR_EV = 3.65
# (K/2) Z/A rho of silicon for a unit charge at beta = 1: 17.8 eV per um (PDG, eq. 34.12).
_XI_EV_PER_UM = 17.8
_PLASMON_EV = 31.05
_ELECTRON_EV = 510_999.0
_RADIATION_LENGTH_UM = 93_700.0
# Place of the peak of Landau's density, and what a delta ray may take at most before it would
# run far from the track (15 keV: a range of 3 um).
_LANDAU_MODE = -0.22278
_MOST_EV = 15_000.0


def draw_landau_loss_ev(step_um: float, count: int, random: np.random.Generator) -> Floats:
    """Draw the energy a fast muon loses in `count` steps of its path.

    Landau's distribution about the most probable loss at the density-effect plateau,
    xi [ln(2 m c^2 xi / (hbar omega_p)^2) + 0.200] (PDG, Review of Particle Physics, eq. 34.12 and
    34.13). It is a stable law, so the sum over a path is again Landau's. Drawn with Chambers,
    Mallows and Stuck (J. Am. Stat. Assoc. 71 (1976) 340). Real losses in a few um are somewhat
    wider (Bichsel, Rev. Mod. Phys. 60 (1988) 663). Losses above 15 keV in a step are cut to that.

    Returns
    -------
    ndarray of float64, shape (count,)
        In eV, never negative.
    """
    xi_ev = _XI_EV_PER_UM * step_um
    peak_ev = xi_ev * (np.log(2 * _ELECTRON_EV * xi_ev / _PLASMON_EV**2) + 0.200)
    loss = peak_ev + xi_ev * (draw_landau(count, random) - _LANDAU_MODE)
    return np.asarray(np.clip(loss, 0.0, _MOST_EV))


def draw_landau(count: int, random: np.random.Generator) -> Floats:
    """Draw from Landau's standard density (peak at -0.22278), shape (count,)."""
    angle = random.uniform(-np.pi / 2, np.pi / 2, count)
    waiting = random.standard_exponential(count)
    bent = np.pi / 2 + angle
    # The smallest normal number keeps the logarithm finite at the ends of the interval.
    ratio = np.maximum(waiting * np.cos(angle) / bent, np.finfo(np.float64).tiny)
    return np.asarray(bent * np.tan(angle) - np.log(ratio))


def electron_range_um(energy_kev: float) -> float:
    """Path length of an electron that stops in silicon.

    Kanaya and Okayama (J. Phys. D 5 (1972) 43): 0.0276 A E^1.67 / (Z^0.889 rho) um.
    """
    return float(_RANGE_UM * energy_kev**1.67)


def electron_energy_kev(range_um: Floats) -> Floats:
    """Energy of an electron that has `range_um` of path left (the inverse of the range)."""
    return np.asarray((range_um / _RANGE_UM) ** (1 / 1.67))


def scattering_angle_rad(energy_kev: Floats, step_um: float) -> Floats:
    """Width of an electron's scattering angle, projected, over one step in silicon.

    Highland's formula (PDG, eq. 34.16), cut to 1 rad, where it does not hold any more. It is made
    for thicker layers than a step; its logarithm makes the sum of many steps a little too small.
    """
    electron_kev = _ELECTRON_EV / 1e3
    total_kev = energy_kev + electron_kev
    # p beta c = p^2 c^2 / E
    momentum_beta_kev = energy_kev * (energy_kev + 2 * electron_kev) / total_kev
    thickness = step_um / _RADIATION_LENGTH_UM
    factor = 13_600.0 * np.sqrt(thickness) * (1 + 0.038 * np.log(thickness))
    return np.asarray(np.minimum(factor / np.maximum(momentum_beta_kev, 1e-3), 1.0))


_RANGE_UM = 0.0276 * 28.0855 / (14**0.889 * 2.329)
