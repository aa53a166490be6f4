"""How a frame's cost grows with the particles in it: clusters, crops, features, messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from calibration.cover import CoverRule
from calibration.model import Calibration
from edge.bench.dark import DEEP, DarkFrames, dark_frames
from edge.bench.made import calibration_of, draft_maker, stamp_at
from edge.bench.result import Result, short
from edge.bench.scale import Scale, Size
from edge.bench.timing import Times, race
from edge.detection import Candidate, FrameStamp
from edge.frame import Pixels
from edge.messages import encode
from edge.pixels.candidates import ScanLimits, scan_pixels

NAMES = ("cost_against_hits", "cost_against_hits_written", "cost_against_hits_limited")

_LEARN_FRAMES = 12
_SEED = 2
_RING = 2
_MOST_ROUNDS = 7
_MOST_WRITTEN = 1000
"""Ten thousand messages take seconds, and cost as much each."""

Look = Callable[[Pixels], tuple[Candidate, ...]]


def run(name: str, scale: Scale) -> Iterator[Result]:
    """Frames with ever more particles; the slope of a straight line is the cost of one more.

    With the product's own limits a frame with too many is a flood, or uncovered: its cost is
    bounded.
    """
    size = scale.hits_size
    learn = dark_frames(size, DEEP, particles=0, ring=_LEARN_FRAMES, seed=_SEED)
    calibration = calibration_of(learn.plain, bit_depth=12)
    stamp = stamp_at(0, calibration.mode)
    tried = [n for n in scale.hits if name != NAMES[1] or n <= _MOST_WRITTEN]
    frames = {
        n: dark_frames(size, DEEP, particles=n, ring=_RING, seed=_SEED, spots=True) for n in tried
    }
    lifted = ScanLimits(most_candidates=10 * max(tried) + 50)
    look = _looker(_always_covered(calibration), stamp, lifted)
    found = {n: _candidates(look, dark, n) for n, dark in frames.items()}
    write = draft_maker(stamp)

    def look_and_write(pixels: Pixels) -> list[bytes]:
        return [encode(draft.body) for draft in write(look(pixels))]

    titles: dict[str, tuple[str, Callable[[Pixels], object]]] = {
        NAMES[0]: ("pixel pass, clusters and crops", look),
        NAMES[1]: ("the same and features, class, message", look_and_write),
        NAMES[2]: (
            "pixel pass, clusters and crops within the usual limits",
            _looker(calibration, stamp, ScanLimits()),
        ),
    }
    title, call = titles[name]
    calls = {_name(n): dark.in_turn(call) for n, dark in frames.items()}
    times = race(calls, min(scale.rounds, _MOST_ROUNDS))
    yield _result(size, name, title, times, found)


def _always_covered(calibration: Calibration) -> Calibration:
    """Take a frame full of particles for a covered one, too."""
    everything = calibration.full_scale_adu
    return calibration.with_cover(CoverRule(everything, calibration.cover.black_adu, 1.0))


def _looker(calibration: Calibration, stamp: FrameStamp, limits: ScanLimits) -> Look:
    return lambda pixels: scan_pixels(pixels, stamp, calibration, limits).candidates


def _result(
    size: Size, name: str, title: str, times: Mapping[str, Times], found: Mapping[int, float]
) -> Result:
    medians = [one.median_ms for one in times.values()]
    width, height = size
    figures: dict[str, Any] = {
        "candidates_by_particles": found,
        "ms_by_particles": dict(zip(found, map(short, medians), strict=True)),
    }
    if name == NAMES[2]:
        notes: tuple[str, ...] = (f"no frame takes longer than {max(medians):.2f} ms",)
    else:
        per_hit_ms = float(np.polyfit(list(found.values()), medians, 1)[0])
        figures = {"ms_per_candidate": round(per_hit_ms, 5)} | figures
        notes = (f"{1e3 * per_hit_ms:.0f} µs for each further candidate",)
    return Result(
        name,
        f"{title}, against particles in a frame of {width} × {height}",
        _name(max(found)),
        times,
        figures=figures,
        notes=notes,
        ladder=True,
    )


def _candidates(look: Look, dark: DarkFrames, particles: int) -> float:
    """Candidates in a frame, on average; far from the particles something is wrong."""
    found = float(np.mean([len(look(pixels)) for pixels in dark.frames]))
    if abs(found - particles) > 0.3 * particles + 1:
        raise AssertionError(f"{found} candidates in frames of {particles} particles")
    return found


def _name(particles: int) -> str:
    return f"{particles} particle" + "s" * (particles != 1)
