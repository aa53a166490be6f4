"""Who is believed: against an oracle that counts every instant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock.selection import Statement, overlap, select

SECOND = 1_000_000_000


def said(name: str, offset_s: float, bound_s: float) -> Statement:
    return Statement(name, round(offset_s * SECOND), bound_s)


statements = st.lists(
    st.builds(
        Statement,
        name=st.uuids().map(str),
        offset_ns=st.integers(-30, 30),
        bound_s=st.integers(0, 15).map(lambda ns: ns * 1e-9),
    ),
    max_size=7,
)


def holding(at_ns: int, those: list[Statement]) -> set[int]:
    return {i for i, one in enumerate(those) if one.low_ns <= at_ns <= one.high_ns}


@settings(deadline=None)
@given(statements, st.integers(1, 7))
def test_overlap_is_what_counting_at_every_instant_gives(
    those: list[Statement], least: int
) -> None:
    counts = {at: holding(at, those) for at in range(-60, 61)}
    places = [at for at, inside in counts.items() if len(inside) >= least]
    found = overlap(those, least)
    if found is None:
        assert not places
        return
    assert found[:2] == (min(places), max(places))
    assert found[2] == set.union(*(counts[at] for at in places))


@settings(deadline=None)
@given(statements)
def test_chosen_are_a_majority_and_the_bound_reaches_over_all_they_allow(those):
    most = max((len(holding(at, those)) for at in range(-60, 61)), default=0)
    selection = select(those)
    assert (selection is not None) == (2 * most > len(those))
    if selection is None:
        return
    assert 2 * len(selection.survivors) > len(those)
    assert {*selection.survivors} | {*selection.falsetickers} == {one.name for one in those}
    assert not {*selection.survivors} & {*selection.falsetickers}
    chosen = selection.chosen
    assert chosen.name in selection.survivors
    assert selection.bound_s >= chosen.bound_s
    assert selection.bound_s * 2e9 >= selection.high_ns - selection.low_ns
    # Wherever the majority allows the truth to be, it is within the bound.
    for end in (selection.low_ns, selection.high_ns):
        assert abs(end - chosen.offset_ns) <= selection.bound_s * 1e9 + 1


@settings(deadline=None)
@given(
    truth_ns=st.integers(-(10**18), 10**18),
    honest=st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 2)), min_size=1, max_size=5),
    lies=st.lists(st.tuples(st.integers(-(10**10), 10**10), st.floats(0, 3)), max_size=4),
)
def test_truth_is_within_the_bound_while_the_honest_outnumber_the_others(truth_ns, honest, lies):
    those = [
        Statement(f"honest {i}", truth_ns + round(share * bound_s * SECOND), bound_s)
        for i, (share, bound_s) in enumerate(honest)
    ]
    low_ns, high_ns = min(one.low_ns for one in those), max(one.high_ns for one in those)
    false = [
        Statement(f"false {i}", truth_ns + off, bound_s) for i, (off, bound_s) in enumerate(lies)
    ][: len(honest) - 1]
    selection = select(those + false)
    assert selection is not None
    # Who errs by less than the others' bounds can't be told from them, by any method.
    apart = {one.name for one in false if one.high_ns < low_ns or one.low_ns > high_ns}
    if len(apart) == len(false):
        assert {*selection.falsetickers} == apart
    assert abs(selection.chosen.offset_ns - truth_ns) <= selection.bound_s * 1e9 + 2


def test_one_false_among_four_is_named() -> None:
    selection = select(
        [said("a", 1, 0.01), said("b", 1.005, 0.02), said("false", 3.5, 0.001), said("c", 1, 0.5)]
    )
    assert selection is not None
    assert selection.falsetickers == ("false",)
    assert selection.survivors == ("a", "b", "c")
    assert selection.chosen.name == "a"
    assert selection.bound_s == pytest.approx(0.01)


def test_two_that_contradict_each_other_are_no_majority() -> None:
    assert select([said("a", 0, 0.1), said("b", 1, 0.1)]) is None
    assert select([said("a", 0, 0.1), said("b", 0.15, 0.1)]) is not None
    assert select([]) is None


def test_who_was_not_heard_yet_counts_against() -> None:
    liar = said("liar", 9, 0.001)
    assert select([liar], voters=4) is None
    assert select([liar, said("a", 0, 0.1), said("b", 0, 0.1)], voters=4) is None
    assert select([said(name, 0, 0.1) for name in "abc"], voters=4) is not None


def test_two_majorities_beside_each_other_are_both_within_the_bound() -> None:
    wide, left, right = said("wide", 5, 5), said("left", 1.5, 1.5), said("right", 8.6, 1.4)
    selection = select([wide, left, right])
    assert selection is not None
    assert selection.falsetickers == ()
    assert selection.chosen is right
    assert selection.bound_s > 8.5  # the left one may be the true one


def test_one_that_barely_agrees_does_not_draw_the_others_away() -> None:
    """Of all three only [9, 10] is possible, of the honest two all of [0, 10]."""
    selection = select([said("a", 5, 5), said("b", 5, 5), said("liar", 10.5, 1.5)])
    assert selection is not None
    assert (selection.low_ns, selection.high_ns) == pytest.approx((0, 10 * SECOND), abs=2)
    assert selection.bound_s == pytest.approx(10.5)
