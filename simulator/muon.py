"""Muons: straight tracks with the fluctuations of their loss, and the electrons they knock out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator import energy
from simulator.deposit import Deposit, from_points_um, reach_um
from simulator.electron import MOST_KEV, direction_of, follow
from simulator.spec import SimulationSpec

Floats = NDArray[np.float64]

# A path is cut into steps of this length across the pixels, well below a charge cloud's width.
_STEP_PX = 0.25
_LEAST_STEPS = 16
# Never quite level: a path has an end.
_LEAST_COSINE = 0.02


def draw_muon(
    spec: SimulationSpec,
    random: np.random.Generator,
    tan_low: float = 0.0,
    tan_high: float = np.inf,
) -> Deposit | None:
    """Draw a muon that crosses a level sensor on a straight line.

    Intensity falls with the zenith angle as cos^2 (PDG, Review of Particle Physics, Cosmic
    Rays), so the flux through a level surface as cos^3 sin: cos^4 is even in (0, 1). Only
    angles with a tangent between `tan_low` and `tan_high` are drawn, from that law.
    """
    cos4_high = (1 + tan_low**2) ** -2.0
    cos4_low = 0.0 if np.isinf(tan_high) else (1 + tan_high**2) ** -2.0
    cosine = max(random.uniform(cos4_low, cos4_high) ** 0.25, _LEAST_COSINE)
    direction = direction_of(float(cosine), random.uniform(0.0, 2 * np.pi))
    length_um = reach_um(spec) / cosine
    across_px = length_um * np.hypot(*direction[:2]) / spec.pixel_pitch_um
    count = max(int(np.ceil(across_px / _STEP_PX)), _LEAST_STEPS)
    along_um = (np.arange(count) + 0.5) / count * length_um
    loss_ev = energy.draw_landau_loss_ev(length_um / count, count, random)
    path = (direction[:, None] * along_um, loss_ev / energy.PAIR_EV)
    parts = [path, *_draw_deltas(length_um, direction, spec, random)]
    x_um, y_um, z_um = np.concatenate([points for points, _ in parts], axis=1)
    charge_e = np.concatenate([charge for _, charge in parts])
    return from_points_um("muon", (x_um, y_um, z_um), charge_e, spec)


def _draw_deltas(
    length_um: float, direction: Floats, spec: SimulationSpec, random: np.random.Generator
) -> list[tuple[Floats, Floats]]:
    """Draw the delta rays above 20 keV: xi / T^2 a um (PDG, eq. 34.8 at beta = 1)."""
    low, high = energy.DELTA_KEV, MOST_KEV
    per_um = energy.XI_EV_PER_UM * 1e-3 * (1 / low - 1 / high)
    found = []
    for _ in range(int(random.poisson(per_um * length_um))):
        delta_kev = 1 / random.uniform(1 / high, 1 / low)
        start = direction * random.uniform(0.0, length_um)
        heading = _heading(delta_kev, direction, random)
        place = (float(start[0]), float(start[1]), float(start[2]))
        points, charge_e = follow(delta_kev, place, heading, spec, random)
        found.append((np.stack(points), charge_e))
    return found


def _heading(delta_kev: float, direction: Floats, random: np.random.Generator) -> Floats:
    """Where a delta ray starts: cos = sqrt(T / (T + 2 m)) to the muon (PDG, sec. 34.2.6)."""
    cosine = np.sqrt(delta_kev / (delta_kev + 2 * energy.ELECTRON_KEV))
    aside = np.cross(direction, random.standard_normal(3))
    aside /= max(float(np.linalg.norm(aside)), 1e-12)
    return np.asarray(cosine * direction + np.sqrt(1 - cosine**2) * aside)
