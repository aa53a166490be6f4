"""Accounts: the frame sums hold, and live and dead time fill the span to the nanosecond."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.stages.exposure import ExposureAccount
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
