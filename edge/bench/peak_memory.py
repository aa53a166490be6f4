"""How much memory a process takes that scans and tracks frames of a size."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from calibration.store import save
from edge.bench.dark import DEEP, FrameMaker
from edge.bench.made import calibration_of
from edge.bench.processes import python
from edge.bench.result import Figures
from edge.bench.scale import Scale, Size
from edge.errors import Failed

NAME = "peak_memory"
_LEARN_FRAMES = 12


def run(scale: Scale, folder: Path) -> Iterator[Figures]:
    """Replay frames of each size in a process of its own, its calibration given."""
    found = {size: _measure(size, scale.peak_frames, folder) for size in scale.sizes}
    pixels = [width * height for width, height in scale.sizes]
    anon = [one["peak_rss_anon_mb"] for one in found.values()]
    slope, base = np.polyfit(pixels, anon, 1)
    yield Figures(
        NAME,
        f"peak memory of a replay of {scale.peak_frames} uint16 frames, by frame size",
        figures={
            "frames": scale.peak_frames,
            "rss_anon_mb_by_pixels": dict(zip(pixels, (round(mb, 1) for mb in anon), strict=True)),
            "rss_mb_by_pixels": {
                width * height: round(one["peak_rss_mb"], 1)
                for (width, height), one in found.items()
            },
            "bytes_per_pixel": round(float(slope) * 1e6, 1),
            "base_mb": round(float(base), 1),
        },
        columns=("", "RssAnon MB", "with mapped files MB"),
        rows=tuple(
            (f"{width} × {height}", f"{one['peak_rss_anon_mb']:.0f}", f"{one['peak_rss_mb']:.0f}")
            for (width, height), one in found.items()
        ),
        notes=(f"{base:.0f} MB and {slope * 1e6:.0f} bytes a pixel",),
    )


def _measure(size: Size, frames: int, folder: Path) -> dict[str, Any]:
    maker = FrameMaker(size, DEEP, hot_pixels=0, unlike=frames)
    field, calibration = folder / "field.npy", folder / "field.npz"
    height = size[1]
    np.save(field, maker.field)
    learn = [maker.field[row : row + height] for row in range(_LEARN_FRAMES)]
    save(calibration_of(learn, DEEP.bit_depth), calibration)
    width_height = (str(size[0]), str(size[1]))
    arguments = (str(field), *width_height, str(DEEP.bit_depth), str(calibration), str(frames))
    with python("edge.bench.child", "memory", *arguments) as process:
        out, error = process.communicate()
    field.unlink()
    calibration.unlink()
    return answer(process, out, error)


def answer(process: subprocess.Popen[str], out: str, error: str) -> dict[str, Any]:
    """JSON object that a child printed; raises Failed where it printed none."""
    lines = out.strip().splitlines()
    if not lines:
        last = (error.strip().splitlines() or [f"ended with {process.returncode}"])[-1]
        raise Failed(f"bench: a part that runs by itself failed: {last}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found
