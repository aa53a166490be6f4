"""Hot places: what lights often is refused, real hits pass, what heals is used again."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from edge.stages.places import HOT_PIXEL, TELEGRAPH, Places
from edge.stages.poisson import at_least
from edge.stages.rate import PixelRate
from tests.edge.candidates import candidate

S = 1_000_000_000
MIN = 60 * S
HOUR = 3600 * S
VGA = (480, 640)


class Sensor:
    """Places of a sensor on which hits fall at random, minute by minute."""

    def __init__(
        self, per_min: float, shape: tuple[int, int] = VGA, *, floor_per_min: float = 0.1
    ) -> None:
        self.shape = shape
        self.per_min = per_min
        self.rate = PixelRate(shape[0] * shape[1], floor_per_min / 60)
        self.places = Places(self.rate)
        self.random = np.random.default_rng(5)
        self.now_ns = 0
        self.real = 0
        self.lost = 0

    def wait(self, seconds: float) -> None:
        """Let real hits fall for so long."""
        end = self.now_ns + round(seconds * S)
        times = self.random.uniform(
            self.now_ns, end, self.random.poisson(self.per_min * seconds / 60)
        )
        for time_ns in sorted(times.tolist()):
            self.rate.live(round(time_ns) - self.now_ns)
            self.now_ns = round(time_ns)
            y, x = (int(self.random.integers(size)) for size in self.shape)
            self.real += 1
            self.lost += self.places.judge(candidate((y, x)), self.now_ns)[0] is not None
        self.rate.live(end - self.now_ns)
        self.now_ns = end

    def light(self, y: int = 100, x: int = 100, *more: tuple[int, int]) -> str | None:
        """Light a place now."""
        return self.places.judge(candidate((y, x), *more), self.now_ns)[0]

    def published(self, period_s: float, times: int) -> int:
        """Hits that a pixel makes which lights every so often."""
        passed = 0
        for _ in range(times):
            self.wait(period_s)
            passed += self.light() is None
        return passed


def lightings_needed(per_min: float, period_s: float, seen_per_period: float) -> int:
    """Lightings with which the stated test alone refuses a pixel that always lights there.

    Its exact tests: k lightings at the one pixel; trials: places seen, times tests so far.
    """
    tests, k = 0, 1
    while True:
        k += 1
        tests += 2 * min(k - 1, 7) + 2 * (k > 8)
        mean = (k - 1) * period_s * per_min / 60 / (VGA[0] * VGA[1])
        if k > 2 and at_least(k - 1, mean) * tests * max(k * seen_per_period, 1) < 1e-6:
            return k


@pytest.mark.parametrize("period_s", [0.56, 10, 60])
@pytest.mark.parametrize(("per_min", "shape"), [(10, VGA), (60, (240, 320)), (60, (120, 160))])
def test_what_lights_at_least_once_a_minute_is_refused_from_its_third_time(
    period_s: float, per_min: float, shape: tuple[int, int]
) -> None:
    sensor = Sensor(per_min, shape)
    sensor.wait(60)
    assert sensor.published(period_s, 20) <= 2


@pytest.mark.parametrize("per_min", [0.1, 10])
def test_slower_ones_publish_what_the_test_needs_and_no_more(
    per_min: float, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = []
    for period_s in (0.56, 60, 600, 3600, 21_600):
        sensor = Sensor(per_min, floor_per_min=per_min)
        sensor.wait(600)
        passed = sensor.published(period_s, 20)
        needed = lightings_needed(per_min, period_s, per_min * period_s / 60)
        lines.append(f"every {period_s:>7g} s: {passed} published, the test needs {needed}")
        assert passed <= (2 if period_s <= 60 else needed)
    with capsys.disabled():
        print(f"\nVGA, {per_min:g} real hits a minute:", *lines, sep="\n  ")


def test_a_day_of_real_hits_leaves_hardly_a_place_hot_and_hardly_a_hit_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sensor = Sensor(10)
    sensor.wait(86_400)
    share = sensor.places.hot_area_px / (VGA[0] * VGA[1])
    with capsys.disabled():
        print(f"\na day of {sensor.real} real hits: {sensor.lost} lost, {share:.4%} hot")
    assert sensor.real > 14_000
    assert share < 0.002
    assert sensor.lost <= 2


@pytest.mark.parametrize(
    ("per_min", "shape", "most"),
    [(60, (240, 320), 1e-3), (600, (240, 320), 3e-3), (3000, (80, 96), 1e-2)],
)
def test_real_hits_are_lost_to_chance_as_seldom_as_stated(
    per_min: float, shape: tuple[int, int], most: float
) -> None:
    sensor = Sensor(per_min, shape)
    sensor.wait(12_000 / per_min * 60)
    assert sensor.lost <= most * sensor.real


def test_neighbouring_pixels_count_together_those_two_apart_do_not() -> None:
    sensor = Sensor(1)
    sensor.wait(600)
    assert [sensor.light(5, 5), sensor.light(5, 6), sensor.light(6, 6)] == [None, None, HOT_PIXEL]
    assert [sensor.light(50, x) for x in range(0, 20, 2)] == [None] * 10


def test_a_pixel_that_was_always_the_one_is_refused_alone_a_wandering_one_with_its_neighbours() -> (
    None
):
    sensor = Sensor(1)
    sensor.wait(600)
    for i in range(8):
        sensor.light(50, 50)
        sensor.light(90, 90 + i % 2)
    assert sensor.places.hot_area_px == 1 + 9
    assert sensor.light(50, 51) is None
    assert sensor.light(91, 89) == HOT_PIXEL


def test_two_lightings_never_make_a_place_hot() -> None:
    sensor = Sensor(0.01, floor_per_min=0.001)
    sensor.wait(36_000)
    assert [sensor.light(), sensor.light()] == [None, None]


def test_a_quiet_place_heals_after_an_hour_and_is_hot_at_once_when_it_goes_on() -> None:
    sensor = Sensor(1)
    sensor.wait(600)
    for _ in range(3):
        sensor.light()
        sensor.wait(1)
    sensor.wait(3550)
    assert sensor.places.is_hot(candidate((100, 100)))
    sensor.wait(100)
    assert sensor.light() is None
    sensor.wait(10)
    assert sensor.light() == HOT_PIXEL


def test_a_place_that_was_restless_for_hours_must_be_quiet_as_long() -> None:
    sensor = Sensor(1)
    sensor.wait(600)
    for _ in range(30):
        sensor.light()
        sensor.wait(600)
    sensor.wait(4 * 3600)
    assert sensor.light() == HOT_PIXEL


def test_a_hot_place_is_no_longer_hot_area_once_healed() -> None:
    sensor = Sensor(1)
    sensor.wait(600)
    for _ in range(3):
        sensor.light()
    assert sensor.places.hot_area_px == 9
    sensor.wait(2 * 3600)
    assert sensor.places.hot_area_px == 0


def test_a_telegraph_pixel_is_refused_at_once_its_neighbours_and_what_falls_across_pass() -> None:
    sensor = Sensor(1)
    sensor.wait(600)
    sensor.places.mark(candidate((100, 100)), sensor.now_ns)
    assert sensor.light() == TELEGRAPH
    assert sensor.light(100, 101) is None
    track = [(100, 100 + i) for i in range(1, 9)]
    assert sensor.light(100, 100, *track) is None
    assert sensor.places.is_hot(candidate((100, 100)))
    assert not sensor.places.is_hot(candidate((100, 100), *track))


def test_asking_changes_nothing() -> None:
    sensor = Sensor(1)
    sensor.wait(600)
    sensor.light()
    sensor.light()
    assert not any(sensor.places.is_hot(candidate((100, 100))) for _ in range(5))
    assert sensor.light() == HOT_PIXEL


def test_a_hot_pixel_does_not_raise_the_rate_it_is_held_against() -> None:
    quiet, loud = Sensor(10), Sensor(10)
    for sensor in (quiet, loud):
        sensor.wait(600)
    for _ in range(5000):
        loud.light()
    assert loud.rate.per_px_ns == pytest.approx(quiet.rate.per_px_ns, rel=0.02)


def test_the_rate_is_right_where_hits_fall_thick() -> None:
    sensor = Sensor(3000, (80, 96))
    sensor.wait(60)
    assert sensor.rate.per_px_ns * 80 * 96 * MIN == pytest.approx(3000, rel=0.15)


def test_memory_stays_bounded_and_small() -> None:
    places = Places(PixelRate(3000 * 4000, 1))
    tracemalloc.start()
    try:
        for i in range(101_000):
            one = SimpleNamespace(y_px=i // 1000 * 3, x_px=i % 1000 * 3, area_px=1)
            places.judge(one, i)  # type: ignore[arg-type]
        assert len(places) == 100_000
        assert tracemalloc.get_traced_memory()[0] < 30_000_000
    finally:
        tracemalloc.stop()
