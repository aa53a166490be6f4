"""Lone pixels: what a sensor's own record makes of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from edge.detection import Candidate
from edge.stages.frame_veto import FrameVeto
from edge.stages.order import OrderRules, OrderStage
from edge.stages.outcome import Outcome
from edge.timeline import LiveTimeline
from tests.edge.candidates import MODE, candidate, processed


def order() -> OrderStage:
    return OrderStage(OrderRules(FrameVeto(row_column=False)), LiveTimeline())


def judged(stage: OrderStage, frames: dict[int, list[Candidate]], count: int) -> Counter[str]:
    """Hits and rejections, by reason, of frames that hold these candidates."""
    bins: Counter[str] = Counter()
    settled = []
    for index in range(count):
        settled += stage.push(processed(index, *frames.get(index, [])))
    for one in [*settled, *stage.flush()]:
        bins["hit"] += len(one.hits)
        bins += one.rejected
    assert bins.total() == sum(len(candidates) for candidates in frames.values())
    return bins


def looked(index: int, *pixels: tuple[int, int], lit: Candidate | None = None) -> Outcome:
    flat = np.array(sorted(y * MODE.width_px + x for y, x in pixels), np.int64)
    return replace(processed(index, *([lit] if lit else [])), looked=flat)


class TestRaisedBeforeOrAfter:
    @pytest.mark.parametrize("when", [-3, -1, 1, 3])
    def test_a_lone_pixel_that_stood_out_shortly_before_or_after_is_a_telegraph_pixel(
        self, when: int
    ) -> None:
        stage = order()
        settled = []
        for index in range(20):
            lit = candidate((30, 40)) if index == 10 else None
            pixels = [(30, 40)] if index in (10, 10 + when) else [(1, 1)]
            settled += stage.push(looked(index, *pixels, lit=lit))
        settled += stage.flush()
        assert sum((one.rejected for one in settled), Counter()) == Counter(telegraph=1)

    @pytest.mark.parametrize("when", [-4, 4])
    def test_one_that_stood_out_longer_ago_is_not(self, when: int) -> None:
        stage = order()
        settled = []
        for index in range(20):
            lit = candidate((30, 40)) if index == 10 else None
            pixels = [(30, 40)] if index in (10, 10 + when) else []
            settled += stage.push(looked(index, *pixels, lit=lit))
        assert sum(len(one.hits) for one in settled) == 1

    def test_a_neighbour_that_stood_out_says_nothing(self) -> None:
        stage = order()
        settled = []
        for index in range(20):
            lit = candidate((30, 40)) if index == 10 else None
            settled += stage.push(looked(index, (30, 41), (31, 40), lit=lit))
        assert sum(len(one.hits) for one in settled) == 1

    def test_more_than_a_pixel_is_a_particle_all_the_same(self) -> None:
        stage = order()
        settled = []
        for index in range(20):
            lit = candidate((30, 40), (30, 41)) if index == 10 else None
            settled += stage.push(looked(index, (30, 40), lit=lit))
        assert sum(len(one.hits) for one in settled) == 1


class TestTheSensorsRecord:
    def test_on_a_sensor_without_blinking_pixels_lone_pixels_are_hits(self) -> None:
        frames = {100 * i: [candidate((5 * i % 70, 7 * i % 90))] for i in range(1, 12)}
        assert judged(order(), frames, 1300) == Counter(hit=11)

    def test_where_many_pixels_blink_a_few_lone_flashes_are_theirs(self) -> None:
        stage = order()
        stage.expect(unstable_px=40)
        frames = {100 * i: [candidate((5 * i % 70, 7 * i % 90))] for i in range(1, 6)}
        assert judged(stage, frames, 700) == Counter(lone_pixel=5)

    def test_the_more_particles_the_more_flashes_are_the_pixels(self) -> None:
        stage = order()
        stage.expect(unstable_px=40)
        frames = {}
        for i in range(100):
            y, x = 11 * i % 73 + 3, 37 * i % 89 + 4
            frames[60 * (i + 1)] = [candidate((y, x), (y, x + 1))]
        for i in range(10):
            frames[600 * i + 570] = [candidate((7 * i + 2, 90 - 8 * i))]
        assert judged(stage, frames, 6200) == Counter(hit=100, lone_pixel=10)

    def test_brighter_flashes_than_blinking_pixels_make_are_hits(self) -> None:
        stage = order()
        stage.expect(unstable_px=40)
        frames = {100: [candidate((30, 40), excess=900.0)]}
        assert judged(stage, frames, 200) == Counter(hit=1)

    def test_more_lone_flashes_than_blinking_pixels_explain_are_particles(self) -> None:
        stage = order()
        stage.expect(unstable_px=20)
        places = [(11 * i % 73 + 3, 37 * i % 89 + 4) for i in range(60)]
        frames = {60 * (i + 1): [candidate(place)] for i, place in enumerate(places)}
        bins = judged(stage, frames, 60 * len(places) + 90)
        assert bins["lone_pixel"] == 8
        assert bins["hit"] == len(places) - 8

    def test_particles_of_several_pixels_pass_whatever_blinks(self) -> None:
        stage = order()
        stage.expect(unstable_px=1000)
        frames = {
            50 * i: [candidate((5 * i % 70, 7 * i % 90), (5 * i % 70, 7 * i % 90 + 1))]
            for i in range(1, 12)
        }
        assert judged(stage, frames, 700) == Counter(hit=11)

    def test_pixels_that_stay_lit_are_learned_from(self) -> None:
        stage = order()
        frames: dict[int, list[Candidate]] = {}
        for i in range(12):
            for k in range(6):
                frames.setdefault(30 * i + k, []).append(candidate((6 * i + 1, 80)))
        frames[500] = [candidate((30, 40))]
        bins = judged(stage, frames, 600)
        assert bins["lone_pixel"] == 1
        assert bins["hit"] == 0

    def test_what_a_camera_makes_of_one_pixel_is_one_pixel_there(self) -> None:
        smeared = candidate((30, 40), (30, 41), (31, 40), (29, 40), (30, 39))
        for pixel_px, reason in ((1, "hit"), (6, "lone_pixel")):
            stage = order()
            stage.expect(unstable_px=40, pixel_px=pixel_px)
            assert judged(stage, {100: [smeared]}, 200) == Counter({reason: 1})


class TestBesideAHotPixel:
    def lit_again(self, *pixels: tuple[int, int]) -> dict[int, list[Candidate]]:
        return {20 * i: [candidate(*pixels)] for i in range(1, 30)}

    def test_what_lights_in_the_very_frame_beside_a_hot_pixel_is_its_doing(self) -> None:
        frames = self.lit_again((30, 40))
        frames[400].append(candidate((30, 47), (30, 48)))
        frames[440].append(candidate((30, 60), (30, 61)))
        bins = judged(order(), frames, 700)
        assert bins["hit"] == 2 + 1
        assert bins["hot_pixel"] == len(self.lit_again((30, 40))) - 2 + 1

    def test_around_a_hot_pixel_that_spreads_nothing_is_believed(self) -> None:
        frames = self.lit_again((30, 40), (30, 41), (31, 40))
        frames[410] = [candidate((38, 48), (38, 49))]
        frames[430] = [candidate((41, 40), (42, 40))]
        bins = judged(order(), frames, 700)
        assert bins["hit"] == 2 + 1
