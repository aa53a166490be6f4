"""Chains: what fades is one hit, what stays is none, a frame given twice proves nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from edge.detection import Candidate, Crop
from edge.stages.chain import Chain, Verdict, is_alone
from edge.stages.hold import Hold
from edge.stages.outcome import Outcome, Settled
from tests.edge.candidates import candidate, processed

SPOT = ((5, 5), (5, 6), (6, 5), (6, 6))


def fading(factor: float, start: float = 4000.0, least: float = 12.0) -> list[Outcome]:
    """Frames of a bright spot whose level falls by a factor from frame to frame."""
    level, outcomes = start, []
    while level >= least:
        outcomes.append(processed(len(outcomes), bright(level, *SPOT)))
        level *= factor
    return [*outcomes, *(processed(len(outcomes) + i) for i in range(4))]


def bright(level: float, *pixels: tuple[int, int]) -> Candidate:
    """A candidate of that excess; its noise is 2 ADU."""
    one = candidate(*pixels, excess=level)
    return replace(one, crop=Crop(noise(int(level)), 0, 0))


def noise(seed: int, around: float = 64.0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(around, 2, (12, 12))
    return values.round().astype(np.uint16)


def run(outcomes: list[Outcome], frames: int = 3) -> list[Settled]:
    hold, settled = Hold(frames), []
    for outcome in outcomes:
        settled += hold.push(outcome, outcome.candidates)
    return settled + list(hold.flush())


def fates(settled: list[Settled]) -> tuple[list[int], Counter[str]]:
    """Frames with a hit, and the rejected by reason."""
    hits = [s.outcome.stamp.index for s in settled for _ in s.hits]  # type: ignore[union-attr]
    return hits, sum((s.rejected for s in settled), Counter())


@pytest.mark.parametrize("factor", [0.5, 0.8])
@pytest.mark.parametrize("frames", [1, 3, 5])
def test_a_bright_hit_that_fades_for_many_frames_is_one_hit_of_its_first(
    factor: float, frames: int
) -> None:
    outcomes = fading(factor)
    lit = len(outcomes) - 4
    assert lit > 8
    hits, rejected = fates(run(outcomes, frames))
    assert hits == [0]
    assert rejected == {"continued": lit - 1}


@pytest.mark.parametrize("factor", [1.0, 0.98, 1.05])
def test_what_stays_at_its_level_or_grows_is_an_artefact(factor: float) -> None:
    outcomes = [processed(i, bright(500 * factor**i, *SPOT)) for i in range(10)]
    assert fates(run(outcomes)) == ([], Counter(multi_frame=10))


def test_a_level_that_falls_once_and_stays_is_an_artefact() -> None:
    levels = [4000, 900, 900, 900, 900, 900]
    outcomes = [processed(i, bright(level, *SPOT)) for i, level in enumerate(levels)]
    assert fates(run(outcomes))[0] == []


def test_noise_of_a_faint_steady_pixel_is_not_taken_for_fading() -> None:
    random = np.random.default_rng(1)
    verdicts = Counter[Verdict]()
    for _ in range(2000):
        chain = Chain(candidate((5, 5), excess=10.0))
        for level in 20 + 2 * random.standard_normal(4):
            chain.go_on([candidate((5, 5), excess=level - 10)], 3)
        verdicts[chain.verdict(3)] += 1
    assert verdicts[Verdict.STAYED] == 2000


def lone(levels: list[float], around: float = 64.0, *, same: bool = False) -> Chain:
    chain: Chain | None = None
    for i, level in enumerate(levels):
        crop = Crop(noise(0 if same else i, around), 0, 0)
        one = replace(candidate((5, 5), excess=level - 10), crop=crop)
        chain = chain or Chain(one)
        chain.go_on([one], 3)
    assert chain is not None
    return chain


def test_a_lone_pixel_at_one_level_for_two_or_three_frames_switched() -> None:
    assert lone([60, 61]).verdict(3) is Verdict.SWITCHED
    assert lone([60, 58, 62]).verdict(3) is Verdict.SWITCHED
    assert lone([60, 30]).verdict(3) is Verdict.HIT
    assert lone([60]).verdict(3) is Verdict.HIT


def test_a_frame_that_the_camera_gave_twice_proves_nothing() -> None:
    assert lone([60, 60], same=True).verdict(3) is Verdict.HIT


def test_a_pixel_among_lit_ones_is_not_alone() -> None:
    pixels = noise(1)
    one = replace(candidate((5, 5)), crop=Crop(pixels, 0, 0))
    assert is_alone(one)
    pixels[4:7, 4:7] += 40
    assert not is_alone(one)


def test_two_pixels_at_one_level_are_still_one_hit() -> None:
    pair = [bright(50 + i, (5, 5), (5, 6)) for i in range(3)]
    outcomes = [processed(i, *pair[i : i + 1]) for i in range(8)]
    assert fates(run(outcomes)) == ([0], Counter(continued=2))


def test_a_particle_across_a_pixel_that_has_long_been_lit_is_a_hit() -> None:
    track = [(5, 5 + i) for i in range(8)]
    outcomes = []
    for i in range(30):
        outcomes.append(
            processed(i, bright(300 if i == 20 else 60, *(track if i == 20 else track[:1])))
        )
    hits, rejected = fates(run(outcomes))
    assert hits == [20]
    assert rejected == {"multi_frame": 29}
