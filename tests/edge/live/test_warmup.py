"""The warm-up goes the whole way, or the first hit of a run would wait for a compiler."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from calibration.jit import kernel_counts, numba_available
from edge.frame import SensorMode
from edge.live.warmup import ALL_KINDS, Kind, _frames, kinds_of, warm_up, warmed
from edge.pixels.candidates import plain_pixels

ROOT = Path(__file__).parents[3]
needs_numba = pytest.mark.skipif(not numba_available(), reason="no numba")


class Source:
    def __init__(self, **mode) -> None:
        self.mode = SensorMode("", 64, 48, **mode) if mode else None


def test_each_kind_of_frame_gives_its_one_candidate() -> None:
    assert warm_up() == len(ALL_KINDS)


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.name)
def test_tiny_frames_lie_in_memory_as_their_kind_says(kind: Kind) -> None:
    frame = _frames(kind)[0]
    assert frame.pixels.flags.writeable != kind.lent
    assert frame.pixels.flags.c_contiguous != kind.padded
    assert frame.pixels.dtype == (np.uint16 if kind.bits_in_words else np.uint8)
    pixels = plain_pixels(frame)
    assert pixels.shape == (frame.mode.height_px, frame.mode.width_px)
    assert 0 < pixels.max() <= frame.mode.full_scale_adu


def test_a_known_mode_spares_the_kinds_it_can_t_give() -> None:
    assert kinds_of(Source()) == ALL_KINDS
    assert {(k.bit_depth, k.packing) for k in kinds_of(Source(bit_depth=8))} == {(8, "none")}
    assert {(k.bit_depth, k.packing) for k in kinds_of(Source(bit_depth=12))} == {(16, "none")}
    packed = kinds_of(Source(bit_depth=10, packing="mipi10"))
    assert {(k.bit_depth, k.packing) for k in packed} == {(10, "mipi10")}


@needs_numba
def test_no_kernel_is_forgotten() -> None:
    """Every function that the rooms hand to `compiled` was called."""
    warm_up()
    handed = set()
    paths = {*ROOT.glob("edge/**/*.py"), *ROOT.glob("calibration/**/*.py")}
    for path in paths - {ROOT / "calibration/linked.py"}:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name("compiled" | "linked"), args=[ast.Name(name)]):
                    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                    handed.add(f"{module}.{name}")
    counts = kernel_counts()
    assert handed
    made = {name for name, count in counts.items() if count.compiled + count.loaded}
    # What is linked of parts is named for them too.
    assert handed <= made | {re.sub("_[0-9a-f]{8}$", "", name) for name in made}


LATER = """
import sys
from pathlib import Path
from calibration.jit import kernel_counts
from edge.cli.main import main
from edge.frame import SensorMode
from edge.live.warmup import kinds_of, warm_up

class Source:
    mode = SensorMode("", 64, 48, bit_depth=int(sys.argv[2]), packing=sys.argv[3])

def total():
    return {name: count.compiled + count.loaded for name, count in kernel_counts().items()}

warm_up(kinds_of(Source()))
before = total()
url = f"sim:?width=160&height=120&hits_per_min=1000&bit_depth={sys.argv[2]}&packing={sys.argv[3]}"
url += f"&row_align_bytes={sys.argv[4]}&frames=150&paced=0&seed=1"
state = Path(sys.argv[1])
(state / "rig.toml").write_text("[calibration]\\nframes = 50\\n")
code = main(["run", "--config", str(state / "rig.toml"), "--source", url,
             "--broker", "mqtt://127.0.0.1:1", "--state-dir", str(state), "--json"])
after = total()
assert after == before, (before, after)
print("hits", code)
"""


@needs_numba
@pytest.mark.parametrize(
    ("depth", "packing", "align"),
    [(8, "none", 1), (12, "none", 1), (10, "mipi10", 32)],
)
def test_a_run_compiles_nothing_that_was_not_warmed(tmp_path, depth, packing, align) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LATER, str(tmp_path), str(depth), packing, str(align)],
        cwd=ROOT, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert '"processed": ' in result.stdout


@needs_numba
def test_what_was_warmed_says_where_it_lies() -> None:
    result = warmed()
    assert result["kernels"] >= 5
    assert result["compiled"] + result["loaded"] >= result["kernels"]
    assert result["problem"] or Path(result["folder"]).is_dir()
