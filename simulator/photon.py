"""X-rays that the silicon absorbs."""

from __future__ import annotations

import numpy as np

from simulator import energy
from simulator.deposit import Deposit, from_points_um, reach_um
from simulator.electron import direction_of, follow
from simulator.spec import SimulationSpec

# Characteristic lines in keV of a camera's surroundings: Mn and Fe (steel), Cu (traces, wires),
# Pb (solder, and the lead of the uranium series); their share of all photons is an estimate.
_LINES_KEV = (5.9, 6.4, 8.05, 10.55, 12.61)
_LINE_SHARE = 0.25
# The continuum: bremsstrahlung and often scattered gammas, falling as 1/E.
_CONTINUUM_KEV = (2.0, 30.0)
# Below this the photoelectron's range (0.7 um) is that of the charge cloud itself.
_FOLLOWED_KEV = 7.0
# What the photoelectron doesn't get: the binding energy of silicon's K shell.
_K_SHELL_KEV = 1.84
# Fano's factor of silicon (PDG, Detectors).
_FANO = 0.115


def draw_photon(spec: SimulationSpec, random: np.random.Generator) -> Deposit | None:
    """Draw an X-ray that is absorbed: lines and a continuum, by the photoelectric effect.

    Absorbed with the attenuation length of its energy (`attenuation_um`), so that soft ones
    stay near the face and hard ones are rare. Where the charge frees too deep, only a part of it
    arrives, so that the signal of a line has a tail down to nothing.
    """
    photon_kev, z_um = _draw_absorbed(spec, random)
    if photon_kev < _FOLLOWED_KEV:
        pairs = photon_kev * 1e3 / energy.PAIR_EV
        spread = np.sqrt(_FANO * pairs) * random.standard_normal()
        point = (np.zeros(1), np.zeros(1), np.array([z_um]))
        return from_points_um("photon", point, np.array([pairs + spread]), spec)
    direction = direction_of(random.uniform(-1.0, 1.0), random.uniform(0.0, 2 * np.pi))
    start = (0.0, 0.0, z_um)
    points, charge_e = follow(photon_kev - _K_SHELL_KEV, start, direction, spec, random)
    # The shell is filled again at once, and what that frees stays where it was.
    charge_e[0] += _K_SHELL_KEV * 1e3 / energy.PAIR_EV
    return from_points_um("photon", points, charge_e, spec)


def attenuation_um(photon_kev: float) -> float:
    """Length in which silicon absorbs 1 - 1/e of the photons, above its K edge of 1.84 keV.

    A power law through NIST's tables (XCOM, photoelectric effect in silicon; 1.5 um at 2 keV,
    127 um at 10 keV, 960 um at 20 keV), within 15 % of them from 2 to 30 keV.
    """
    return float(127.0 * (photon_kev / 10.0) ** 2.85)


def _draw_absorbed(spec: SimulationSpec, random: np.random.Generator) -> tuple[float, float]:
    """Draw energy and depth of a photon that is absorbed within reach."""
    within_um = reach_um(spec)
    while True:
        if random.random() < _LINE_SHARE:
            photon_kev = float(random.choice(_LINES_KEV))
        else:
            photon_kev = float(np.exp(random.uniform(*np.log(_CONTINUUM_KEV))))
        length_um = attenuation_um(photon_kev)
        if random.random() < -np.expm1(-within_um / length_um):
            break
    share = random.random() * -np.expm1(-within_um / length_um)
    return photon_kev, float(-length_um * np.log1p(-share))
