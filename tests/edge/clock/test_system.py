"""Clocks: the mapping from boot time to UTC, its bound, and what is said when nobody knows."""

from __future__ import annotations

import ctypes
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import (
    Clock,
    RecordedClock,
    Stamp,
    SystemClock,
    boottime_ns,
    compare_clocks,
    drift_s,
    kernel_max_error_s,
    read_boot_id,
)
from edge.clock import base as clock_module


def test_now_on_boot_time_is_now_in_utc():
    clock = SystemClock()
    before = time.time_ns()
    stamp = clock.stamp(clock.boottime_ns())
    after = time.time_ns()
    assert before - 1_000_000 < stamp.utc_ns < after + 1_000_000


def test_spans_are_kept_to_the_nanosecond():
    clock = SystemClock(refresh_s=60)
    now = clock.boottime_ns()
    assert clock.stamp(now).utc_ns - clock.stamp(now - 123_456_789).utc_ns == 123_456_789


def test_tightest_of_several_brackets_bounds_the_comparison():
    found = compare_clocks()
    assert 0 <= found.half_width_ns < 1_000_000
    assert abs(found.boot_ns - boottime_ns()) < 1_000_000_000
    assert abs(found.boot_ns + found.offset_ns - time.time_ns()) < 1_000_000_000


def test_synced_kernel_gives_its_bound_and_the_way_from_the_bracket():
    clock = SystemClock(max_error_s=lambda: 0.012)
    now = clock.boottime_ns()
    stamp = clock.stamp(now)
    assert stamp.state == "synced"
    assert stamp.uncertainty_s == pytest.approx(0.012, abs=0.002)
    assert stamp.uncertainty_s > 0.012
    hour_ago = clock.stamp(now - 3_600_000_000_000)
    assert hour_ago.uncertainty_s - stamp.uncertainty_s == pytest.approx(0.054, rel=1e-3)


@pytest.mark.parametrize("bound", [None, 16.0, 16.5])
def test_unsynced_kernel_states_no_bound(bound):
    stamp = SystemClock(max_error_s=lambda: bound).stamp(boottime_ns())
    assert stamp.state == "unsynced"
    assert stamp.uncertainty_s is None


def test_bound_just_under_sixteen_seconds_is_synced():
    assert SystemClock(max_error_s=lambda: 15.999).stamp(boottime_ns()).state == "synced"


def test_kernel_is_asked_again_after_a_while_but_not_for_every_hit():
    answers = iter([16.0, 0.001, 0.002])
    clock = SystemClock(refresh_s=0.5, max_error_s=lambda: next(answers))
    assert clock.stamp(boottime_ns()).state == "unsynced"
    assert clock.stamp(boottime_ns()).state == "unsynced"
    time.sleep(0.55)
    assert clock.stamp(boottime_ns()).state == "synced"
    assert clock.stamp(boottime_ns()).uncertainty_s == pytest.approx(0.001, abs=5e-4)


def test_kernel_bound_is_what_adjtimex_says():
    bound = kernel_max_error_s()
    if bound is None:
        pytest.skip("this kernel does not answer adjtimex")
    assert 0 <= bound <= 16.0


def test_missing_adjtimex_is_an_unknown_bound(monkeypatch):
    def missing(*_args: object, **_kwargs: object) -> object:
        raise OSError("no C library")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert kernel_max_error_s() is None
    assert SystemClock().stamp(boottime_ns()).state == "unsynced"


def test_refused_adjtimex_is_an_unknown_bound(monkeypatch):
    class Library:
        def __init__(self, *_args: object, **_kwargs: object) -> None:
            self.adjtimex = lambda _timex: -1

    monkeypatch.setattr(ctypes, "CDLL", Library)
    assert kernel_max_error_s() is None


def test_boot_id_is_the_kernels_or_none(monkeypatch, tmp_path):
    assert read_boot_id() == SystemClock().boot_id
    monkeypatch.setattr(clock_module, "_BOOT_ID", tmp_path / "absent")
    assert read_boot_id() is None
    (tmp_path / "absent").write_text("1b4e28ba-2fa1-11d2-883f-0016d3cca427\n")
    assert read_boot_id() == "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def test_boot_time_is_monotonic_where_there_is_no_better(monkeypatch):
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert abs(boottime_ns() - time.monotonic_ns()) < 1_000_000_000


@given(time_ns=st.integers(-(10**18), 10**19))
def test_recording_keeps_its_own_time_and_claims_nothing(time_ns):
    clock: Clock = RecordedClock()
    assert clock.stamp(time_ns) == Stamp(time_ns, None, "unsynced")
    assert clock.boot_id is None


def test_recorded_clock_still_measures_time_that_passes():
    assert abs(RecordedClock().boottime_ns() - boottime_ns()) < 1_000_000_000


def test_drift_grows_with_the_span_both_ways():
    assert drift_s(0) == 0
    assert drift_s(1_000_000_000) == drift_s(-1_000_000_000) == pytest.approx(15e-6)
    assert math.isclose(drift_s(86_400 * 10**9), 1.296)
