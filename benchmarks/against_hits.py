"""How a frame's cost grows with the particles in it: clusters, crops, features, messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from benchmarks.dark import DEEP, DarkFrames, dark_frames
from benchmarks.made import calibration_of, draft_maker, stamp_at
from benchmarks.result import Result
from benchmarks.scale import Scale
from benchmarks.timing import Times, race
from edge.detection import Candidate
from edge.frame import Pixels
from edge.messages import encode
from edge.pixels.candidates import ScanLimits, scan_pixels

_LEARN_FRAMES = 12
_SEED = 2

Look = Callable[[Pixels], tuple[Candidate, ...]]


def run(scale: Scale) -> Iterator[Result]:
    """Frames with ever more particles; the slope of a straight line is the cost of one more."""
    size = scale.hits_size
    learn = dark_frames(size, DEEP, particles=0, ring=_LEARN_FRAMES, seed=_SEED)
    calibration = calibration_of(learn.frames, bit_depth=12)
    stamp = stamp_at(0, calibration.mode)
    limits = ScanLimits(most_candidates=10 * max(scale.hits) + 50)
    write = draft_maker(stamp)
    frames = {n: dark_frames(size, DEEP, particles=n, seed=_SEED) for n in scale.hits}

    def look(pixels: Pixels) -> tuple[Candidate, ...]:
        return scan_pixels(pixels, stamp, calibration, limits).candidates

    def look_and_write(pixels: Pixels) -> list[bytes]:
        return [encode(draft.body) for draft in write(look(pixels))]

    found = {n: _candidates(look, dark, n) for n, dark in frames.items()}
    for name, title, call in (
        ("cost_against_hits", "pixel pass, clusters and crops", look),
        ("cost_against_hits_written", "the same and features, class, message", look_and_write),
    ):
        times = race({_name(n): dark.in_turn(call) for n, dark in frames.items()}, scale.rounds)
        yield _result(scale, name, title, times, found)


def _result(
    scale: Scale, name: str, title: str, times: Mapping[str, Times], found: Mapping[int, float]
) -> Result:
    medians = [one.median_ms for one in times.values()]
    per_hit_ms = float(np.polyfit(list(found.values()), medians, 1)[0])
    width, height = scale.hits_size
    return Result(
        name,
        f"{title}, against particles in a frame of {width} × {height}",
        _name(scale.hits[-1]),
        times,
        figures={
            "ms_per_candidate": round(per_hit_ms, 5),
            "candidates_by_particles": found,
            "ms_by_particles": dict(zip(scale.hits, medians, strict=True)),
        },
        notes=(f"{1e3 * per_hit_ms:.0f} µs for each further candidate",),
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
