"""Alphas of the camera's own glass and metal."""

from __future__ import annotations

import numpy as np

from simulator import energy
from simulator.deposit import Deposit, from_points_um
from simulator.electron import direction_of
from simulator.spec import SimulationSpec

# What an alpha of 4 to 9 MeV has left when it comes out of the cover glass.
_START_MEV = (1.0, 6.0)
# Range of an alpha of 5.5 MeV in silicon, and the power of Bragg and Kleeman's rule.
_RANGE_MEV = 5.5
_RANGE_UM = 28.0
_RANGE_POWER = 1.5
_STEPS = 64
# Width of the cloud that 1 MeV's worth of charge drives apart.
_SPREAD_UM = 2.0


def draw_alpha(spec: SimulationSpec, random: np.random.Generator) -> Deposit | None:
    """Draw an alpha: straight, short, and so dense that its charge drives itself apart.

    Range 28 um (E / 5.5 MeV)^1.5 (ICRU Report 49; Bragg and Kleeman's rule), from which the loss
    along the path follows. The plasma of so dense a charge spreads before the field takes it, and
    gives large round spots that fill many pixels (Estrada et al., Nucl. Instrum. Meth. A 665
    (2011) 90); their width is taken as the cube root of the charge, 2 um at 1 MeV (estimate).
    """
    start_mev = random.uniform(*_START_MEV)
    direction = direction_of(float(np.sqrt(random.random())), random.uniform(0.0, 2 * np.pi))
    range_um = alpha_range_um(start_mev)
    along_um = range_um * np.arange(1, _STEPS + 1) / _STEPS
    left_um = range_um - np.concatenate([[0.0], along_um])
    energy_mev = _RANGE_MEV * (np.maximum(left_um, 0.0) / _RANGE_UM) ** (1 / _RANGE_POWER)
    charge_e = -np.diff(energy_mev) * 1e6 / energy.PAIR_EV
    x_um, y_um, z_um = direction[:, None] * along_um
    return from_points_um(
        "alpha", (x_um, y_um, z_um), charge_e, spec, _SPREAD_UM * float(np.cbrt(start_mev))
    )


def alpha_range_um(energy_mev: float) -> float:
    """Range in silicon, within 10 % of ICRU's tables from 2 to 7 MeV."""
    return float(_RANGE_UM * (energy_mev / _RANGE_MEV) ** _RANGE_POWER)
