"""Missing frames: told by the source's counter, by the sensor's time, or by both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.frame import BadFrame, Frame, SensorMode
from edge.stages.gaps import GapCounter

MS, S = 1_000_000, 1_000_000_000
PERIOD = 33_333_333
MODE = SensorMode("test", 2, 2, 8, 30 * MS, PERIOD, sensor_clock=True)
PIXELS = np.zeros((2, 2), np.uint8)


def frame(sequence: int, time_ns: int | None, mode: SensorMode = MODE, series: str = "") -> Frame:
    return Frame(PIXELS, sequence, sequence, mode, series, sensor_time_ns=time_ns)


def bad(sequence: int) -> BadFrame:
    return BadFrame(sequence, sequence, "truncated", "cut short")


def missing(items: Iterable[Frame | BadFrame]) -> list[int]:
    gaps = GapCounter()
    return [gaps.missing_before(item) for item in items]


def camera(
    slots: Iterable[int], mode: SensorMode = MODE, *, blind: bool = False, period: int = PERIOD
) -> list[Frame]:
    """Frames of these numbers on the sensor's clock; a blind counter has no gaps."""
    return [frame(i if blind else slot, slot * period, mode, "") for i, slot in enumerate(slots)]


LOSSY = [0, 1, 2, 4, 5, 9, 10, 11, 30, 31]


def test_both_witnesses_tell_the_same_and_it_counts_once() -> None:
    told = missing(camera(LOSSY))
    assert told == [0, 0, 0, 1, 0, 3, 0, 0, 18, 0]


def test_a_counter_that_hides_losses_is_outdone_by_the_sensors_time() -> None:
    assert missing(camera(LOSSY, blind=True)) == [0, 0, 0, 1, 0, 3, 0, 0, 18, 0]


def test_times_alone_tell_nothing_where_they_are_not_the_sensors_or_no_duration_is_stated() -> None:
    for mode in (replace(MODE, sensor_clock=False), replace(MODE, frame_duration_ns=None)):
        assert sum(missing(camera(LOSSY, mode, blind=True))) == 0
        assert sum(missing(camera(LOSSY, mode))) == 22


def test_frames_without_a_time_and_bad_ones_take_up_their_slots() -> None:
    items = [frame(0, 0), bad(1), frame(2, None), frame(3, 7 * PERIOD)]
    assert missing(items) == [0, 0, 0, 4]
    told_before = [frame(0, 0), bad(3), frame(4, 4 * PERIOD), frame(5, 5 * PERIOD)]
    assert missing(told_before) == [0, 2, 0, 0]
    half_told = [frame(0, 0), bad(3), frame(4, 6 * PERIOD)]
    assert missing(half_told) == [0, 2, 2]


@pytest.mark.parametrize("shift_ns", [-1500 * MS, -(10**15), 3600 * S, 10**15])
def test_a_clock_that_steps_back_or_far_forward_invents_nothing(shift_ns: int) -> None:
    frames = camera(range(100), blind=True)
    stepped = [
        replace(one, sensor_time_ns=(one.sensor_time_ns or 0) + shift_ns * (i >= 50))
        for i, one in enumerate(frames)
    ]
    assert sum(missing(stepped)) == 0


@pytest.mark.parametrize("shift_ns", [-1500 * MS, 1500 * MS])
def test_a_counter_that_has_told_the_truth_is_believed_against_a_step_of_the_clock(
    shift_ns: int,
) -> None:
    slots = [i for i in range(300) if i not in (10, 200, 201)]
    stepped = [
        replace(one, sensor_time_ns=(one.sensor_time_ns or 0) + shift_ns * (50 <= i < 150))
        for i, one in enumerate(camera(slots))
    ]
    assert sum(missing(stepped)) == 3


def test_a_counter_that_begins_anew_hides_what_its_time_still_tells() -> None:
    before = camera([0, 1, 3, 4])
    anew = [frame(i, (9 + i) * PERIOD) for i in range(3)]
    assert missing([*before, *anew]) == [0, 0, 1, 0, 4, 0, 0]
    without_times = [replace(one, sensor_time_ns=None) for one in [*before, *anew]]
    assert missing(without_times) == [0, 0, 1, 0, 0, 0, 0]


def test_another_mode_or_series_has_a_time_of_its_own() -> None:
    other = replace(MODE, frame_duration_ns=100 * MS)
    for later in (frame(1, 50 * PERIOD, other), frame(1, 50 * PERIOD, series="b")):
        assert missing([frame(0, 0), later]) == [0, 0]
    # What a mode differs in besides its pace makes no gap unseen.
    hotter = replace(MODE, gain=4.0)
    assert missing([frame(0, 0), frame(1, 4 * PERIOD, hotter)]) == [0, 3]


def test_a_duration_shorter_than_the_exposure_is_not_believed() -> None:
    assert sum(missing(camera(range(50), replace(MODE, frame_duration_ns=1), blind=True))) == 0


def test_dropped_frames_take_up_their_slots() -> None:
    gaps = GapCounter()
    assert gaps.missing_before(frame(0, 0)) == 0
    assert gaps.missing_among(first=3, last=6, count=3) == 2 + 1
    assert gaps.missing_before(frame(7, 9 * PERIOD)) == 2  # and two that the counter hid
    assert gaps.missing_before(frame(8, 10 * PERIOD)) == 0


@pytest.mark.parametrize("blind", [True, False])
def test_a_long_gap_is_counted_right_although_the_stated_duration_is_a_little_off(
    blind: bool,
) -> None:
    slots = [*range(200), *range(480, 500)]
    told = missing(camera(slots, blind=blind, period=PERIOD * 103 // 100))
    assert sum(told) == 280


@pytest.mark.parametrize("factor", [0.4, 1.3, 2.0, 3.0])
def test_a_stated_duration_that_never_fits_is_soon_not_believed(factor: float) -> None:
    told = missing(camera(range(500), blind=True, period=round(PERIOD * factor)))
    assert sum(told) <= 2 * 16
    assert sum(told[40:]) == 0


def test_a_camera_that_loses_every_tenth_frame_keeps_its_duration() -> None:
    slots = [i for i in range(1000) if i % 10]
    assert sum(missing(camera(slots, blind=True))) == 99


@settings(max_examples=200, deadline=None)
@given(
    lost=st.sets(st.integers(1, 198), max_size=80),
    spoilt=st.sets(st.integers(1, 198), max_size=20),
    jitter=st.lists(st.floats(-0.2, 0.2), min_size=200, max_size=200),
    off=st.floats(-0.01, 0.01),
    blind=st.booleans(),
)
def test_every_frame_is_received_or_missing_whatever_is_lost(
    lost: set[int], spoilt: set[int], jitter: list[float], off: float, blind: bool
) -> None:
    items: list[Frame | BadFrame] = []
    for slot in range(200):
        if slot in lost:
            continue
        number = len(items) if blind else slot
        time_ns = round((slot + jitter[slot]) * PERIOD * (1 + off))
        items.append(bad(number) if slot in spoilt else frame(number, time_ns))
    told = missing(items)
    assert len(items) + sum(told) == 200
    assert min(told) >= 0


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-5, 10),
            st.one_of(st.none(), st.integers(-(10**18), 10**18), st.integers(0, 10 * PERIOD)),
            st.booleans(),
            st.sampled_from([MODE, replace(MODE, gain=2.0), replace(MODE, frame_duration_ns=1)]),
        ),
        max_size=60,
    )
)
def test_no_stream_makes_less_than_none_missing(
    events: list[tuple[int, int | None, bool, SensorMode]],
) -> None:
    gaps, sequence, now = GapCounter(), 0, 0
    for step, time_step, is_bad, mode in events:
        sequence = max(sequence + step, 0)
        now += time_step or 0
        item = (
            bad(sequence) if is_bad else frame(sequence, None if time_step is None else now, mode)
        )
        assert gaps.missing_before(item) >= 0
