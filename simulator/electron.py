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
# Share of gammas that scattered on their way and lie in the continuum (estimate).
_SCATTERED_SHARE = 0.85
_SCATTERED_KEV = (40.0, 400.0)
# Betas of what is in glass, package and air: end points in keV (Pb-214, Bi-210, K-40).
_BETA_KEV = np.array([671.0, 1162.0, 1311.0])
# Share of the electrons that betas are (estimate).
_BETA_SHARE = 0.2
# Electrons are followed between these.
_LEAST_KEV = 5.0
MOST_KEV = 1_300.0


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
    kinetic = np.linspace(_LEAST_KEV, min(end_kev, MOST_KEV), 200)
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
    lost = share / (1 - share)
    weight = 2 + (lost / ratio) ** 2 + lost * (share - 2 / ratio)
    return float(min(random.choice(kinetic, p=weight / weight.sum()), MOST_KEV))


def direction_of(cosine: float, azimuth: float) -> Floats:
    """Unit vector with this cosine to the depth and this azimuth, shape (3,)."""
    across = np.sqrt(max(1 - cosine * cosine, 0.0))
    return np.array([across * np.cos(azimuth), across * np.sin(azimuth), cosine])


def follow(
    start_kev: float,
    start_um: tuple[float, float, float],
    direction: Floats,
    spec: SimulationSpec,
    random: np.random.Generator,
) -> tuple[tuple[Floats, Floats, Floats], Floats]:
    """Follow an electron until it stops, is gone above the silicon, or is far away.

    Its direction does a random walk with Highland's width at the energy that is left
    (`energy.scattering_angle_rad`), with Rutherford's tail of hard collisions (PDG, sec. 34.3:
    the Gaussian holds the inner 98 %). Its mean loss follows from the range; the steps share it
    with Landau's fluctuations.

    Returns
    -------
    points_um : tuple of three ndarray of float64, shape (n,)
        x, y and depth of each step's end.
    charge_e : ndarray of float64, shape (n,)
        Electrons freed in each step.
    """
    range_um = energy.electron_range_um(start_kev)
    step_um = min(_STEP_PX * spec.pixel_pitch_um, range_um / _LEAST_STEPS)
    count = min(int(np.ceil(range_um / step_um)), _MOST_STEPS)
    left_um = np.maximum(range_um - step_um * np.arange(count + 1), 0.0)
    energy_kev = energy.electron_energy_kev(left_um)
    bend = energy.scattering_angle_rad(energy_kev[:-1], step_um, range_um)
    heading = _wander(_draw_polar(bend, random), random.uniform(0, 2 * np.pi, count), direction)
    x_um, y_um, z_um = np.array(start_um)[:, None] + step_um * np.cumsum(heading, axis=0).T
    gone = np.flatnonzero(z_um < -_STACK_UM)
    end = int(gone[0]) + 1 if len(gone) else count
    charge_e = -np.diff(energy_kev) * _draw_uneven(step_um, count, random) * 1e3 / energy.PAIR_EV
    return (x_um[:end], y_um[:end], z_um[:end]), charge_e[:end]


def _draw_polar(bend: Floats, random: np.random.Generator) -> Floats:
    """Draw each step's angle to the one before: mostly Gaussian in both planes."""
    angle = bend * np.sqrt(2 * random.standard_exponential(len(bend)))
    hard = random.random(len(bend)) < _HARD_SHARE
    tail = _HARD_SIGMA / np.sqrt(1 - random.random(int(hard.sum())))
    angle[hard] = bend[hard] * tail
    return np.asarray(np.minimum(angle, np.pi))


def _draw_uneven(step_um: float, count: int, random: np.random.Generator) -> Floats:
    """Draw how unevenly the steps take the loss: 1 in the mean, none above six medians."""
    loss = energy.draw_landau_loss_ev(step_um, count, random)
    loss = np.minimum(loss, 6 * max(float(np.median(loss)), 1.0))
    mean = float(loss.mean())
    return loss / mean if mean > 0 else np.ones(count)


def _wander(polar: Floats, azimuth: Floats, direction: Floats) -> Floats:
    """Headings after each turn, shape (n, 3).

    A turn is a rotation in the frame that moves along, so headings are the products of all turns
    so far; these are gathered by doubling, in log2(n) passes.
    """
    turns = _rotations(polar, azimuth)
    reach = 1
    while reach < len(turns):
        turns[reach:] = turns[:-reach] @ turns[reach:]
        reach *= 2
    first = _rotations(
        np.arccos(np.clip(direction[2:], -1.0, 1.0)),
        np.array([np.arctan2(direction[1], direction[0])]),
    )
    return np.asarray((first @ turns)[:, :, 2])


def _rotations(polar: Floats, azimuth: Floats) -> Floats:
    """Turn by `polar` towards `azimuth`, shape (n, 3, 3); the last column is where z goes."""
    c, s = np.cos(polar), np.sin(polar)
    cz, sz = np.cos(azimuth), np.sin(azimuth)
    rows = [[cz * c, -sz, cz * s], [sz * c, cz, sz * s], [-s, np.zeros_like(s), c]]
    return np.asarray(np.moveaxis(np.array(rows), -1, 0))
