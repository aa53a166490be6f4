"""Lines at fault: a column that lights over many frames, noise in the first rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.stages.history import History, HistoryRules
from tests.edge.candidates import MODE, candidate, stamp

S = 1_000_000_000
HEIGHT, WIDTH = 240, 320
SECOND = stamp(0, replace(MODE, exposure_ns=S, frame_duration_ns=S))


class Sensor:
    """A sensor on which hits fall at random, and some of a line in between."""

    def __init__(self, per_min: float) -> None:
        self.history = History(HistoryRules(), HEIGHT, WIDTH, 0.1 / 60)
        self.random = np.random.default_rng(2)
        self.per_s = per_min / 60
        self.now_s = 0
        self.real = self.lost = 0

    def wait(self, seconds: int) -> None:
        """Real hits fall, second by second."""
        for _ in range(seconds):
            self.now_s += 1
            self.history.is_burst(0, SECOND, self.now_s * S)
            for _ in range(self.random.poisson(self.per_s)):
                self.real += 1
                self.lost += self.at(*self.random.integers((HEIGHT, WIDTH)).tolist()) is not None

    def at(self, y: int, x: int) -> str | None:
        return self.history.judge(candidate((y, x)))

    def line(self, count: int, period_s: int, *, y: int | None = None, x: int | None = None) -> int:
        """Candidates that pass of a line that lights again and again."""
        passed = 0
        for _ in range(count):
            self.wait(period_s)
            row = int(self.random.integers(HEIGHT)) if y is None else y
            col = int(self.random.integers(WIDTH)) if x is None else x
            passed += self.at(row, col) is None
        return passed


@pytest.mark.parametrize(("period_s", "most"), [(1, 6), (10, 11)])
def test_a_column_that_lights_over_many_frames_is_refused(period_s: int, most: int) -> None:
    sensor = Sensor(60)
    sensor.wait(300)
    assert sensor.line(60, period_s, x=77) <= most


def test_noise_in_the_first_row_is_refused_sooner_than_in_another() -> None:
    first, other = Sensor(60), Sensor(60)
    for sensor in (first, other):
        sensor.wait(300)
    assert first.line(60, 20, y=0) <= other.line(60, 20, y=100) <= 30


def test_real_hits_are_never_a_line() -> None:
    sensor = Sensor(60)
    sensor.wait(3 * 3600)
    assert sensor.real > 10_000
    assert sensor.lost <= 1e-3 * sensor.real


def test_a_line_that_was_quiet_is_used_again() -> None:
    sensor = Sensor(1)
    sensor.wait(300)
    sensor.line(20, 1, x=77)
    assert sensor.at(3, 77) == "row_column"
    sensor.wait(700)
    assert sensor.at(200, 77) is None


def test_it_can_be_switched_off() -> None:
    sensor = Sensor(1)
    sensor.history = History(HistoryRules(lines=False), HEIGHT, WIDTH, 0.1 / 60)
    sensor.wait(300)
    assert sensor.line(20, 1, x=77) == 20
