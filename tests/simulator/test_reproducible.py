"""The same bytes on every machine: what may not change without a word in the change log.

Where a model of the simulator changes, so do these hashes, and with them every recording that
someone made from a seed. The phone's route is left out: builds of OpenCV may differ in a count.
"""

import dataclasses
import hashlib

import pytest

from simulator import Simulation, SimulationSpec
from simulator.presets import PRESETS

HASHES = {
    "default": "ca2d29a8ce7d2355",
    "pi-v1": "f321c232adbf579c",
    "pi-v2": "2bff6847d4bd31db",
    "pi-hq": "592d48e7faf9ef7b",
    "webcam": "cf3fcb414f4c3aea",
}


def streamed(spec):
    tiny = dataclasses.replace(
        spec, width_px=64, height_px=48, hits_per_min=6000.0, flux_per_cm2_min=None, seed=7
    )
    simulation = Simulation(tiny)
    total = hashlib.sha256()
    for i in range(8):
        total.update(simulation.frame(i, with_truth=False).pixels.tobytes())
    return total.hexdigest()[:16]


SPECS = {"default": SimulationSpec()} | {
    name: spec for name, spec in PRESETS.items() if spec.route == "raw"
}


@pytest.mark.parametrize("name", SPECS)
def test_a_seed_gives_the_bytes_it_gave_on_another_machine(name):
    assert streamed(SPECS[name]) == HASHES[name]


def test_threads_do_not_change_a_frame():
    from concurrent.futures import ThreadPoolExecutor

    alone = [streamed(spec) for spec in SPECS.values()]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(streamed, SPECS.values())) == alone
