"""Every hit is a particle, one too many, or false; every particle is found at most once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.scoring.hits import read_hits
from edge.scoring.matching import MATCH_RADIUS_PX, NONE, Matching, match
from edge.scoring.truth import read_truth
from tests.edge.scoring.lines import Line, hit, particle, track, write


def matched(truth: list[Line], hits: list[Line]) -> Matching:
    with TemporaryDirectory() as folder:
        particles = read_truth(write(Path(folder) / "truth", truth), [])
        found = read_hits(write(Path(folder) / "hits", hits), [])
    return match(particles, found, found.series)


@pytest.mark.parametrize(
    ("x", "y", "true"), [(10, 10, True), (12, 10, True), (11, 11, True), (12, 11, False)]
)
def test_a_hit_within_two_pixels_is_the_particle(x: int, y: int, true: bool) -> None:
    result = matched([particle(3, 10, 10)], [hit(3, x, y)])
    assert result.true.tolist() == [true]
    assert result.false.tolist() == [not true]


def test_a_hit_at_the_far_end_of_a_track_is_the_track() -> None:
    assert matched([track(0, 10, 20, 30)], [hit(0, 41, 20)]).particle_of.tolist() == [0]


def test_the_second_hit_on_a_particle_is_a_duplicate_and_the_nearer_one_is_true() -> None:
    result = matched([particle(0, 10, 10)], [hit(0, 12, 10), hit(0, 10, 10)])
    assert result.particle_of.tolist() == [NONE, 0]
    assert result.duplicate_of.tolist() == [0, NONE]
    assert not result.late.any()


def test_two_particles_side_by_side_get_a_hit_each() -> None:
    result = matched([particle(0, 10, 10), particle(0, 12, 10)], [hit(0, 11, 10), hit(0, 12, 10)])
    assert sorted(result.particle_of.tolist()) == [0, 1]


def test_of_two_particles_at_one_place_the_brighter_one_is_found() -> None:
    result = matched([particle(0, 10, 10, peak_sigma=4), particle(0, 10, 10)], [hit(0, 10, 10)])
    assert result.hit_of.tolist() == [NONE, 0]


@pytest.mark.parametrize(("frame", "duplicate"), [(6, True), (7, True), (8, False), (4, False)])
def test_afterglow_of_up_to_two_frames_is_a_duplicate(frame: int, duplicate: bool) -> None:
    result = matched([particle(5, 10, 10)], [hit(5, 10, 10), hit(frame, 10, 10)])
    assert result.duplicate.tolist() == [False, duplicate]
    assert result.late.tolist() == [False, duplicate]
    assert result.false.tolist() == [False, not duplicate]


def test_a_particle_of_the_hits_own_frame_goes_before_the_afterglow_of_another() -> None:
    result = matched([particle(5, 10, 10), particle(6, 11, 10)], [hit(6, 10, 10)])
    assert result.hit_of.tolist() == [NONE, 0]


def test_hits_of_another_series_find_nothing() -> None:
    result = matched([particle(0, 10, 10)], [hit(0, 10, 10)])
    assert result.true.all()
    with TemporaryDirectory() as folder:
        particles = read_truth(write(Path(folder) / "t", [particle(0, 10, 10)]), [])
        hits = read_hits(write(Path(folder) / "h", [hit(0, 10, 10)]), [])
    assert match(particles, hits, np.array([NONE])).false.all()


places = st.tuples(st.integers(0, 3), st.integers(0, 12), st.integers(0, 12))


@given(st.lists(st.tuples(places, st.integers(1, 4)), max_size=12), st.lists(places, max_size=12))
@settings(max_examples=120, deadline=None)
def test_every_hit_is_in_one_bin_and_every_particle_found_once(
    truth: list[tuple[tuple[int, int, int], int]], hits: list[tuple[int, int, int]]
) -> None:
    result = matched([track(*place, length) for place, length in truth], [hit(*h) for h in hits])
    bins = np.stack([result.true, result.duplicate, result.false])
    assert (bins.sum(axis=0) == 1).all()
    found = np.flatnonzero(result.hit_of != NONE)
    assert len(found) == np.count_nonzero(result.true)
    assert (result.particle_of[result.hit_of[found]] == found).all()
    for number, (frame, x, y) in enumerate(hits):
        away = min(
            (
                np.hypot(x - (left + step), y - row)
                for (at, left, row), length in truth
                for step in range(length)
                if frame - 2 <= at <= frame
            ),
            default=np.inf,
        )
        assert result.false[number] == (away > MATCH_RADIUS_PX)
