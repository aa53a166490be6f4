"""A camera sensor, the particles that cross it and its faults: frames with truth."""

from simulator.simulation import SimulatedFrame, Simulation
from simulator.spec import SimulationSpec
from simulator.truth import Truth

__all__ = ["SimulatedFrame", "Simulation", "SimulationSpec", "Truth"]
