"""Our judgement of a frame beside the rules of the field's programs, on the same frames."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from edge.bench.dark import SHALLOW, DarkFrames, dark_frames
from edge.bench.made import calibration_of
from edge.bench.ours import our_look
from edge.bench.peers import MAX, OPENCV, OpenCvPass
from edge.bench.result import Result
from edge.bench.rules import RULES
from edge.bench.scale import Scale
from edge.bench.timing import race
from edge.frame import Pixels
from edge.pixels.candidates import ScanLimits

NAME = "rules_1080p_u8"
OURS = "cosmic-edge"
_FRAMES = 16


def run(scale: Scale) -> Iterator[Result]:
    """Each rule in turn on frames with hot pixels and particles: another answer, its own cost."""
    width, height = scale.medium
    learn = dark_frames(scale.medium, SHALLOW, particles=0, ring=_FRAMES)
    dark = dark_frames(scale.medium, SHALLOW, ring=_FRAMES)
    calls = _calls(dark, learn)
    lit = {name: sum(call(one) for one in dark.plain) for name, call in calls.items()}
    if not lit[OURS]:
        raise AssertionError("no hit in frames that hold particles")
    turn = itertools.cycle(range(len(dark.frames)))
    every: dict[str, Callable[[Pixels], object]] = {
        **calls,
        OPENCV: OpenCvPass(dark.frames[0], dark.seed_threshold, dark.black_adu),
        MAX: np.max,
    }
    times = race(
        {name: dark.in_turn(call, turn=turn) for name, call in every.items()}, scale.rounds
    )
    yield Result(
        NAME,
        f"what is lit in a frame, by the rules of the field, {width} × {height} uint8",
        OURS,
        times,
        figures={"frames": len(dark.frames), "lit_by_rule": lit},
        notes=(
            "ours: pass, clusters and crops; the rules as NumPy and OpenCV do them, not the "
            "programs themselves, and each with an answer of its own (python -m "
            "benchmarks.detection compares the answers)",
        ),
    )


def _calls(dark: DarkFrames, learn: DarkFrames) -> dict[str, Callable[[Pixels], int]]:
    calibration = calibration_of(learn.plain, bit_depth=SHALLOW.bit_depth)
    whole = our_look(calibration, ScanLimits())

    def look(pixels: Pixels) -> int:
        return len(whole(pixels).candidates)

    return {OURS: look, **{name: rule(learn.plain) for name, rule in RULES.items()}}
