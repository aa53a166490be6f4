"""Times that a damaged recording states never break the accounts of the frames."""

from __future__ import annotations

import pytest

from edge.detection import FrameStamp
from edge.frame import SensorMode, plausible_temperature_c
from edge.messages.fields import MAX_NS
from edge.messages.utc import format_utc_ns
from edge.timeline import RecordedTimeline, exposure_ns

MS = 1_000_000


def stamp(
    index: int = 0,
    *,
    utc_ns: int | None = None,
    sensor_time_ns: int | None = None,
    exposure: int = 0,
    duration: int | None = 100 * MS,
    sequence: int | None = None,
) -> FrameStamp:
    mode = SensorMode("", 8, 8, 8, frame_duration_ns=duration)
    sequence = index if sequence is None else sequence
    return FrameStamp(
        sequence, index, "", mode, sensor_time_ns, utc_ns, exposure, None, "recording"
    )


def test_the_first_frame_fixes_where_the_axis_begins() -> None:
    timeline = RecordedTimeline()
    assert timeline.start_ns(stamp(0, utc_ns=5 * 10**18)) == 5 * 10**18
    assert timeline.start_ns(stamp(3)) == 5 * 10**18 + 300 * MS


def test_without_times_frames_lie_at_their_rate_since_1970() -> None:
    timeline = RecordedTimeline()
    assert [timeline.start_ns(stamp(i)) for i in (2, 3, 7)] == [200 * MS, 300 * MS, 700 * MS]


def test_sensor_times_count_from_the_first() -> None:
    timeline = RecordedTimeline()
    times = [timeline.start_ns(stamp(i, sensor_time_ns=10**12 + i * 7)) for i in range(3)]
    assert times == [0, 7, 14]


@pytest.mark.parametrize(
    "absurd",
    [
        stamp(utc_ns=10**25),
        stamp(utc_ns=-(10**25)),
        stamp(10**15, duration=10**18),
        stamp(exposure=10**30),
        stamp(duration=10**30),
        stamp(utc_ns=2**63 - 1, exposure=2**63),
    ],
)
def test_an_absurd_time_can_still_be_told_and_summed(absurd: FrameStamp) -> None:
    timeline = RecordedTimeline()
    timeline.start_ns(stamp(0))
    start = timeline.start_ns(absurd)
    end = start + exposure_ns(absurd)
    assert 0 <= start < end <= MAX_NS
    assert format_utc_ns(end) > format_utc_ns(start)


def test_a_sensor_time_that_goes_back_before_the_first_is_not_before_1970() -> None:
    timeline = RecordedTimeline()
    timeline.start_ns(stamp(0, sensor_time_ns=10**12))
    assert timeline.start_ns(stamp(1, sensor_time_ns=0)) == 0


@pytest.mark.parametrize("celsius", [None, float("nan"), float("inf"), -999.0, 5000.0])
def test_what_is_no_temperature_is_none(celsius: float | None) -> None:
    assert plausible_temperature_c(celsius) is None


def test_a_temperature_is_kept() -> None:
    assert plausible_temperature_c(-273.15) == -273.15
    assert plausible_temperature_c(41.0) == 41.0


def test_a_date_that_does_not_advance_is_no_date() -> None:
    timeline = RecordedTimeline()
    dates = [5, 5, 5, 8, 8]
    times = [timeline.start_ns(stamp(i, utc_ns=d * 10**9)) for i, d in enumerate(dates)]
    assert [t // MS for t in times] == [5000, 5100, 5200, 8000, 8100]


def test_frames_without_a_date_count_on_from_the_last_one() -> None:
    timeline = RecordedTimeline()
    dates = [None, None, 7, None, 9]
    times = [
        timeline.start_ns(stamp(i, utc_ns=None if d is None else d * 10**9))
        for i, d in enumerate(dates)
    ]
    assert [t // MS for t in times] == [0, 100, 7000, 7100, 9000]


def test_a_frame_asked_for_again_lies_where_it_lay() -> None:
    timeline = RecordedTimeline()
    stamps = [stamp(i, utc_ns=(i // 10) * 10**9) for i in range(50)]
    first = [timeline.start_ns(one) for one in stamps]
    assert [timeline.start_ns(one) for one in reversed(stamps)] == first[::-1]


def test_memory_stays_bounded() -> None:
    timeline = RecordedTimeline()
    for i in range(10_000):
        timeline.start_ns(stamp(i))
    assert len(timeline._known) <= 4096


def test_a_recording_played_again_goes_on() -> None:
    timeline = RecordedTimeline()
    times = [timeline.start_ns(stamp(i % 3, sequence=i)) for i in range(7)]
    assert times == [i * 100 * MS for i in range(7)]


def test_missing_frames_take_their_time() -> None:
    timeline = RecordedTimeline()
    times = [timeline.start_ns(stamp(i, sequence=s)) for i, s in enumerate((0, 1, 5))]
    assert times == [0, 100 * MS, 500 * MS]


def test_a_counter_that_begins_anew_does_not_turn_time_back() -> None:
    timeline = RecordedTimeline()
    times = [timeline.start_ns(stamp(i, sequence=s)) for i, s in enumerate((7, 8, 0, 1))]
    assert times == [0, 100 * MS, 200 * MS, 300 * MS]
