"""Energy loss, range and scattering in silicon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Mean energy for an electron-hole pair in silicon at 300 K (PDG, Detectors: 3.65 eV).
PAIR_EV = 3.65
ELECTRON_KEV = 510.999
# (K/2) Z/A rho of silicon for a unit charge at beta = 1: 17.8 eV per um (PDG, eq. 34.12).
XI_EV_PER_UM = 17.8
# A muon's electron above this energy is followed as a particle of its own (range 4.6 um).
DELTA_KEV = 20.0
_PLASMON_EV = 31.05
_RADIATION_LENGTH_UM = 93_700.0
# Place of the peak of Landau's density.
_LANDAU_MODE = -0.22278


def draw_landau_loss_ev(step_um: float, count: int, random: np.random.Generator) -> Floats:
    """Draw the energy a fast muon loses in `count` steps of its path.

    Landau's distribution about the most probable loss at the density-effect plateau,
    xi [ln(2 m c^2 xi / (hbar omega_p)^2) + 0.200] (PDG, Review of Particle Physics, eq. 34.12 and
    34.13). It is a stable law, so the sum over a path is again Landau's. Drawn with Chambers,
    Mallows and Stuck (J. Am. Stat. Assoc. 71 (1976) 340). Real losses in a few um are somewhat
    wider (Bichsel, Rev. Mod. Phys. 60 (1988) 663). Losses above 20 keV in a step are cut to that:
    what is beyond is the delta rays' (`simulator.muon`).

    Returns
    -------
    ndarray of float64, shape (count,)
        In eV, never negative.
    """
    xi_ev = XI_EV_PER_UM * step_um
    peak_ev = xi_ev * (np.log(2e3 * ELECTRON_KEV * xi_ev / _PLASMON_EV**2) + 0.200)
    loss = peak_ev + xi_ev * (draw_landau(count, random) - _LANDAU_MODE)
    return np.asarray(np.clip(loss, 0.0, DELTA_KEV * 1e3))


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

    Kanaya and Okayama (J. Phys. D 5 (1972) 43), 0.0276 A E^1.67 / (Z^0.889 rho) um, up to
    100 keV; from there with the power 1.47 of NIST's ESTAR tables up to 1 MeV.
    """
    power = _SLOW_POWER if energy_kev <= _BREAK_KEV else _FAST_POWER
    return float(_BREAK_UM * (energy_kev / _BREAK_KEV) ** power)


def electron_energy_kev(range_um: Floats) -> Floats:
    """Energy of an electron that has `range_um` of path left (the inverse of the range)."""
    power = np.where(range_um <= _BREAK_UM, _SLOW_POWER, _FAST_POWER)
    return np.asarray(_BREAK_KEV * (range_um / _BREAK_UM) ** (1 / power))


def scattering_angle_rad(energy_kev: Floats, step_um: float, path_um: float) -> Floats:
    """Width of an electron's scattering angle, projected, over one step of its path in silicon.

    Highland's formula (PDG, eq. 34.16), its logarithm that of the whole path, as the steps' angles
    add up in quadrature to that of the path; cut to 1 rad, where it does not hold any more.
    """
    total_kev = energy_kev + ELECTRON_KEV
    # p beta c = p^2 c^2 / E
    momentum_beta_kev = energy_kev * (energy_kev + 2 * ELECTRON_KEV) / total_kev
    logarithm = 1 + 0.038 * np.log(max(path_um, step_um) / _RADIATION_LENGTH_UM)
    factor = 13_600.0 * np.sqrt(step_um / _RADIATION_LENGTH_UM) * logarithm
    return np.asarray(np.minimum(factor / np.maximum(momentum_beta_kev, 1e-3), 1.0))


_BREAK_KEV = 100.0
_SLOW_POWER = 1.67
_FAST_POWER = 1.47
_BREAK_UM = 0.0276 * 28.0855 / (14**0.889 * 2.329) * _BREAK_KEV**_SLOW_POWER
