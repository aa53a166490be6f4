"""The cover: light lingers, what lit just before it is light, faint leaks show in a row."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from edge.stages.order import OrderRules, OrderStage
from edge.stages.outcome import Outcome, Settled
from edge.timeline import LiveTimeline
from tests.edge.candidates import MODE, candidate, processed, stamp

S = 1_000_000_000


def run(outcomes: list[Outcome], **rules: object) -> list[Settled]:
    stage = OrderStage(OrderRules(**rules), LiveTimeline())  # type: ignore[arg-type]
    settled = [one for outcome in outcomes for one in stage.push(outcome)]
    return settled + list(stage.flush())


def light(index: int) -> Outcome:
    return Outcome("uncovered", stamp(index))


def reasons(settled: list[Settled]) -> list[str]:
    return [one.outcome.reason for one in settled]


@pytest.mark.parametrize(("lasts", "settles"), [(1, 3), (2, 6), (5, 15), (10, 30), (100, 30)])
def test_three_times_as_many_frames_must_be_dark_as_were_light_a_second_at_most(
    lasts: int, settles: int
) -> None:
    frames = [processed(0), *(light(i) for i in range(1, 1 + lasts))]
    frames += [processed(i) for i in range(1 + lasts, 50 + lasts)]
    assert Counter(reasons(run(frames))) == {
        "": 50 - settles,
        "light": lasts,
        "settling": settles,
    }


def test_light_in_between_begins_it_anew() -> None:
    frames = [light(0), processed(1), processed(2), light(3), *(processed(i) for i in range(4, 20))]
    assert reasons(run(frames)) == [
        "light",
        "settling",
        "settling",
        "light",
        *["settling"] * 6,
        *[""] * 10,
    ]


def test_frames_of_a_second_or_longer_stand_for_themselves() -> None:
    long = replace(MODE, exposure_ns=S, frame_duration_ns=S)
    spot = candidate((5, 5))
    frames = [
        Outcome("processed", stamp(0, long), (spot,)),
        Outcome("uncovered", stamp(1, long)),
        Outcome("processed", stamp(2, long), (candidate((50, 50)),)),
    ]
    settled = run(frames)
    assert reasons(settled) == ["", "light", ""]
    assert [len(one.hits) for one in settled] == [1, 0, 1]


def test_it_can_be_switched_off() -> None:
    assert reasons(run([light(0), processed(1)], settle_ns=0)) == ["light", ""]


def test_what_lit_in_the_frames_before_light_is_a_leak_and_they_are_no_live_time() -> None:
    frames = [processed(i) for i in range(10)]
    frames[3] = processed(3, candidate((5, 5)))
    frames[8] = processed(8, candidate((30, 30)))
    settled = run([*frames, light(10)])
    assert [s.outcome.stamp.index for s in settled for _ in s.hits] == [3]  # type: ignore[union-attr]
    assert (settled[8].outcome.fate, settled[8].outcome.reason) == ("uncovered", "leak")
    assert settled[8].rejected == {"leak": 1}
    assert settled[9].outcome.fate == "processed"


def test_what_lights_while_it_settles_is_refused() -> None:
    settled = run([light(0), processed(1, candidate((5, 5))), *(processed(i) for i in range(2, 9))])
    assert settled[1].rejected == {"settling": 1}


def crowd(index: int, count: int) -> Outcome:
    """Candidates at places that no other frame has."""
    places = [(2 + (7 * i + index) % 70, 2 + (11 * i + 3 * index) % 90) for i in range(count)]
    return processed(index, *(candidate(one) for one in dict.fromkeys(places)))


def test_three_frames_in_a_row_with_many_candidates_are_a_leak_two_are_not() -> None:
    calm = [processed(i) for i in range(40)]
    two = run([*calm, crowd(40, 8), crowd(41, 8), *(processed(i) for i in range(42, 80))])
    assert sum(len(one.hits) for one in two) == 16
    three = run(
        [*calm, *(crowd(i, 8) for i in (40, 41, 42)), *(processed(i) for i in range(43, 90))]
    )
    assert not any(one.hits for one in three)
    assert sum((one.rejected for one in three), Counter()) == {"leak": 24}
    assert Counter(reasons(three)) == {"": 90 - 6, "leak": 3, "settling": 3}


def test_a_leak_that_goes_on_is_one_until_it_ends() -> None:
    frames = [processed(i) for i in range(40)] + [crowd(i, 8) for i in range(40, 140)]
    settled = run([*frames, *(processed(i) for i in range(140, 200))])
    assert not any(one.hits for one in settled)
    assert Counter(reasons(settled))["leak"] == 100


def test_a_sensor_that_sees_many_particles_from_the_first_frame_leaks_nothing() -> None:
    settled = run([crowd(i, 8) for i in range(200)], history=None)
    assert not any(reasons(settled))
    again = run([crowd(i, 4 + i % 5) for i in range(200)])
    assert not any(reasons(again))


def test_frames_of_which_nothing_is_stated_stand_for_themselves() -> None:
    still = replace(MODE, exposure_ns=None, frame_duration_ns=None)
    frames = [Outcome("uncovered", stamp(0, still)), Outcome("processed", stamp(1, still))]
    assert reasons(run(frames)) == ["light", ""]
