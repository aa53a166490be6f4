"""Times of frames whose camera tells none: smooth, never late, never lost in a drift."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock.arrival import ArrivalLine, LeastDelay
from edge.frame import Frame
from edge.sources.lateness import Lateness
from tests.edge.sources.test_lateness import EXPOSURE, MODE, PERIOD, PIXELS

MS = 1_000_000
NOMINAL = 33_333_333


def delays(count: int, seed: int = 1) -> list[int]:
    """Mostly a millisecond or two, now and then twenty: as a busy computer delays frames."""
    chance = random.Random(seed)
    return [
        round(chance.expovariate(1 / (2 * MS))) + (20 * MS if chance.random() < 0.05 else 0)
        for _ in range(count)
    ]


def errors_ns(line: ArrivalLine, true_ns: list[int], late: list[int]) -> list[int]:
    return [
        line.place_ns(number, true + by) - true
        for number, (true, by) in enumerate(zip(true_ns, late, strict=True))
    ]


@pytest.mark.parametrize("ppm", [-1000, -50, 0, 50, 1000])
def test_jitter_is_taken_out_whatever_the_cameras_rate_is(ppm):
    true_ns = [10**12 + round(number * NOMINAL * (1 + ppm * 1e-6)) for number in range(3000)]
    late = delays(3000)
    line = ArrivalLine(NOMINAL)
    off = errors_ns(line, true_ns, late)[300:]
    rms_ms = (sum(e * e for e in off) / len(off)) ** 0.5 / MS
    arrival_ms = (sum(d * d for d in late) / len(late)) ** 0.5 / MS
    assert rms_ms < 0.2 * arrival_ms


def test_line_follows_a_camera_whose_rate_drifts():
    true_ns, now = [], 10**12
    for number in range(20_000):
        now += round(NOMINAL * (1 + 100e-6 * number / 20_000))
        true_ns.append(now)
    off = errors_ns(ArrivalLine(NOMINAL), true_ns, delays(20_000))
    assert (sum(e * e for e in off[-2000:]) / 2000) ** 0.5 < MS
    assert max(abs(e) for e in off[-2000:]) < 4 * MS


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 200 * MS)), min_size=1, max_size=150),
    st.one_of(st.none(), st.just(NOMINAL)),
)
def test_time_is_never_after_the_arrival_and_never_turns_back(steps, period):
    line, number, arrival, placed = ArrivalLine(period), 0, 10**12, []
    for more, wait in steps:
        number, arrival = number + more, arrival + wait + 1
        placed.append(line.place_ns(number, arrival))
        assert placed[-1] <= arrival
    assert all(early < late for early, late in pairwise(placed))


def test_frames_that_were_lost_unseen_begin_a_new_line():
    line = ArrivalLine(NOMINAL)
    true_ns = [10**12 + number * NOMINAL for number in range(200)]
    true_ns += [10**12 + (number + 5) * NOMINAL for number in range(200, 400)]
    off = errors_ns(line, true_ns, [0] * 400)
    assert max(abs(e) for e in off) < 0.1 * MS


def test_camera_that_is_slower_than_it_says_is_believed_by_its_frames():
    true_ns = [10**12 + number * 6 * NOMINAL for number in range(300)]
    line = ArrivalLine(NOMINAL)
    off = errors_ns(line, true_ns, delays(300))
    assert max(abs(e) for e in off[100:]) < 5 * MS


def test_series_that_begins_anew_is_a_new_line():
    line = ArrivalLine(NOMINAL)
    for number in range(50):
        line.place_ns(number, 10**12 + number * NOMINAL)
    assert line.place_ns(0, 10**13) == 10**13


# -- the least delay -------------------------------------------------------------------------


def test_least_delay_follows_a_clock_that_runs_away():
    least = LeastDelay()
    for minute in range(24 * 60):
        at_ns = minute * 60 * 10**9
        assert least.excess_ns(5 * MS + round(at_ns * 100e-6), at_ns) < 10 * MS
    assert least.excess_ns(10**10, at_ns + 1) > 10**9 - MS


def test_slow_camera_clock_makes_no_frame_late_after_hours():
    lateness, hours = Lateness(), 12
    for second in range(0, hours * 3600, 5):
        number = second * 30
        start_ns = 10**12 + number * PERIOD
        frame = Frame(PIXELS, number, number, MODE, sensor_time_ns=start_ns, exposure_ns=EXPOSURE)
        arrival_ns = start_ns + EXPOSURE + 50 * MS + round(number * PERIOD * 50e-6)
        assert not lateness.is_behind(frame, arrival_ns)
    stalled = start_ns + PERIOD
    frame = Frame(PIXELS, 10**8, 10**8, MODE, sensor_time_ns=stalled, exposure_ns=EXPOSURE)
    assert lateness.is_behind(frame, arrival_ns + 500 * MS)
