"""The same bytes on every machine: what may not change without a word in the change log.

Where a model of the simulator changes, so do these hashes, and with them every recording that
someone made from a seed: run this file as a program for the new ones. The phone's route is left
out: builds of OpenCV may differ in a count.
"""

import dataclasses
import hashlib

import pytest

from simulator import Simulation, SimulationSpec
from simulator.presets import PRESETS

HASHES = {
    "default": "b0dd7e9ffbaaa65e",
    "pi-v1": "23d1d922357621a0",
    "pi-v2": "9a4aa1d7f7e1843b",
    "pi-hq": "b48b63641830d42d",
    "webcam": "8bf6eb085ca1ca13",
    "particles": "6e9e5d34f22eb1fd",
}


def streamed(spec):
    simulation = Simulation(dataclasses.replace(spec, width_px=64, height_px=48, seed=7))
    total = hashlib.sha256()
    for i in range(8):
        total.update(simulation.frame(i, with_truth=False).pixels.tobytes())
    return total.hexdigest()[:16]


SPECS = {
    name: dataclasses.replace(spec, hits_per_min=0.0)
    for name, spec in {"default": SimulationSpec(), **PRESETS}.items()
    if spec.route == "raw"
} | {"particles": SimulationSpec(hits_per_min=6000.0)}


@pytest.mark.parametrize("name", SPECS)
def test_a_seed_gives_the_bytes_it_gave_on_another_machine(name):
    assert streamed(SPECS[name]) == HASHES[name]


def test_threads_do_not_change_a_frame():
    from concurrent.futures import ThreadPoolExecutor

    alone = [streamed(spec) for spec in SPECS.values()]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(streamed, SPECS.values())) == alone


if __name__ == "__main__":
    for name, spec in SPECS.items():
        print(f'    "{name}": "{streamed(spec)}",')
