"""Shapes of single particles, from the simulator's models, for any camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.particles import draw_particle
from simulator.render import render_whole
from simulator.spec import RANGES, SimulationSpec

DEFAULT_PITCH_UM = 1.4
"""Of a Pi camera 1.3, where the camera does not tell its own."""

_TRIES = 32
_FULL_CHARGE_E = 1e6
_LEAST_SHARE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class ParticleShape:
    """How the charge of one particle lies in the pixels, without noise.

    Attributes
    ----------
    kind : str
        "spot", "track" or "worm".
    particle : str
        "muon", "electron" or "photon".
    charge : ndarray of float64, shape (height, width)
        In units of the brightest pixel's, which is 1.
    y_px, x_px : int
        The brightest pixel in it (the first in raster order).
    """

    kind: str
    particle: str
    charge: NDArray[np.float64]
    y_px: int
    x_px: int


def draw_deposit(random: np.random.Generator, pixel_pitch_um: float | None = None) -> ParticleShape:
    """Draw a particle: its class by the simulator's shares, its shape for pixels of this pitch.

    Its charge is scaled by whoever uses it; `None` stands for a pitch of 1.4 um.
    """
    low, high = RANGES["pixel_pitch_um"]
    pitch = min(max(pixel_pitch_um or DEFAULT_PITCH_UM, low), high)
    spec = SimulationSpec(pixel_pitch_um=pitch)
    for _ in range(_TRIES):
        shape = _draw(spec, random)
        if shape is not None:  # one that leaves no charge at all is drawn again
            return shape
    return ParticleShape("spot", "photon", np.ones((1, 1)), 0, 0)


def _draw(spec: SimulationSpec, random: np.random.Generator) -> ParticleShape | None:
    deposit = draw_particle(spec, random)
    total_e = float(deposit.charge_e.sum())
    if total_e <= 0:
        return None
    # So much charge that whole electrons don't round the shape of a weak particle.
    strong = replace(deposit, charge_e=deposit.charge_e * (_FULL_CHARGE_E / total_e))
    patch = render_whole(strong, spec)
    if patch is None:
        return None
    charge = patch.electrons / patch.electrons.max()
    rows = np.flatnonzero((charge >= _LEAST_SHARE).any(axis=1))
    cols = np.flatnonzero((charge >= _LEAST_SHARE).any(axis=0))
    kept = charge[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    y_px, x_px = divmod(int(kept.argmax()), kept.shape[1])
    return ParticleShape(deposit.kind, deposit.particle, kept, y_px, x_px)
