"""A leap second that servers announce."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge.clock.leap import due_ns
from edge.messages.utc import parse_utc_ns
from tests.edge.clock.bench import UTC0, Bench, S


def unix_ns(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * S


def bench_before_new_year(*names: str) -> tuple[Bench, int]:
    """A clock that is 100 s before the year 2027; and the boot time of that."""
    bench = Bench(*names)
    year_ns = unix_ns(2027, 1, 1) - UTC0
    bench.now_ns = year_ns - 100 * S
    bench.clock.look_around()
    return bench, year_ns


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ((2026, 12, 31, 23, 59, 59), (2027, 1, 1)),
        ((2026, 6, 1), (2026, 7, 1)),
        ((2028, 2, 29, 12), (2028, 3, 1)),
    ],
)
def test_a_second_is_due_at_the_end_of_the_month(now, due):
    assert due_ns(unix_ns(*now)) == unix_ns(*due)


@pytest.mark.parametrize("second", [1, 2])
def test_bound_holds_over_a_leap_second_until_and_after_the_servers_were_asked(second):
    bench, year_ns = bench_before_new_year("a", "b", "c")
    bench.leap = second
    bench.poll()
    off_s = -1.0 if second == 1 else 1.0
    assert bench.clock.status().leap == second
    for after_s in (0.5, 1.0, 1.9, 2.0, 30.0):
        bench.now_ns = year_ns + round(after_s * S)
        stamp = bench.stamp  # before anybody looked
        assert abs(bench.error_s - off_s) <= stamp.uncertainty_s
        told = bench.clock.message(bench.now_ns - S, bench.now_ns)
        told_ns = parse_utc_ns(told["reference_utc"]) + bench.now_ns - told["reference_boot_ns"]
        told_error_s = (told_ns - bench.now_ns - UTC0) / S
        assert abs(told_error_s - off_s) <= told["uncertainty_s"]
        bench.clock.look_around()
        assert abs(bench.error_s - off_s) <= bench.stamp.uncertainty_s
    assert all(one.polling.wait_s() < 3 for one in bench.clock.servers)
    bench.leap = 0
    bench.says = dict.fromkeys("abc", (off_s, 0.01))
    bench.poll(wait_s=2)
    assert bench.error_s == pytest.approx(off_s, abs=0.01)
    assert bench.stamp.uncertainty_s < 0.05
    for boot_ns, true_s in ((year_ns - 50 * S, 0.0), (year_ns + 10 * S, off_s)):
        stamp = bench.clock.stamp(boot_ns)
        assert abs(stamp.utc_ns - UTC0 - boot_ns - true_s * S) / S <= stamp.uncertainty_s
    for _ in range(5):
        bench.poll(wait_s=64)
        bench.clock.look_around()
    assert bench.stamp.uncertainty_s < 0.05, "it is over"
    assert bench.clock.status().surprises == 0


def test_a_leap_second_that_one_server_made_up_costs_a_second_for_a_moment():
    bench, year_ns = bench_before_new_year("a", "b", "c")
    bench.leap = 1
    bench.poll("a")
    bench.leap = 0
    bench.poll("b", "c")
    bench.now_ns = year_ns + 2 * S
    bench.clock.look_around()
    assert 1.0 < bench.stamp.uncertainty_s < 1.1
    bench.poll(wait_s=2)
    assert bench.stamp.uncertainty_s == pytest.approx(0.01)
    assert abs(bench.error_s) < 0.01
