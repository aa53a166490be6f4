"""Clocks: the mapping from boot time to UTC, its bound, and what is said when nobody knows."""

from __future__ import annotations

import ctypes
import json
import math
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
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
from edge.clock.reading import Reading
from edge.messages import ClockMessage, envelope, parse_message
from edge.messages.utc import parse_utc_ns

S = 1_000_000_000
UTC0 = 1_790_000_000 * S


class Hands:
    """A system's clock whose computer is in a test's hands; by UTC it runs as the raw clock."""

    def __init__(self, max_error_s: float = 0.012, word: float | None = None) -> None:
        self.boot_ns, self.raw_ns, self.asleep_ns = 10_000 * S, 10_000 * S, 0
        self.wall_ahead_ns = UTC0
        self.utc_ns = UTC0 + self.boot_ns
        self.max_error_s, self.word = max_error_s, word
        self.past: list[tuple[int, int]] = []
        self.clock = SystemClock(
            0.0, lambda: self.max_error_s, read=self.read, renewed=lambda: self.word
        )

    def read(self) -> Reading:
        wall_ns = self.boot_ns + self.wall_ahead_ns
        return Reading(self.boot_ns, self.boot_ns - self.asleep_ns, wall_ns, self.raw_ns, 100)

    def pass_s(self, span_s: float, pushed: float = 0.0, crystal: float = 0.0) -> None:
        """Let time pass; the crystal is slow by `crystal`, and a daemon pushes boot time."""
        span_ns = round(span_s * S)
        raw_ns = span_ns - round(span_ns * crystal)
        self.utc_ns += span_ns
        self.raw_ns += raw_ns
        self.boot_ns += raw_ns + round(span_ns * pushed)
        self.past.append((self.boot_ns, self.utc_ns))
        self.clock.is_known()

    def sleep(self, span_s: float, miscounted_s: float) -> None:
        """Suspend: boot time and the wall clock are told of it by the hardware clock."""
        self.utc_ns += round(span_s * S)
        self.boot_ns += round((span_s + miscounted_s) * S)
        self.asleep_ns += round((span_s + miscounted_s) * S)

    def check(self, *instants: tuple[int, int]) -> None:
        for boot_ns, utc_ns in instants or [*self.past, (self.boot_ns, self.utc_ns)]:
            stamp = self.clock.stamp(boot_ns)
            if stamp.state != "unsynced":
                off_s = abs(stamp.utc_ns - utc_ns) / S
                assert off_s <= stamp.uncertainty_s, (off_s, stamp)


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
    hands = Hands()
    stamp = hands.clock.stamp(hands.boot_ns)
    assert stamp.state == "synced"
    assert stamp.uncertainty_s == pytest.approx(0.012 + 1e-7)
    hour_ago = hands.clock.stamp(hands.boot_ns - 3600 * S)
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


# -- what happens to the computer meanwhile ---------------------------------------------------


@given(st.floats(-1.0, 1.0), st.floats(1e-5, 0.08), st.integers(0, 900))
def test_bound_holds_for_instants_before_a_daemon_pushed_the_clock(off_s, rate, quiet_s):
    """Less than a second off at the start, chronyd does not set the clock: it pushes it."""
    hands = Hands(max_error_s=16.0)
    hands.wall_ahead_ns -= round(off_s * S)
    hands.pass_s(60)
    left_s = abs(off_s)
    while left_s > 0:
        step_s = min(left_s, rate)
        hands.pass_s(1, math.copysign(step_s, off_s))
        left_s -= step_s if step_s > 1e-9 else left_s
        if len(hands.past) > 200:
            break
    hands.max_error_s = left_s + 0.001
    for _ in range(quiet_s // 30):
        hands.pass_s(30)
    hands.check()


@given(st.floats(-90e-6, 90e-6), st.integers(1, 200), st.integers(1, 100))
def test_bound_holds_for_instants_before_a_daemon_knew_the_crystal(crystal, before, after):
    hands = Hands(max_error_s=16.0)
    for _ in range(before):
        hands.pass_s(5, crystal=crystal)
    hands.wall_ahead_ns += hands.utc_ns - hands.boot_ns - hands.wall_ahead_ns  # set, and known
    hands.max_error_s = 0.001
    for _ in range(after):
        hands.pass_s(5, pushed=crystal, crystal=crystal)
    hands.check()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(
        st.sampled_from(["run", "learn", "set", "push", "sleep", "lose"]), min_size=2, max_size=8
    ),
)
def test_bound_holds_whatever_an_honest_daemon_does(seed, through):
    """It knows how far the clock is off, sets or pushes it, learns the crystal, or says nothing."""
    chance = random.Random(seed)
    hands = Hands(max_error_s=16.0, word=0.0)
    crystal, corrected = chance.uniform(-90e-6, 90e-6), 0.0
    hands.wall_ahead_ns += round(chance.choice([0.3, -0.5, 5, -86_400]) * S)

    def run(span_s: float, pushed: float = 0.0) -> None:
        for _ in range(round(span_s / 4)):
            hands.pass_s(4, pushed=corrected + pushed, crystal=crystal)
            hands.max_error_s += 60e-6 if hands.max_error_s < 16 else 0
            hands.check((hands.boot_ns, hands.utc_ns))

    def off_s() -> float:
        return (hands.boot_ns + hands.wall_ahead_ns - hands.utc_ns) / S

    for what in through:
        if what in ("learn", "set", "push"):
            corrected = crystal + chance.uniform(-3e-6, 3e-6)
            hands.wall_ahead_ns -= round(off_s() * S) if what == "set" else 0
            hands.max_error_s = abs(off_s()) + chance.uniform(1e-4, 1e-2)
            hands.word += 1
            if what == "push" and abs(off_s()) < 2:
                rate = chance.choice([500e-6, 0.02])
                run(min(abs(off_s()) / rate, 400), -math.copysign(rate, off_s()))
        elif what == "sleep":
            hands.sleep(chance.uniform(10, 50_000), chance.uniform(-0.9, 0.9))
            hands.check((hands.boot_ns, hands.utc_ns))
        elif what == "lose":
            hands.max_error_s, hands.word = 16.0, hands.word + 1
        run(chance.uniform(60, 900))
        hands.check(*hands.past[::7])


@pytest.mark.parametrize("miscounted_s", [-0.9, 0.9])
@pytest.mark.parametrize("words", [(None, None), (1.0, 2.0)])
def test_after_a_suspend_the_word_of_before_is_worth_a_second_less(miscounted_s, words):
    hands = Hands(word=words[0])
    for _ in range(4):
        hands.pass_s(30)
    hands.sleep(3600, miscounted_s)
    hands.check()
    assert hands.clock.stamp(hands.boot_ns).uncertainty_s > 1
    for _ in range(4):
        hands.pass_s(30)  # chronyd has not asked yet: its word is the same
        hands.max_error_s += 0.001
        hands.check()
    hands.wall_ahead_ns -= round(miscounted_s * S)  # it has, and sets the clock
    hands.max_error_s, hands.word = 0.011, words[1]
    hands.pass_s(1)
    hands.max_error_s, hands.word = 0.010, words[1] and 3.0
    hands.pass_s(1)
    hands.check()
    assert hands.clock.stamp(hands.boot_ns).uncertainty_s < 0.1
    assert hands.clock.stamp(hands.past[0][0]).uncertainty_s > 1, "before the suspend"


def test_a_clock_that_somebody_sets_is_no_better_than_how_far_it_was_set():
    hands = Hands(word=1.0)
    hands.pass_s(30)
    hands.wall_ahead_ns += 5 * S  # date -s, while chronyd goes by what it knew
    hands.pass_s(30)
    hands.check()
    hands.wall_ahead_ns += 3600 * S
    hands.pass_s(30)
    assert hands.clock.stamp(hands.boot_ns).state == "unsynced"


def test_a_clock_that_is_set_from_weeks_back_is_known_at_once():
    hands = Hands(max_error_s=16.0)
    hands.wall_ahead_ns -= 14 * 86_400 * S
    hands.pass_s(30)
    assert not hands.clock.is_known()
    hands.wall_ahead_ns += 14 * 86_400 * S
    hands.max_error_s = 0.01
    hands.pass_s(1)
    assert hands.clock.is_known()
    hands.check()


def test_marks_of_many_days_are_bounded_and_the_bound_holds():
    hands = Hands()
    for _ in range(9000):
        hands.pass_s(20, pushed=-20e-6, crystal=-20e-6)
    assert len(hands.clock._trace._marks) <= 8192
    hands.check(*hands.past[::500])
    recent = hands.clock.stamp(hands.past[-3][0])
    assert recent.uncertainty_s < 0.02


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_clock_message_dates_what_went_out_unsynced_as_the_clock_does(made_ms, now_ms):
    hands = Hands()
    hands.boot_ns = hands.raw_ns = now_ms * 1_000_000
    made_ns = min(made_ms, now_ms) * 1_000_000
    body = hands.clock.message(0, hands.boot_ns)
    sent = envelope("clock", body, rig="a", epoch="e" * 16, seq=1, floor=1, origin="camera")
    message = parse_message(json.dumps(sent).encode())
    assert isinstance(message, ClockMessage)
    away_ns = made_ns - message.reference_boot_ns
    dated_ns = parse_utc_ns(message.reference_utc) + round(away_ns * (1 + message.rate_ppm / 1e6))
    stamp = hands.clock.stamp(made_ns)
    assert abs(dated_ns - stamp.utc_ns) <= 1_000
    assert message.uncertainty_s >= stamp.uncertainty_s
    assert message.source == "the kernel"


def test_a_clock_that_is_not_known_has_no_message():
    assert Hands(max_error_s=16.0).clock.message(0, 1) is None
    assert RecordedClock().message(0, 1) is None


def test_what_the_kernel_has_yet_to_correct_is_part_of_the_bound(monkeypatch):
    """systemd-timesyncd calls the error 0 and leaves 0.3 s to the kernel."""

    class Library:
        def __init__(self, *_args: object, **_kwargs: object) -> None:
            pass

        def adjtimex(self, timex: Any) -> int:
            head = timex._obj
            head.maxerror, head.offset, head.status = 500, -300_000_000, 0x2001
            return 0

    monkeypatch.setattr(ctypes, "CDLL", Library)
    assert kernel_max_error_s() == pytest.approx(0.3005)


def test_bound_of_a_message_holds_where_the_clock_was_pushed_forth_and_back():
    hands = Hands()
    for pushed in (0.01, -0.01):
        for _ in range(40):
            hands.pass_s(5)
        for _ in range(10):
            hands.pass_s(5, pushed)
    for _ in range(40):
        hands.pass_s(5)
    body = hands.clock.message(9_000 * S, hands.boot_ns)
    reference_ns = parse_utc_ns(body["reference_utc"]) - body["reference_boot_ns"]
    off_s = [abs(boot_ns + reference_ns - utc_ns) / S for boot_ns, utc_ns in hands.past]
    assert max(off_s) > 0.4
    assert max(off_s) <= body["uncertainty_s"]


@pytest.mark.parametrize(("hour", "is_seen"), [(0, True), (12, False)])
def test_a_leap_second_is_seen_at_once_at_the_start_of_a_day(hour, is_seen):
    begun_ns, leapt_s = boottime_ns(), [0]
    day_ns = 20_000 * 86_400 * S + hour * 3600 * S

    def read() -> Reading:
        now_ns = boottime_ns()
        wall_ns = day_ns - S // 2 + now_ns - begun_ns - leapt_s[0] * S + S
        return Reading(now_ns, now_ns, wall_ns, now_ns)

    clock = SystemClock(max_error_s=lambda: 0.001, read=read)
    before = clock.stamp(boottime_ns())
    assert before.uncertainty_s < 0.01
    leapt_s[0] = 1  # the kernel has put it in
    time.sleep(0.05)
    after = clock.stamp(boottime_ns())
    assert (after.utc_ns < before.utc_ns) == is_seen
    assert (after.uncertainty_s > 1) == is_seen
