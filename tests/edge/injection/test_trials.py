"""What a synthetic particle becomes, and the sums over many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.detection import Candidate
from edge.injection.deposit import Deposit
from edge.injection.judging import judge_injected
from edge.injection.tally import EDGES_SIGMA, InjectionTally
from edge.injection.trial import Injected, Trial, judge, overlaps
from edge.messages.exposure import Injection
from edge.stages.frame_veto import FrameVeto
from edge.stages.outcome import Outcome
from tests.edge.candidates import candidate, stamp


def deposit(*pixels: tuple[int, int], peak_sigma: float = 10.0) -> Deposit:
    rows, cols = np.array(pixels, np.int32).T
    return Deposit("spot", "photon", peak_sigma, rows, cols)


def cold(_: Candidate) -> None:
    return None


def test_a_candidate_on_its_pixels_finds_it():
    injected = Injected(deposit((5, 5), (5, 6)), (candidate((30, 30)), candidate((5, 6), (4, 7))))
    trial = judge(injected, [None, None], cold)
    assert trial == Trial("spot", 10.0, "")
    assert trial.found


def test_a_candidate_beside_it_does_not():
    injected = Injected(deposit((5, 5)), (candidate((5, 7)), candidate((6, 4))))
    assert judge(injected, [None, None], cold).missed == "not_triggered"


@pytest.mark.parametrize("reason", ["edge", "row_column"])
def test_what_the_frame_veto_rejects_is_missed_for_its_reason(reason):
    injected = Injected(deposit((5, 5)), (candidate((5, 5)),))
    assert judge(injected, [reason], cold).missed == reason


def test_what_lies_at_a_hot_place_is_missed():
    injected = Injected(deposit((5, 5)), (candidate((5, 5)),))
    assert judge(injected, [None], lambda _: "hot_pixel").missed == "hot_pixel"


def test_one_good_part_of_a_track_is_enough():
    injected = Injected(deposit((5, 5), (5, 9)), (candidate((5, 5)), candidate((5, 9))))
    assert judge(injected, ["row_column", None], cold).found
    assert judge(injected, [None, "row_column"], cold).found


@pytest.mark.parametrize("lost", ["flood", "leak", "bad"])
def test_a_copy_that_was_not_searched_misses_its_particle(lost):
    assert judge(Injected(deposit((5, 5)), (), lost), [], cold).missed == lost


def test_the_order_stage_puts_the_verdict_in_place_of_the_copy():
    own = candidate((20, 20))
    injected = Injected(deposit((5, 5)), (candidate((5, 5)), own))
    outcome = Outcome("processed", stamp(3), (own,), injected=injected)
    asked = []

    def would_refuse(one: Candidate) -> None:
        asked.append(one.y_px)

    judged = judge_injected(outcome, FrameVeto(), would_refuse)
    assert judged.injected is None
    assert judged.trial == Trial("spot", 10.0)
    assert judged.candidates == (own,)
    assert asked == [5]
    edge = judge_injected(outcome, FrameVeto(edge_px=6), would_refuse)
    assert edge.trial == Trial("spot", 10.0, "edge")


def test_an_outcome_without_a_copy_stays_as_it_is():
    outcome = Outcome("processed", stamp(3))
    assert judge_injected(outcome, FrameVeto(), cold) is outcome


@settings(max_examples=60, deadline=None)
@given(
    own=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6),
    other=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6),
)
def test_overlap_is_a_shared_pixel(own, other):
    assert overlaps(candidate(*dict.fromkeys(own)), deposit(*other)) == bool(set(own) & set(other))


trials = st.lists(
    st.builds(
        Trial,
        st.sampled_from(["spot", "track", "worm"]),
        st.floats(0, 61),
        st.sampled_from(["", "", "not_triggered", "hot_pixel"]),
    ),
    max_size=30,
)


def tally_of(parts: list[Trial]) -> InjectionTally:
    tally = InjectionTally()
    for trial in parts:
        tally.count(trial)
    return tally


@settings(max_examples=60, deadline=None)
@given(first=trials, second=trials)
def test_every_particle_is_in_one_bin_and_what_was_added_can_be_taken_back(first, second):
    tally = tally_of(first)
    before = tally.record(0.1)
    tally.add(tally_of(second))
    record = tally.record(0.1)
    Injection.model_validate(record)
    assert record["injected"] == len(first) + len(second)
    assert record["found"] == sum(trial.found for trial in first + second)
    tally.take_back(tally_of(second))
    assert tally.record(0.1) == before


def test_bins_take_what_is_at_their_lower_edge():
    tally = tally_of([Trial("spot", 5.0), Trial("spot", 5.999, "not_triggered")])
    (one,) = tally.record(0.1)["by_peak_sigma"]
    assert one == {"from_sigma": 5.0, "to_sigma": 6.0, "injected": 2, "found": 1}
    assert tally_of([Trial("spot", 60.0)]).record(0.1)["by_peak_sigma"][0]["to_sigma"] == 60.0
    assert list(EDGES_SIGMA) == sorted(set(EDGES_SIGMA))


def test_a_record_that_does_not_add_up_is_refused():
    record = tally_of([Trial("spot", 5.0), Trial("worm", 9.0, "flood")]).record(0.1)
    for wrong in (
        {"found": 2},
        {"injected": 3},
        {"missed": {}},
        {"by_class": {"spot": {"injected": 1, "found": 1}}},
        {"by_peak_sigma": record["by_peak_sigma"][:1]},
    ):
        with pytest.raises(ValueError, match=r"is not|is more than|the parts hold"):
            Injection.model_validate(record | wrong)


def test_the_summary_gives_efficiencies_with_their_intervals():
    summary = tally_of([Trial("spot", 5.0)] * 90 + [Trial("spot", 5.0, "flood")] * 10).summary(0.1)
    assert summary["efficiency"] == 0.9
    low, high = summary["interval_95"]
    assert (low, high) == (pytest.approx(0.8256, abs=1e-4), pytest.approx(0.9448, abs=1e-4))
    assert summary["by_class"]["spot"]["efficiency"] == 0.9
    assert InjectionTally().summary(0.1)["efficiency"] is None
