"""Whom to believe while servers are away, and when they come back."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from edge.clock.exchange import Rejected
from edge.clock.server import Server
from tests.edge.clock.bench import Bench, S

HONEST = (0.0, 0.01)
DAY_S = 86_400


def away(bench: Bench, *names: str) -> None:
    bench.says |= dict.fromkeys(names, "No response")


def test_first_to_be_back_after_an_outage_is_not_believed_before_the_others_were_heard():
    bench = Bench("liar", "a", "b")
    bench.says["liar"] = (2.5, 0.001)
    bench.poll()
    away(bench, "liar", "a", "b")
    for _ in range(9):
        bench.poll(wait_s=64)
    bench.says["liar"] = (2.5, 0.001)
    bench.poll("liar", wait_s=3 * DAY_S)
    assert abs(bench.error_s) < 0.01
    assert "still to be heard" in bench.clock.status().why
    assert [one.polling.wait_s() < 3 for one in bench.clock.servers] == [False, True, True]
    bench.says |= dict.fromkeys("ab", HONEST)
    bench.poll("a", "b", wait_s=2)
    assert bench.stamp.state == "synced"
    assert abs(bench.error_s) < 0.01
    assert bench.clock.status().surprises == 0


@pytest.mark.parametrize("lie", [(2.5, 0.001), (0.008, 0.0001)])
def test_one_that_is_left_of_three_neither_overrules_nor_narrows_what_they_said(lie):
    bench = Bench("liar", "a", "b")
    bench.poll()
    away(bench, "a", "b")
    bench.says["liar"] = lie
    for _ in range(20):
        bench.poll(wait_s=64)
        assert abs(bench.error_s) <= bench.stamp.uncertainty_s
    assert bench.stamp.state == "holdover"
    assert "1 of 3 servers alone" in bench.clock.status().why
    bench.says |= dict.fromkeys("ab", HONEST)
    bench.poll(wait_s=64)
    assert bench.stamp.state == "synced"
    assert abs(bench.error_s) < 0.02


def test_one_that_is_left_for_a_day_is_believed():
    bench = Bench("left", "a", "b")
    bench.poll()
    away(bench, "a", "b")
    for _ in range(DAY_S // 1024 + 10):
        bench.poll(wait_s=1024)
    assert bench.stamp.state == "synced"
    bench.poll(wait_s=64)
    assert bench.stamp.state == "synced", "and goes on to be"


def test_half_of_two_is_not_waited_for():
    bench = Bench("a", "b")
    bench.poll()
    away(bench, "b")
    for _ in range(20):
        bench.poll(wait_s=64)
    assert bench.stamp.state == "synced"
    assert bench.stamp.uncertainty_s == pytest.approx(0.01)


def test_one_of_two_that_never_answers_delays_the_first_sync_by_four_polls():
    bench = Bench("a", "dead")
    away(bench, "dead")
    for known in (False, False, False, True):
        bench.poll(wait_s=2)
        assert bench.clock.is_known() == known


@pytest.mark.parametrize("code", ["DENY", "RATE"])
def test_one_that_refuses_is_not_waited_for(code):
    bench = Bench("a", "b")
    with patch.object(Server, "ask", side_effect=Rejected(f"kiss-o'-death {code}", code)):
        bench.clock.poll(bench.clock.servers[1])
    bench.poll("a", wait_s=2)
    assert bench.stamp.state == "synced"
    away(bench, "a", "b")
    for _ in range(9):
        bench.poll(wait_s=64)
    bench.says["a"] = HONEST
    bench.poll(wait_s=64)
    assert bench.stamp.state == "synced", "nor is it after an outage, but for one poll"


def test_answers_that_come_back_with_a_jump_are_a_surprise_and_are_followed():
    bench = Bench("a", "b", "c")
    for _ in range(20):
        bench.poll(wait_s=64)
    away(bench, "a", "b", "c")
    for _ in range(9):
        bench.poll(wait_s=64)
    before_ns = bench.now_ns
    bench.says = dict.fromkeys("abc", (30.0, 0.01))  # a virtual machine was paused
    for _ in range(3):
        bench.poll(wait_s=100)
    assert (bench.stamp.state, bench.clock.status().surprises) == ("synced", 1)
    assert bench.error_s == pytest.approx(30.0, abs=0.01)
    past = bench.clock.stamp(before_ns - 600 * S)
    assert past.uncertainty_s < 0.1, "what was known before the jump stays known"


def test_majority_that_changes_its_mind_is_followed_once_it_says_so_twice():
    bench = Bench("a", "b", "c")
    bench.poll()
    bench.says |= dict.fromkeys("bc", (5.0, 0.01))
    for _ in range(3):
        bench.poll(wait_s=64)
    assert bench.error_s == pytest.approx(5.0, abs=0.02)
    bench.says = dict.fromkeys("abc", HONEST)
    for _ in range(3):
        bench.poll(wait_s=64)
    assert abs(bench.error_s) < 0.02
    assert bench.stamp.state == "synced"


def test_drift_of_a_crystal_that_is_far_off_is_learned_without_a_surprise():
    bench = Bench("a", "b", "c")
    errors = []
    for _ in range(60):
        off_s = (bench.now_ns - 1000 * S) * 95e-6 / S
        bench.says = dict.fromkeys("abc", (off_s, 0.002))
        bench.poll(wait_s=0)
        errors.append((abs(bench.error_s - off_s), bench.stamp.uncertainty_s))
        bench.now_ns += 64 * S
        errors.append((abs(bench.error_s - off_s - 64 * 95e-6), bench.stamp.uncertainty_s))
    assert all(error_s <= bound_s for error_s, bound_s in errors)
    status = bench.clock.status()
    assert status.surprises == 0
    assert status.drift_ppm == pytest.approx(95, abs=2)
