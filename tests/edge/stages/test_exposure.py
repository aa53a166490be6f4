"""Accounts: the frame sums hold, and live and dead time fill the span to the nanosecond."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.stages.exposure import Exposure, ExposureAccount
from edge.stages.outcome import FATES, Fate, Outcome, Settled
from edge.timeline import LiveTimeline, RecordedTimeline
from tests.edge.candidates import MODE, MS, stamp


def test_a_steady_camera_lives_for_its_exposures() -> None:
    account = ExposureAccount(LiveTimeline())
    for i in range(100):
        account.add(Settled(Outcome("processed", stamp(i))))
    record = account.close()
    assert record.live_time_ns == 100 * 30 * MS
    assert record.dead_time_ns == {"between_frames": 99 * 3 * MS}
    assert record.to_ns == 99 * 33 * MS + 30 * MS


def test_lost_frames_leave_a_gap_that_is_theirs() -> None:
    account = ExposureAccount(LiveTimeline())
    account.add(Settled(Outcome("processed", stamp(0))))
    account.add(Settled(Outcome("dropped", count=3)))
    account.add(Settled(Outcome("missing", count=1)))
    account.add(Settled(Outcome("processed", stamp(5))))
    record = account.close()
    gap = 5 * 33 * MS - 30 * MS
    assert sum(record.dead_time_ns.values()) == gap
    assert record.dead_time_ns["dropped"] == gap * 3 // 4
    assert record.frame_counts()["expected"] == 6


def test_frames_lost_by_a_process_that_stood_still_are_missing_and_their_time_is_stalled() -> None:
    account = ExposureAccount(LiveTimeline())
    account.add(Settled(Outcome("processed", stamp(0))))
    account.add(Settled(Outcome("missing", count=3, reason="stalled")))
    account.add(Settled(Outcome("missing", count=1)))
    account.add(Settled(Outcome("processed", stamp(5))))
    record = account.close()
    gap = 5 * 33 * MS - 30 * MS
    assert record.frame_counts()["missing"] == 4
    assert record.dead_time_ns == {"stalled": gap * 3 // 4, "missing": gap // 4}


def test_a_gap_is_shared_the_same_way_whichever_loss_was_known_of_first() -> None:
    shared = []
    for fates in (["bad", "missing"], ["missing", "bad"]):
        account = ExposureAccount(LiveTimeline())
        account.add(Settled(Outcome("processed", stamp(0))))
        for fate in fates:
            account.add(Settled(Outcome(fate)))  # type: ignore[arg-type]
        account.add(Settled(Outcome("processed", stamp(3, sensor_time_ns=3 * 33 * MS + 1))))
        shared.append(account.close().dead_time_ns)
    assert shared[0] == shared[1]
    assert shared[0]["bad"] - shared[0]["missing"] == 1


def test_uncovered_calibrating_and_flooded_frames_are_dead_time_by_cause() -> None:
    account = ExposureAccount(LiveTimeline())
    account.add(Settled(Outcome("calibrating", stamp(0))))
    account.add(Settled(Outcome("uncovered", stamp(1))))
    account.add(Settled(Outcome("processed", stamp(2), flood=True), rejected=Counter(flood=1)))
    record = account.close()
    assert record.live_time_ns == 0
    for cause in ("calibrating", "uncovered", "flood"):
        assert record.dead_time_ns[cause] == 30 * MS
    assert record.candidates == 1


def test_a_record_begins_where_the_last_one_ended() -> None:
    account = ExposureAccount(LiveTimeline())
    account.add(Settled(Outcome("processed", stamp(0))))
    first = account.close()
    account.add(Settled(Outcome("processed", stamp(1))))
    second = account.close()
    assert second.from_ns == first.to_ns
    assert second.dead_time_ns["between_frames"] == 3 * MS


def test_a_recording_without_times_counts_at_its_rate() -> None:
    timeline = RecordedTimeline()
    plain = replace(MODE, frame_duration_ns=None, exposure_ns=None)
    times = [timeline.start_ns(stamp(i, plain, sensor_time_ns=None)) for i in range(3)]
    assert times == [0, 33_333_333, 66_666_666]


def test_a_recordings_sensor_time_counts_from_its_first_frame() -> None:
    timeline = RecordedTimeline()
    assert timeline.start_ns(stamp(0, sensor_time_ns=5000)) == 0
    assert timeline.start_ns(stamp(1, sensor_time_ns=7000)) == 2000


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(FATES),
            st.integers(1, 4),
            st.integers(-5, 40),
            st.integers(0, 40),
        ),
        max_size=60,
    )
)
def test_live_and_dead_time_fill_the_span_whatever_comes(
    events: list[tuple[Fate, int, int, int]],
) -> None:
    account = ExposureAccount(LiveTimeline())
    now, frames = 1000, 0
    for fate, count, step, exposure in events:
        now += step
        if fate in ("processed", "calibrating", "uncovered"):
            when = stamp(0, replace(MODE, exposure_ns=exposure), sensor_time_ns=now, exposure_ns=0)
            account.add(Settled(Outcome(fate, when)))
            frames += 1
        else:
            account.add(Settled(Outcome(fate, count=count)))
            frames += count
    span = account.span_ns()
    record = account.close()
    assert record.live_time_ns + sum(record.dead_time_ns.values()) == span
    assert all(ns >= 0 for ns in record.dead_time_ns.values())
    counts = record.frame_counts()
    assert counts["expected"] == counts["received"] + counts["missing"] == frames
    assert counts["received"] == sum(
        counts[k] for k in ("processed", "calibrating", "uncovered", "dropped", "bad")
    )


def test_frames_after_one_with_a_date_count_on_from_it() -> None:
    timeline = RecordedTimeline()
    dated = stamp(0, utc_ns=10**18, sensor_time_ns=None)
    assert timeline.start_ns(dated) == 10**18
    assert timeline.start_ns(stamp(2, sensor_time_ns=None)) == 10**18 + 66 * MS


def test_the_temperature_of_a_sum_is_the_mean_over_all_its_frames() -> None:
    account, total = ExposureAccount(LiveTimeline()), Exposure()
    for i, celsius in enumerate((20.0, 22.0, None, 30.0)):
        account.add(Settled(Outcome("processed", stamp(i, temperature_c=celsius))))
        if i == 1:
            first = account.close()
            total.add(first)
    total.add(account.open)
    assert total.temperature_c == 24.0
    account.reopen(first)
    assert account.open.temperature_c == 24.0
    total.take_back(first)
    assert total.temperature_c == 30.0


S = 1_000_000_000
DARK = replace(MODE, exposure_ns=60 * S, frame_duration_ns=None)


def dark(index: int, at_s: float | None) -> Settled:
    """A dark of a minute, dated so many seconds after a date."""
    utc_ns = None if at_s is None else 17 * 10**17 + round(at_s * S)
    return Settled(Outcome("processed", stamp(index, DARK, utc_ns=utc_ns, sensor_time_ns=None)))


def account_of_darks(*at_s: float | None) -> ExposureAccount:
    account = ExposureAccount(RecordedTimeline())
    for i, one in enumerate(at_s):
        account.add(dark(i, one))
    return account


def is_filled(account: ExposureAccount) -> bool:
    record = account.open
    return record.live_time_ns + sum(record.dead_time_ns.values()) == record.span_ns


def test_files_that_all_state_one_date_follow_each_other() -> None:
    account = account_of_darks(*[0] * 10)
    assert is_filled(account)
    assert account.close().live_time_ns == 600 * S


def test_frames_after_the_clock_was_set_back_are_live_all_the_same() -> None:
    account = account_of_darks(3600, 0, 60, 120)
    assert is_filled(account)
    assert account.span_ns() == account.open.live_time_ns == 240 * S


def test_a_first_frame_without_a_date_lies_before_the_second() -> None:
    account = account_of_darks(None, 60, 120)
    record = account.close()
    assert (record.live_time_ns, sum(record.dead_time_ns.values())) == (180 * S, 0)
    assert (record.from_ns, record.to_ns) == (17 * 10**17, 17 * 10**17 + 180 * S)


def test_a_night_between_two_darks_is_dead_time() -> None:
    record = account_of_darks(0, 60, 40_000, 40_060, 80_000).close()
    assert record.live_time_ns == 300 * S
    assert record.dead_time_ns == {"between_frames": (80_060 - 300) * S}
    assert record.span_ns == 80_060 * S


def camera(times_ns: list[int]) -> ExposureAccount:
    account = ExposureAccount(LiveTimeline())
    for i, time_ns in enumerate(times_ns):
        account.add(Settled(Outcome("processed", stamp(i, sensor_time_ns=time_ns))))
    return account


def steady(count: int, start: int = 10**12) -> list[int]:
    return [start + i * 33 * MS for i in range(count)]


@pytest.mark.parametrize("off", [10**15, 11 * S, -S, -(10**12)])
def test_one_frame_with_a_wrong_time_changes_neither_sum(off: int) -> None:
    times = steady(100)
    times[10] += off
    account = camera(times)
    assert is_filled(account)
    assert account.open.live_time_ns == 100 * 30 * MS
    assert account.span_ns() == 99 * 33 * MS + 30 * MS
    assert account.open.jumped_ns == 0
    assert account.open.dead_time_ns == {"between_frames": 99 * 3 * MS}


def test_a_long_pause_counts_once_a_second_frame_follows_it() -> None:
    times = [*steady(10), *steady(2, 10**12 + 3600 * S)]
    before = camera(times[:11])
    assert before.span_ns() < S
    assert is_filled(before)
    after = camera(times)
    assert after.span_ns() == 3600 * S + 33 * MS + 30 * MS
    assert is_filled(after)


def test_a_clock_set_back_for_good_starts_a_new_span() -> None:
    account = camera([*steady(50), *steady(50, 10**9)])
    assert is_filled(account)
    assert account.open.live_time_ns == 100 * 30 * MS
    assert account.span_ns() == 2 * (49 * 33 + 30) * MS
    record = account.close()
    assert (record.from_ns, record.to_ns) == (10**12, 10**9 + (49 * 33 + 30) * MS)


def test_a_frame_that_begins_a_little_early_is_not_looked_at_twice() -> None:
    account = camera([0, 33 * MS, 60 * MS])
    assert account.open.live_time_ns == 87 * MS
    assert account.open.jumped_ns == 0


def test_a_lost_record_is_put_back_before_frames_of_another_time() -> None:
    account = camera(steady(10))
    lost = account.close(continued=False)
    for i, time_ns in enumerate(steady(10, 10**6)):
        account.add(Settled(Outcome("processed", stamp(i, sensor_time_ns=time_ns))))
    account.reopen(lost)
    assert is_filled(account)
    assert account.open.live_time_ns == 600 * MS


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["processed", "uncovered", "missing"]),
            st.sampled_from([33 * MS, 33 * MS, 33 * MS, 20 * S, -(10**12), 10**12, 0, 10 * MS]),
            st.sampled_from(["", "", "", "continue", "break", "lost"]),
        ),
        max_size=60,
    )
)
def test_live_and_dead_time_fill_the_spans_whatever_the_clock_does(
    events: list[tuple[Fate, int, str]],
) -> None:
    account, now = ExposureAccount(LiveTimeline()), 10**12
    for i, (fate, step, end) in enumerate(events):
        now = max(now + step, 0)
        when = None if fate == "missing" else stamp(i, sensor_time_ns=now)
        account.add(Settled(Outcome(fate, when)))
        assert is_filled(account)
        assert account.open.live_time_ns <= account.open.frames["processed"] * 30 * MS
        assert all(ns >= 0 for ns in account.open.dead_time_ns.values())
        if end:
            closed = account.close(continued=end == "continue")
            if end == "lost":
                account.reopen(closed)
                assert is_filled(account)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 10**9), st.booleans()),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 50),
)
def test_the_vetoed_share_of_any_number_of_frames_is_exact(
    events: list[tuple[int, int, bool]], area_px: int
) -> None:
    account, total, now, exact = ExposureAccount(LiveTimeline()), Exposure(), 0, 0
    for vetoed_px, exposure, ends in events:
        account.veto(vetoed_px, area_px)
        when = stamp(0, replace(MODE, exposure_ns=exposure), sensor_time_ns=now, exposure_ns=0)
        account.add(Settled(Outcome("processed", when)))
        now += exposure
        exact += exposure * min(vetoed_px, area_px)
        assert is_filled(account)
        if ends:
            total.add(account.close())
    total.add(account.close())
    assert total.dead_time_ns["vetoed_area"] == exact // area_px
    assert total.live_time_ns == now - exact // area_px
    assert set(total.dead_time_ns) <= {"vetoed_area"}


def test_only_time_that_was_looked_has_a_vetoed_share() -> None:
    account = ExposureAccount(LiveTimeline())
    account.veto(600, 2400)
    account.add(Settled(Outcome("processed", stamp(0))))
    account.add(Settled(Outcome("uncovered", stamp(1))))
    account.add(Settled(Outcome("processed", stamp(2), flood=True), rejected=Counter(flood=1)))
    record = account.close()
    assert record.live_time_ns == 30 * MS * 3 // 4
    assert record.dead_time_ns == {
        "vetoed_area": 30 * MS // 4,
        "between_frames": 6 * MS,
        "uncovered": 30 * MS,
        "flood": 30 * MS,
    }
