"""What a particle leaves in the silicon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator import energy
from simulator.spec import SimulationSpec

Floats = NDArray[np.float64]

# Charge from so many diffusion lengths below the sensitive depth is followed: e^-5 of it arrives.
_REACH_LENGTHS = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Deposit:
    """Charge of one particle: n points with their depth.

    Attributes
    ----------
    kind : str
        "spot", "track" or "worm": the shape a person would see (`simulator.shape`).
    particle : str
        "muon", "electron", "photon" or "alpha".
    x_px, y_px : ndarray of float64, shape (n,)
        Place in the frame; the middle of the first pixel is (0, 0).
    depth : ndarray of float64, shape (n,)
        0 at the collecting side to 1 at the far end of the sensitive silicon; above 1 below it,
        where part of the charge still finds its way.
    charge_e : ndarray of float64, shape (n,)
        Electrons freed at each point.
    spread_um : float
        Width that the cloud has before it diffuses: dense charge drives itself apart.
    """

    kind: str
    particle: str
    x_px: Floats
    y_px: Floats
    depth: Floats
    charge_e: Floats
    spread_um: float = 0.0

    @property
    def energy_kev(self) -> float:
        """Energy it left where charge can be collected."""
        return float(self.charge_e.sum()) * energy.PAIR_EV * 1e-3


def reach_um(spec: SimulationSpec) -> float:
    """Depth down to which charge is followed."""
    return float(spec.sensitive_depth_um + _REACH_LENGTHS * spec.substrate_um)


def from_points_um(
    particle: str,
    points_um: tuple[Floats, Floats, Floats],
    charge_e: Floats,
    spec: SimulationSpec,
    spread_um: float = 0.0,
) -> Deposit | None:
    """Make a deposit of points (x, y, depth in um); None where none lies in the silicon."""
    x_um, y_um, z_um = points_um
    inside = (z_um >= 0) & (z_um <= reach_um(spec))
    if not inside.any():
        return None
    return Deposit(
        "spot",
        particle,
        x_um[inside] / spec.pixel_pitch_um,
        y_um[inside] / spec.pixel_pitch_um,
        z_um[inside] / spec.sensitive_depth_um,
        charge_e[inside],
        spread_um,
    )
