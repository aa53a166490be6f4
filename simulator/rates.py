"""How many particles come."""

from __future__ import annotations

from simulator.spec import SimulationSpec


def hits_per_min(spec: SimulationSpec) -> float:
    """Particles on all simulated pixels in a minute of exposure, in the mean.

    `flux_per_cm2_min` times the area, or `hits_per_min` where no flux is given. At sea level
    about one muon crosses a level square centimetre in a minute (PDG, Review of Particle
    Physics, Cosmic Rays, sec. 30.3.1).
    """
    if spec.flux_per_cm2_min is None:
        return spec.hits_per_min
    return spec.flux_per_cm2_min * spec.area_cm2


def expected_hits(spec: SimulationSpec) -> float:
    """Particles in one exposure, in the mean: that of a Poisson process in time."""
    return hits_per_min(spec) / 60 * spec.exposure_ns * 1e-9
