"""Screening of real dark frames of which some were spoilt.

What is no longer seen, in series of five to ten frames (strength at which half is found): light
that differs by less than 0.5 sigma of a pixel from side to side; a wave along rows or columns below
0.1 sigma; another gain within 4 %; fewer than 50 saturated pixels. One row without picture, and a
shift by one pixel where there is a fixed pattern, are seen always. The Meudon camera has nearly no
fixed pattern (a shift of less than some 5 px and torn frames are not seen), noise below 1 ADU
(another gain within 15 % is rounded away) and rows that wave by themselves (less than 0.5 sigma).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from calibration.screen import Conditions
from calibration.screen_own import own_features
from calibration.screen_robust import RobustScreener
from edge.screening import screen_paths
from tests.system.spoilt_darks import (
    SERIES,
    Maker,
    amplified,
    banded,
    darks,
    flats,
    leaking,
    saturated,
    shifted,
    swapped,
    truncated,
)

pytestmark = pytest.mark.shared_data

STRENGTHS: dict[str, tuple[Maker, tuple[float, ...]]] = {
    "shifted": (shifted, (1, 2, 7, 40)),
    "light": (leaking, (1.0, 2.0, 5.0, 30.0)),
    "truncated": (truncated, (0.001, 0.02, 0.3, 0.7)),
    "saturated": (saturated, (0.001, 0.01, 0.2)),
    "gain": (amplified, (1.1, 1.25, 2.0)),
    "banding": (banded, (0.3, 1.0, 4.0)),
}
MEUDON: dict[str, tuple[Maker, tuple[float, ...]]] = STRENGTHS | {
    "shifted": (shifted, (40,)),
    "gain": (amplified, (1.5, 2.0)),
    "banding": (banded, (1.0, 4.0)),
}


@dataclass
class Tally:
    """Bad frames found, good frames called bad, bad frames missed."""

    found: int = 0
    false: int = 0
    missed: int = 0

    @property
    def f1(self) -> float:
        return 2 * self.found / (2 * self.found + self.false + self.missed)


def trials(data: Path, seeds: range, side_px: int | None) -> Iterator[tuple[str, Tally, Counter]]:
    """Each series with one or two frames spoilt at random, once for each seed."""
    lit = flats(data)
    for name in SERIES:
        frames = darks(data, name, side_px)
        sigma = own_features(frames[0], 65_535).noise_adu
        kinds = (MEUDON if name == "meudon" else STRENGTHS) | {"flat": (swapped(lit), (200, 5000))}
        for seed in seeds:
            rng = np.random.default_rng((seed, len(name), len(frames)))
            spoilt, why = list(frames), {}
            for n in rng.choice(len(frames), int(rng.integers(1, 3)), replace=False):
                why[int(n)] = str(rng.choice(list(kinds)))
                make, strengths = kinds[why[int(n)]]
                if name == "meudon" and make is shifted:
                    spoilt[n] = np.roll(frames[n], (23, -40), (0, 1))
                else:
                    spoilt[n] = make(frames[n], float(rng.choice(strengths)), sigma, rng)
            result = RobustScreener().screen(spoilt, Conditions(65_535)).judgements
            tally, named = Tally(), Counter()
            for n, judgement in enumerate(result):
                bad = judgement.verdict == "bad"
                tally.found += bad and n in why
                tally.false += bad and n not in why
                tally.missed += not bad and n in why
                if n in why:
                    named[why[n], judgement.reason] += 1
                if bad != (n in why):
                    print(name, seed, n, why, judgement)
            yield name, tally, named


def total(data: Path, seeds: range, side_px: int | None) -> tuple[Tally, Counter]:
    whole, named = Tally(), Counter()
    for _, tally, reasons in trials(data, seeds, side_px):
        whole.found += tally.found
        whole.false += tally.false
        whole.missed += tally.missed
        named += reasons
    print(whole, whole.f1, dict(named))
    return whole, named


def test_spoilt_frames_of_all_series_are_found_and_no_good_one(shared_data: Path) -> None:
    tally, named = total(shared_data, range(3), 448)
    assert tally.f1 >= 0.98
    right = sum(count for (made, said), count in named.items() if made == said)
    assert right >= 0.7 * tally.found


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_whole_frames_and_many_seeds(shared_data: Path) -> None:
    tally, _ = total(shared_data, range(100, 115), None)
    assert tally.f1 >= 0.98


def test_no_good_frame_of_another_exposure_is_called_bad(shared_data: Path) -> None:
    lines = screen_paths(
        [str(shared_data / "darks" / name) for name in ("stl1001e", "st402")],
        RobustScreener(),
        lambda done: None,
    )
    assert len(lines) == 33
    assert [line for line in lines if line.verdict != "good"] == []


def test_flats_among_darks_are_named_though_they_are_more(shared_data: Path) -> None:
    frames = darks(shared_data, "meudon", 384) + [
        np.ascontiguousarray(flat[:384, :384]) for flat in flats(shared_data)
    ]
    result = RobustScreener().screen(frames, Conditions(65_535)).judgements
    assert [one.reason for one in result] == [""] * 5 + ["flat"] * 6
