"""The map from boot time to UTC: its bound holds whatever the crystal does within its limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock.drift import WANDER, estimate
from edge.clock.knot import FREE, Knot, Rate
from edge.clock.map import ClockMap
from edge.messages import ClockMessage
from edge.messages.envelope import message_id
from edge.messages.utc import parse_utc_ns

S = 1_000_000_000
UTC0 = 1_790_000_000 * S


@dataclass(frozen=True)
class Crystal:
    """A clock whose frequency changes every `step_s`: boot time runs off UTC by these rates."""

    rates: tuple[float, ...]
    step_s: int

    def utc_ns(self, boot_ns: int) -> int:
        ends = [0.0, *accumulate(rate * self.step_s * 1e9 for rate in self.rates)]
        index = min(max(boot_ns // (self.step_s * S), 0), len(self.rates) - 1)
        since = boot_ns - index * self.step_s * S
        return UTC0 + boot_ns + round(ends[index] + since * self.rates[index])


def measured(crystal: Crystal, boot_s: int, share: float, error_s: float) -> Knot:
    boot_ns = boot_s * S
    return Knot(boot_ns, crystal.utc_ns(boot_ns) + round(share * error_s * 1e9), error_s)


def grown(knots: list[Knot]) -> ClockMap:
    chain = ClockMap((knots[0],))
    for knot in knots[1:]:
        chain = chain.with_knot(replace(knot, rate=estimate((*chain.knots, knot))))
    return chain


measurements = st.lists(
    st.tuples(st.integers(16, 1100), st.floats(-1, 1), st.floats(1e-5, 0.05)),
    min_size=1,
    max_size=40,
)


def knots_of(crystal: Crystal, those: list[tuple[int, float, float]]) -> list[Knot]:
    at_s, knots = 300, []
    for gap_s, share, error_s in those:
        at_s += gap_s
        knots.append(measured(crystal, at_s, share, error_s))
    return knots


def assert_holds(chain: ClockMap, crystal: Crystal) -> None:
    end_ns = chain.knots[-1].boot_ns + 3600 * S
    for step in range(200):
        boot_ns = end_ns * step // 199
        here = chain.resolve(boot_ns)
        assert abs(here.utc_ns - crystal.utc_ns(boot_ns)) <= here.bound_s * 1e9 + 50


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-0.95 * FREE, 0.95 * FREE), min_size=1, max_size=30),
    st.integers(100, 2000),
    measurements,
)
def test_bound_holds_for_any_crystal_within_the_free_running_limits(rates, step_s, those):
    crystal = Crystal(tuple(rates), step_s)
    knots = knots_of(crystal, those)
    chain = ClockMap((knots[0],))
    for knot in knots[1:]:
        chain = chain.with_knot(knot)
    assert_holds(chain, crystal)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-13e-6, 13e-6),
    st.lists(st.floats(-WANDER / 2, WANDER / 2), min_size=1, max_size=30),
    st.integers(100, 2000),
    measurements,
)
def test_bound_holds_with_the_drift_estimated(drift, wander, step_s, those):
    crystal = Crystal(tuple(drift + one for one in wander), step_s)
    assert_holds(grown(knots_of(crystal, those)), crystal)


@settings(deadline=None)
@given(measurements)
def test_neither_utc_nor_its_bound_jumps(those):
    chain = grown(knots_of(Crystal((5e-6,), 1000), those))
    for knot in chain.knots:
        left, here, right = (chain.resolve(knot.boot_ns + by) for by in (-1000, 0, 1000))
        for side in (left, right):
            assert abs(side.bound_s - here.bound_s) < 1e-6
        assert abs(here.utc_ns - left.utc_ns - 1000) <= 100_000
        assert abs(right.utc_ns - here.utc_ns - 1000) <= 100_000


@settings(deadline=None)
@given(measurements, st.lists(st.integers(0, 100_000), min_size=2, max_size=10))
def test_bound_grows_away_from_what_is_known(those, away_s):
    chain = grown(knots_of(Crystal((5e-6,), 1000), those))
    after = [chain.resolve(chain.knots[-1].boot_ns + s * S).bound_s for s in sorted(away_s)]
    before = [chain.resolve(chain.knots[0].boot_ns - s * S).bound_s for s in sorted(away_s)]
    assert after == sorted(after)
    assert before == sorted(before)


def test_between_two_knots_both_sides_tell() -> None:
    chain = ClockMap((Knot(0, UTC0, 0.001),)).with_knot(Knot(1000 * S, UTC0 + 1000 * S, 0.003))
    middle = chain.resolve(500 * S)
    assert middle.utc_ns == UTC0 + 500 * S
    assert middle.bound_s == pytest.approx(0.002 + 2 * FREE * 250)
    assert middle.bound_s < 0.001 + FREE * 500 + 0.0021  # one side alone: as much and more


def test_before_the_first_and_after_the_last_knot_the_bound_is_free_running() -> None:
    chain = ClockMap((Knot(1000 * S, UTC0, 0.001),))
    for away_s in (-1000, 1000):
        here = chain.resolve((1000 + away_s) * S)
        assert here.utc_ns == UTC0 + away_s * S
        assert here.bound_s == pytest.approx(0.001 + 0.1)


def test_better_answer_makes_the_past_better_too() -> None:
    coarse = ClockMap((Knot(0, UTC0 + S // 2, 1.0),))
    fine = coarse.with_knot(Knot(100 * S, UTC0 + 100 * S, 0.001))
    assert fine.resolve(0).utc_ns == UTC0
    assert fine.resolve(0).bound_s == pytest.approx(0.001 + 100 * FREE)
    assert coarse.resolve(0).bound_s == 1.0  # a map never changes


def test_across_a_break_either_side_may_be_right() -> None:
    chain = ClockMap((Knot(0, UTC0, 0.001),))
    chain = chain.with_knot(Knot(100 * S, UTC0 + 103 * S, 0.001, joined=False))
    inside = chain.resolve(50 * S)
    assert inside.low_ns < UTC0 + 50 * S
    assert inside.high_ns > UTC0 + 53 * S
    assert chain.resolve(100 * S).utc_ns == UTC0 + 103 * S
    assert chain.resolve(-S).utc_ns == UTC0 - S


def test_a_day_is_kept_in_a_few_hundred_knots() -> None:
    crystal = Crystal((3e-6,), 1000)
    chain = ClockMap((measured(crystal, 0, 0.0, 0.01),))
    for at_s in range(64, 2 * 86_400, 64):
        chain = chain.with_knot(measured(crystal, at_s, 0.5, 0.005 + 0.001 * (at_s % 7)))
    assert len(chain.knots) < 330
    assert 86_000 < (chain.knots[-1].boot_ns - chain.knots[0].boot_ns) / S <= 86_400
    assert_holds(chain, crystal)


def test_knot_must_be_newer() -> None:
    chain = ClockMap((Knot(5, UTC0, 0.1),))
    with pytest.raises(ValueError, match="newer"):
        chain.with_knot(Knot(5, UTC0, 0.1))


def test_what_was_known_before_a_false_server_spoke_can_be_kept() -> None:
    chain = ClockMap((Knot(0, UTC0, 0.1, "honest"),))
    chain = chain.with_knot(Knot(5, UTC0 + 5, 0.1, "slewed", joined=False))
    chain = chain.with_knot(Knot(9, UTC0 + 9, 0.1, "false"))
    left = chain.before(frozenset({"false"}))
    assert left is not None
    assert [knot.source for knot in left.knots] == ["honest"]
    assert left.before(frozenset({"honest"})) is None


# -- drift -----------------------------------------------------------------------------------


def test_drift_is_found_once_the_samples_span_long_enough() -> None:
    crystal = Crystal((7e-6,), 1000)
    knots = [measured(crystal, at, 0.9 * (-1) ** at, 0.002) for at in range(0, 7200, 64)]
    assert estimate(knots[:3]) == Rate()
    assert estimate(knots[:8]) == Rate()  # 448 s: less than is asked for
    found = estimate(knots)
    assert found.drift == pytest.approx(7e-6, abs=found.growth - WANDER)
    assert found.growth == pytest.approx(0.004 / 7000 + WANDER, rel=0.1)


def test_drift_is_not_taken_across_a_break_nor_below_its_floor() -> None:
    crystal = Crystal((7e-6,), 1000)
    knots = [measured(crystal, at, 0.0, 1e-6) for at in range(0, 7200, 64)]
    assert estimate(knots).growth >= WANDER
    knots[-2] = replace(knots[-2], joined=False)
    assert estimate(knots) == Rate()


# -- the message -----------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    st.floats(-10e-6, 10e-6),
    measurements,
    st.integers(0, 20_000),
    st.integers(1, 30_000),
    st.one_of(st.none(), st.integers(0, 39)),
)
def test_message_bounds_every_instant_of_its_span(drift, those, from_s, span_s, broken):
    crystal = Crystal((drift,), 1000)
    knots = knots_of(crystal, those)
    if broken is not None and 0 < broken < len(knots):
        knots[broken] = replace(knots[broken], joined=False)
    chain = grown(knots)
    body = chain.to_json(from_s * S, (from_s + span_s) * S)
    begin_ns = parse_utc_ns(body["reference_utc"])
    for step in range(50):
        boot_ns = from_s * S + span_s * S * step // 49
        since_ns = boot_ns - body["reference_boot_ns"]
        utc_ns = begin_ns + since_ns + round(since_ns * body["rate_ppm"] * 1e-6)
        assert abs(utc_ns - crystal.utc_ns(boot_ns)) <= body["uncertainty_s"] * 1e9 + 100
        here = chain.resolve(boot_ns)
        assert abs(utc_ns - here.utc_ns) * 1e-9 + here.bound_s <= body["uncertainty_s"] + 1e-7


def test_message_is_one_of_the_contract() -> None:
    chain = ClockMap((Knot(0, UTC0, 0.001, "ntp.example"),))
    body = chain.to_json(0, 60 * S) | {
        "schema": "cosmic-edge/clock/1",
        "rig": "rig",
        "epoch": "0123abcd",
        "seq": 1,
        "id": message_id("rig", "0123abcd", 1),
        "floor": 1,
        "origin": "camera",
        "boot_id": "x",
        "state": "synced",
    }
    assert ClockMessage.model_validate(body).source == "ntp.example"


@pytest.mark.parametrize("jump_s", [0.0, 30.0])
def test_break_that_is_older_than_a_day_is_forgotten_but_not_its_doubt(jump_s) -> None:
    """A suspend that was told a second wrong, or a jump: before it, that is not known any more."""
    chain = ClockMap((Knot(1000 * S, UTC0 + 1000 * S, 0.01),))
    shift_ns = round(jump_s * S)
    chain = chain.with_knot(
        Knot(2000 * S, UTC0 + 2000 * S + shift_ns, 0.01, joined=False, loose_s=1.0)
    )
    for hour in range(1, 40):
        at_ns = (2000 + hour * 3600) * S
        chain = chain.with_knot(Knot(at_ns, UTC0 + at_ns + shift_ns, 0.01))
    assert chain.knots[0].boot_ns > 3000 * S
    for boot_ns, true_ns in ((500 * S, UTC0 + 500 * S), (1000 * S, UTC0 + 1000 * S)):
        here = chain.resolve(boot_ns)
        assert abs(here.utc_ns - true_ns) / S <= here.bound_s - 0.99
    line, _ = chain.line_over(0, 200_000 * S)
    assert line.error_s > 1.0 + jump_s
    assert chain.resolve(chain.knots[-1].boot_ns).bound_s == pytest.approx(0.01)


@pytest.mark.parametrize("jump_s", [-40.0, 30.0])
def test_line_over_a_jump_is_as_steep_as_a_message_may_say_and_its_bound_covers_both_sides(jump_s):
    chain = ClockMap((Knot(1000 * S, UTC0 + 1000 * S, 0.01),))
    after_ns = UTC0 + 1050 * S + round(jump_s * S)
    chain = chain.with_knot(Knot(1050 * S, after_ns, 0.01, joined=False))
    line, rate = chain.line_over(1000 * S, 1100 * S)
    assert abs(rate.drift) <= 1e-3
    for boot_s, true_ns in ((1000, UTC0 + 1000 * S), (1100, after_ns + 50 * S)):
        assert abs(line.at(boot_s * S, rate).utc_ns - true_ns) / S <= line.error_s
