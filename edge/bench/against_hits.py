"""How a frame's cost grows with the particles in it: clusters, crops, features, messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from calibration.cover import CoverRule
from calibration.model import Calibration
from edge.bench.dark import DEEP, DarkFrames, dark_frames
from edge.bench.made import calibration_of, draft_maker, stamp_at
from edge.bench.ours import our_look
from edge.bench.result import Result, short
from edge.bench.scale import Scale, Size
from edge.bench.timing import Times, race
from edge.detection import Candidate
from edge.frame import Pixels
from edge.messages import encode
from edge.pixels.candidates import ScanLimits

NAMES = ("cost_against_hits", "cost_against_hits_written", "cost_against_hits_limited")

_LEARN_FRAMES = 12
_SEED = 2
_RING = 2
_WARM = 3
_MOST_ROUNDS = 7
_ENOUGH_S = 0.5
"""Frames with more particles are left out once one takes longer."""

_FEW = 100
"""Up to so many candidates each costs the same."""

Look = Callable[[Pixels], tuple[Candidate, ...]]


def run(name: str, scale: Scale) -> Iterator[Result]:
    """Frames with ever more particles; the slope of a straight line is the cost of one more.

    With the product's own limits a frame with too many is a flood, or uncovered: its cost is
    bounded.
    """
    learn = dark_frames(scale.hits_size, DEEP, particles=0, ring=_LEARN_FRAMES, seed=_SEED)
    calibration = calibration_of(learn.plain, bit_depth=12)
    lifted = ScanLimits(most_candidates=10 * max(scale.hits) + 50)
    look = _looker(_always_covered(calibration), lifted)
    usual = _looker(calibration, ScanLimits())
    write = draft_maker(stamp_at(0, calibration.mode))

    def look_and_write(pixels: Pixels) -> list[bytes]:
        return [encode(draft.body) for draft in write(look(pixels))]

    title, call = {
        NAMES[0]: ("pixel pass, clusters and crops", look),
        NAMES[1]: ("the same and features, class, message", look_and_write),
        NAMES[2]: ("pixel pass, clusters and crops within the usual limits", usual),
    }[name]
    call(_dark(scale.hits_size, _WARM).plain[0])  # compiles what a particle takes
    frames: dict[int, DarkFrames] = {}
    for particles in scale.hits:
        dark = _dark(scale.hits_size, particles)
        begun = time.perf_counter()
        found = call(dark.plain[0])
        frames[particles] = dark
        if call is not usual:
            _check(len(found), particles)
        if time.perf_counter() - begun > _ENOUGH_S:
            break
    calls = {_name(n): dark.in_turn(call) for n, dark in frames.items()}
    times = race(calls, min(scale.rounds, _MOST_ROUNDS))
    seen = {n: float(np.mean([len(call(one)) for one in dark.plain])) for n, dark in frames.items()}
    yield _result(scale, name, title, times, seen)


def _dark(size: Size, particles: int) -> DarkFrames:
    return dark_frames(size, DEEP, particles=particles, ring=_RING, seed=_SEED, spots=True)


def _check(found: int, particles: int) -> None:
    """Far from the particles something is wrong."""
    if abs(found - particles) > 0.3 * particles + 1:
        raise AssertionError(f"{found} candidates in a frame of {particles} particles")


def _always_covered(calibration: Calibration) -> Calibration:
    """Take a frame full of particles for a covered one, too."""
    everything = calibration.full_scale_adu
    return calibration.with_cover(CoverRule(everything, calibration.cover.black_adu, 1.0))


def _looker(calibration: Calibration, limits: ScanLimits) -> Look:
    look = our_look(calibration, limits)
    return lambda pixels: look(pixels).candidates


def _result(
    scale: Scale, name: str, title: str, times: Mapping[str, Times], found: Mapping[int, float]
) -> Result:
    medians = [one.median_ms for one in times.values()]
    width, height = scale.hits_size
    figures: dict[str, Any] = {
        "candidates_by_particles": found,
        "ms_by_particles": dict(zip(found, map(short, medians), strict=True)),
    }
    notes: list[str] = []
    if name == NAMES[2]:
        notes.append(f"no frame takes longer than {max(medians):.2f} ms")
    else:
        few = [count for count in found.values() if count <= _FEW]
        per_hit_ms = float(np.polyfit(few, medians[: len(few)], 1)[0])
        figures = {"ms_per_candidate": round(per_hit_ms, 5)} | figures
        notes.append(f"{1e3 * per_hit_ms:.0f} µs for each further candidate, up to {_FEW}")
    if max(found) < max(scale.hits):
        notes.append(f"with {max(found)} particles a frame takes so long that no more were tried")
    return Result(
        name,
        f"{title}, against particles in a frame of {width} × {height}",
        _name(max(found)),
        times,
        figures=figures,
        notes=tuple(notes),
        ladder=True,
    )


def _name(particles: int) -> str:
    return f"{particles} particle" + "s" * (particles != 1)
