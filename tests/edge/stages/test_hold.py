"""The hold: what goes away is a hit, what stays is an artefact, nothing is lost."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.stages.hold import Hold, same_place
from edge.stages.outcome import Outcome, Refused, Settled
from tests.edge.candidates import candidate, processed


def run(hold: Hold, outcomes: list[Outcome]) -> list[Settled]:
    settled: list[Settled] = []
    for outcome in outcomes:
        settled += hold.push(outcome, outcome.candidates)
    return settled + list(hold.flush())


def lit(frames: int, of: int = 10) -> list[Outcome]:
    """A spot that is lit in the first `frames` of `of` frames."""
    spot = candidate((5, 5), (5, 6), (6, 5))
    return [processed(i, *([spot] if i < frames else [])) for i in range(of)]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_what_is_lit_in_up_to_three_frames_is_one_hit_of_the_first(frames: int) -> None:
    settled = run(Hold(3), lit(frames))
    hits = [(s.outcome.stamp.index, h.frames_lit) for s in settled for h in s.hits]  # type: ignore[union-attr]
    assert hits == [(0, frames)]
    assert sum((s.rejected for s in settled), Counter())["continued"] == frames - 1


@pytest.mark.parametrize("frames", [4, 5, 10])
def test_what_stays_longer_is_an_artefact_in_every_frame(frames: int) -> None:
    settled = run(Hold(3), lit(frames))
    assert not any(s.hits for s in settled)
    assert sum((s.rejected for s in settled), Counter())["multi_frame"] == frames


def test_without_a_hold_every_candidate_is_a_hit_at_once() -> None:
    hold = Hold(0)
    for outcome in lit(3, of=3):
        (settled,) = hold.push(outcome, outcome.candidates)
        assert len(settled.hits) == 1


def test_a_candidate_waits_for_three_processed_frames() -> None:
    hold = Hold(3)
    frames = lit(1, of=4)
    for outcome in frames[:3]:
        assert not list(hold.push(outcome, outcome.candidates))
    assert len(list(hold.push(frames[3], ()))) == 4


def test_bad_and_missing_frames_show_nothing_and_do_not_count() -> None:
    hold = Hold(3)
    first = processed(0, candidate((1, 1)))
    assert not list(hold.push(first, first.candidates))
    for _ in range(10):
        assert not list(hold.push(Outcome("missing"), ()))
    for i in range(1, 4):
        settled = list(hold.push(processed(i), ()))
    assert len(settled) == 14


def test_a_candidate_does_not_wait_for_ever_behind_a_lifted_cover() -> None:
    hold = Hold(3)
    first = processed(0, candidate((1, 1)))
    list(hold.push(first, first.candidates))
    settled = [s for _ in range(100) for s in hold.push(Outcome("uncovered"), ())]
    assert sum(len(s.hits) for s in settled) == 1


@pytest.mark.parametrize("frames", [3, 60, 64, 65, 100])
def test_light_without_an_end_is_never_a_hit_however_long_the_hold(frames: int) -> None:
    settled = run(Hold(frames), lit(300, of=300))
    assert not any(s.hits for s in settled)
    assert sum((s.rejected for s in settled), Counter()) == {"multi_frame": 300}


@pytest.mark.parametrize("between", [[Outcome("uncovered")] * 100, [Outcome("missing", count=100)]])
def test_after_many_frames_without_a_look_a_spot_at_one_place_is_another_hit(
    between: list[Outcome],
) -> None:
    spot = candidate((5, 5))
    outcomes = [processed(0, spot), *between, processed(101, spot), processed(102)]
    settled = run(Hold(3), outcomes)
    assert [h.frames_lit for s in settled for h in s.hits] == [1, 1]


def test_after_a_few_frames_without_a_look_it_is_the_same() -> None:
    spot = candidate((5, 5))
    outcomes = [processed(0, spot), *[Outcome("uncovered")] * 5, processed(6, spot), processed(7)]
    assert [h.frames_lit for s in run(Hold(3), outcomes) for h in s.hits] == [2]


def test_a_spot_beside_the_last_one_is_another_hit() -> None:
    outcomes = [processed(0, candidate((5, 5))), processed(1, candidate((5, 6)))]
    assert sum(len(s.hits) for s in run(Hold(3), outcomes)) == 2


def test_a_spot_that_comes_back_after_a_dark_frame_is_another_hit() -> None:
    spot = candidate((5, 5))
    outcomes = [processed(0, spot), processed(1), processed(2, spot)]
    assert sum(len(s.hits) for s in run(Hold(3), outcomes)) == 2


def test_one_thing_that_falls_apart_is_one_hit() -> None:
    whole = candidate((5, 5), (5, 6), (5, 7), (5, 8))
    parts = [candidate((5, 5)), candidate((5, 8))]
    settled = run(Hold(3), [processed(0, whole), processed(1, *parts), processed(2)])
    assert [h.frames_lit for s in settled for h in s.hits] == [2]
    assert sum((s.rejected for s in settled), Counter()) == {"continued": 2}


def test_places_are_the_same_when_half_of_the_smaller_is_shared() -> None:
    one = candidate((5, 5), (5, 6), (5, 7), (5, 8))
    assert same_place(one, candidate((5, 7), (5, 8), (5, 9), (5, 10)))
    assert not same_place(one, candidate((5, 8), (5, 9), (5, 10), (5, 11)))
    assert same_place(one, candidate((5, 6)))
    assert not same_place(one, candidate((9, 9)))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(["bad", "missing", "uncovered", "flood"]),
            st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=3, unique=True),
        ),
        max_size=40,
    ),
    st.integers(0, 4),
)
def test_every_frame_comes_out_once_in_order_and_every_candidate_in_one_bin(
    stream: list[object], frames: int
) -> None:
    outcomes = []
    for i, item in enumerate(stream):
        if item == "flood":
            outcomes.append(processed(i, flood=True))
        elif isinstance(item, str):
            outcomes.append(Outcome(item))  # type: ignore[arg-type]
        else:
            outcomes.append(processed(i, *(candidate(p) for p in item)))  # type: ignore[attr-defined]
    settled = run(Hold(frames), outcomes)
    assert [s.outcome for s in settled] == outcomes
    for s in settled:
        assert s.candidates == len(s.outcome.candidates) + int(s.outcome.flood)


def test_what_goes_on_from_a_vetoed_candidate_is_no_new_hit() -> None:
    spot = candidate((5, 5), (5, 6), (6, 5))
    hold, settled = Hold(3), []
    for i in range(10):
        lit, vetoed = i < 6, i < 3
        settled += hold.push(
            processed(i, *([spot] if lit else [])),
            [spot] if lit and not vetoed else [],
            [Refused(spot, "row_column")] if lit and vetoed else [],
        )
    settled += list(hold.flush())
    assert not any(s.hits for s in settled)
    assert sum((s.rejected for s in settled), Counter()) == {"row_column": 3, "multi_frame": 3}
