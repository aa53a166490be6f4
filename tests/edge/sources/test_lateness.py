"""Whether a gap is the camera's or this process's own: told by how late frames were fetched."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from edge.frame import BadFrame, Frame, Origin, SensorMode
from edge.sources.capture import Capture, Dropped
from edge.sources.lateness import Lateness

MS = 1_000_000
PERIOD, EXPOSURE, DELAY = 33 * MS, 30 * MS, 50 * MS
MODE = SensorMode("test", 2, 2, 8, EXPOSURE, PERIOD, sensor_clock=True)
PIXELS = np.zeros((2, 2), np.uint8)


def frame(number: int, mode: SensorMode = MODE, shift_ns: int = 0) -> Frame:
    start_ns = 10**12 + number * PERIOD + shift_ns
    return Frame(PIXELS, number, number, mode, sensor_time_ns=start_ns, exposure_ns=EXPOSURE)


def ready_ns(number: int) -> int:
    """When a frame can be had: its exposure is over, and it came through the driver."""
    return 10**12 + number * PERIOD + EXPOSURE + DELAY


def behind(arrivals: list[tuple[int, int]], mode: SensorMode = MODE) -> list[bool]:
    """What is told of frames by number, fetched so many ns after they were ready."""
    lateness = Lateness()
    return [lateness.is_behind(frame(n, mode), ready_ns(n) + late) for n, late in arrivals]


def test_a_camera_that_gives_nothing_for_a_while_was_not_kept_waiting() -> None:
    assert not any(behind([(n, n % 3 * MS) for n in [*range(20), *range(80, 100)]]))


def test_a_driver_that_filled_up_while_nobody_read_shows_who_lost_the_frames() -> None:
    stop_ns = 2000 * MS
    full = [(20 + i, stop_ns - i * PERIOD) for i in range(4)]
    told = behind([*((n, 0) for n in range(20)), *full, (81, 0), *((n, 0) for n in range(82, 100))])
    assert told[:20] == [False] * 20
    assert told[20:25] == [True] * 5  # the frame behind the gap among them
    assert not any(told[40:])


def test_a_driver_that_keeps_the_newest_frames_shows_it_behind_the_gap() -> None:
    kept = [(77 + i, (3 - i) * PERIOD + 5 * MS) for i in range(4)]
    assert behind([*((n, 0) for n in range(20)), *kept])[20]


def test_a_camera_that_lost_a_frame_long_after_a_stall_lost_it_itself() -> None:
    told = behind([(0, 0), (1, 500 * MS), *((n, 0) for n in range(16, 40)), (42, 0)])
    assert told[1]
    assert not told[-1]


def test_a_first_frame_that_waited_does_not_hide_that_later_ones_do() -> None:
    assert behind([(0, 900 * MS), (1, 0), (2, 300 * MS)]) == [False, False, True]


def test_a_clock_that_is_set_back_makes_no_frame_late() -> None:
    lateness = Lateness()
    for number in range(20):
        assert not lateness.is_behind(frame(number), ready_ns(number))
    for number in range(20, 40):
        assert not lateness.is_behind(frame(number, shift_ns=-1500 * MS), ready_ns(number))


def test_of_frames_without_a_time_of_the_sensors_nothing_is_said() -> None:
    for mode in (replace(MODE, sensor_clock=False), replace(MODE, frame_duration_ns=None)):
        assert not any(behind([(0, 0), (1, 5000 * MS), (2, 0)], mode))
    assert not Lateness().is_behind(BadFrame(0, 0, "truncated", "x"), 10**15)


class Stalling:
    """A camera whose driver keeps four frames for a reader that stands still after `number`."""

    name, pushes_back = "stalling:", False
    origin: Origin = "camera"

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self.closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        for number in [*range(10), *range(40, 60)]:
            if number == 6:
                self.closed.wait(self._stall_s)
            if not 6 <= number < 10:
                now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            now += 1000  # what was kept while nobody read is as old as the stall is long
            start_ns = now - EXPOSURE
            yield Frame(PIXELS, number, number, MODE, sensor_time_ns=start_ns, exposure_ns=EXPOSURE)
            self.closed.wait(0.001)

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize(("stall_s", "own"), [(0.0, False), (0.3, True)])
def test_the_capture_tells_it_with_the_frame_behind_the_gap(stall_s: float, own: bool) -> None:
    told = {}
    with Capture(Stalling(stall_s), depth=64) as capture:
        for item in capture:
            assert not isinstance(item, Dropped)
            told[item.sequence] = capture.behind
    assert told[40] is own
    assert not told[0]
    assert not told[59]


def test_frames_the_loop_was_too_late_for_still_tell_it() -> None:
    source = Stalling(0.3)
    with Capture(source, depth=1) as capture:
        time.sleep(0.8)
        dropped = capture.get(5)
        assert isinstance(dropped, Dropped)
        assert dropped.behind
        assert capture.behind
