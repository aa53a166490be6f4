"""Electrons: where they come from, and how they wind through the silicon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator import energy
from simulator.deposit import Deposit, from_points_um, reach_um
from simulator.spec import SimulationSpec

Floats = NDArray[np.float64]

# Steps of the path, in um: well below the width of a charge cloud; and at most so many, after
# which an electron is far away.
_STEP_PX = 0.25
_LEAST_STEPS = 8
_MOST_STEPS = 640
# Silicon oxide, filter and lens above the silicon: an electron that goes further up is gone.
_STACK_UM = 5.0
# A share of the steps has a hard collision, whose angle falls as 1/angle^3 above 3 sigma.
_HARD_SHARE = 0.02
_HARD_SIGMA = 3.0
# Natural gamma lines in keV (Pb-214, Tl-208, Bi-214, Ac-228, K-40) and how often they come
# (UNSCEAR 2000, annex B: the uranium and thorium series and potassium weigh about alike outdoors).
_GAMMA_KEV = np.array([351.9, 583.2, 609.3, 911.2, 1120.3, 1460.8, 1764.5, 2614.5])
_GAMMA_WEIGHT = np.array([0.12, 0.12, 0.15, 0.12, 0.06, 0.28, 0.06, 0.09])
# Share of gammas that scattered on their way and lie in the continuum.
_SCATTERED_SHARE = 0.6
_SCATTERED_KEV = (60.0, 500.0)
# Betas of what is in glass, package and air: end points in keV (Pb-214, Bi-210, K-40).
_BETA_KEV = np.array([671.0, 1162.0, 1311.0])
# Share of the electrons that betas are.
_BETA_SHARE = 0.4
_LEAST_KEV = 5.0
_MOST_KEV = 1_300.0


def draw_electron(spec: SimulationSpec, random: np.random.Generator) -> Deposit | None:
    """Draw an electron of natural radioactivity: from Compton scattering or a beta.

    Compton electrons start anywhere in the silicon in any direction; betas come in through
    either face, as many from any direction.
    """
    if random.random() < _BETA_SHARE:
        start_kev = draw_beta_kev(random)
        z_um = 0.0 if random.random() < 0.5 else reach_um(spec)
        cosine = np.sqrt(random.random()) * (1 if z_um == 0 else -1)
    else:
        start_kev = draw_compton_kev(random)
        z_um = random.uniform(0.0, reach_um(spec))
        cosine = random.uniform(-1.0, 1.0)
    direction = direction_of(float(cosine), random.uniform(0.0, 2 * np.pi))
    points, charge_e = follow(start_kev, (0.0, 0.0, float(z_um)), direction, spec, random)
    return from_points_um("electron", points, charge_e, spec)


def draw_beta_kev(random: np.random.Generator) -> float:
    """Draw the energy of a beta: the allowed shape p E (Q - T)^2, without Fermi's function.

    Krane, Introductory Nuclear Physics (1988), eq. 9.25.
    """
    end_kev = float(random.choice(_BETA_KEV))
    kinetic = np.linspace(_LEAST_KEV, min(end_kev, _MOST_KEV), 200)
    whole = kinetic + energy.ELECTRON_KEV
    weight = np.sqrt(whole**2 - energy.ELECTRON_KEV**2) * whole * (end_kev - kinetic) ** 2
    return float(random.choice(kinetic, p=weight / weight.sum()))


def draw_compton_kev(random: np.random.Generator) -> float:
    """Draw the energy that a natural gamma gives an electron (Klein and Nishina, PDG sec. 34.4.4).

    Drawn from the differential cross section in the electron's energy.
    """
    if random.random() < _SCATTERED_SHARE:
        gamma_kev = float(np.exp(random.uniform(*np.log(_SCATTERED_KEV))))
    else:
        gamma_kev = float(random.choice(_GAMMA_KEV, p=_GAMMA_WEIGHT))
    ratio = gamma_kev / energy.ELECTRON_KEV
    most_kev = gamma_kev * 2 * ratio / (1 + 2 * ratio)
    kinetic = np.linspace(min(_LEAST_KEV, 0.5 * most_kev), most_kev, 200)
    share = kinetic / gamma_kev
    bent = share / (ratio * (1 - share))
    weight = 2 + bent**2 / (1 - share) ** 0 + share * 0
    weight = (
        2 + share**2 / (ratio**2 * (1 - share) ** 2) + share / (1 - share) * (share - 2 / ratio)
    )
    return float(min(random.choice(kinetic, p=weight / weight.sum()), _MOST_KEV))
