"""A replay of packed frames writes what one of plain frames does, with numba and without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.hitfile import exposure_path
from edge.sources import open_recording
from edge.sources.simulated import write_simulation
from simulator import SimulationSpec
from tests.edge.stacks import Replayed, check_sums, read, replay

# What they share takes long to make: on one worker it is made once.
pytestmark = pytest.mark.xdist_group("replay_packed")

REPOSITORY = Path(__file__).resolve().parents[2]
FRAMES = 150
"""Two blocks and more: what is learned in one is used in the next."""

# Fewer than 64 rows: some stripes have none.
SPECS = {
    f"{packing}-{bits}": SimulationSpec(
        width_px=101,
        height_px=58,
        seed=7,
        hits_per_min=3000,
        bit_depth=bits,
        packing=packing,  # type: ignore[arg-type]
        row_align_bytes=1 if packing == "none" else 32,
        drop_rate=0.02,
        bad_rate=0.02,
    )
    for packing, bits in [("mipi10", 10), ("none", 10), ("mipi12", 12), ("none", 12)]
}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packed")
    made = {name: folder / name for name in SPECS}
    for name, spec in SPECS.items():
        write_simulation(spec, made[name], FRAMES)
    return made


@pytest.fixture(scope="module")
def replayed(
    recordings: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Replayed]:
    out = tmp_path_factory.mktemp("replayed")
    return {name: replay(open_recording(path), out / name) for name, path in recordings.items()}


WITHOUT = """
import sys
from pathlib import Path
from calibration.jit import numba_available
from edge.sources import open_recording
from tests.edge.stacks import replay

assert not numba_available()
for name in sys.argv[3:]:
    replay(open_recording(Path(sys.argv[1]) / name), Path(sys.argv[2]) / name)
assert "numba" not in sys.modules
"""


def test_without_numba_every_byte_is_the_same(
    recordings: dict[str, Path], replayed: dict[str, Replayed], tmp_path: Path
) -> None:
    folder = recordings["mipi10-10"].parent
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(folder), str(tmp_path), *recordings],
        cwd=REPOSITORY,
        env={**os.environ, "COSMIC_EDGE_NUMBA": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    for name, expected in replayed.items():
        assert exposure_path(tmp_path / name).exists()
        assert read(tmp_path / name)[2] == expected.content, name


@pytest.mark.parametrize("name", SPECS)
def test_with_two_workers_every_byte_is_the_same(
    recordings: dict[str, Path], replayed: dict[str, Replayed], tmp_path: Path, name: str
) -> None:
    again = replay(open_recording(recordings[name]), tmp_path / "again", workers=2)
    assert again.content == replayed[name].content


@pytest.mark.parametrize("bits", [10, 12])
def test_packed_frames_hold_the_hits_of_the_plain_ones(
    replayed: dict[str, Replayed], bits: int
) -> None:
    packed, plain = replayed[f"mipi{bits}-{bits}"], replayed[f"none-{bits}"]
    for one in (packed, plain):
        check_sums(one)
        assert one.summary["hits"] > 50
    assert [without_key(hit) for hit in packed.hits] == [without_key(hit) for hit in plain.hits]
    for key in ("candidates", "rejected", "processed", "uncovered", "bad", "missing"):
        assert packed.summary[key] == plain.summary[key]


def without_key(hit: dict[str, Any]) -> dict[str, Any]:
    """What does not follow from how the frames were stored."""
    return {key: hit[key] for key in hit.keys() - {"epoch", "id", "provenance"}}
