"""What a replay finds in made stacks: particles, how long they last, extremes of a sensor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import Failed
from tests.edge.replay_stacks import COUNT, HEIGHT, WIDTH, calm, one_pixel
from tests.edge.stacks import (
    check_sums,
    dark,
    in_memory,
    replay,
)


class TestParticles:
    @pytest.mark.parametrize("lasts", [1, 2, 3])
    def test_one_that_is_lit_in_up_to_three_frames_is_one_hit_with_the_first_ones_time(
        self, tmp_path: Path, lasts: int
    ) -> None:
        stack = dark(COUNT)
        one_pixel(stack, 10, lasts)
        done = replay(in_memory(list(stack)), tmp_path / "out")
        check_sums(done)
        (hit,) = done.hits
        assert (hit["frame"], hit["frames_lit"]) == (10, lasts)
        assert hit["window_start_utc"] == "1970-01-01T00:00:01.000000000Z"
        assert done.summary["rejected"] == ({"continued": lasts - 1} if lasts > 1 else {})

    @pytest.mark.parametrize("lasts", [4, 5])
    def test_one_that_is_lit_for_longer_is_an_artefact(self, tmp_path: Path, lasts: int) -> None:
        stack = dark(60)
        one_pixel(stack, 10, lasts)
        # What stays lit for long may look like a pixel that is not stable: mask nothing.
        done = replay(in_memory(list(stack)), tmp_path / "out", calibration=calm())
        check_sums(done)
        assert done.hits == []
        assert done.summary["rejected"] == {"multi_frame": lasts}

    def test_two_in_one_frame_are_two_hits(self, tmp_path: Path) -> None:
        stack = dark(COUNT)
        one_pixel(stack, 10, at=(5, 7))
        one_pixel(stack, 10, at=(30, 40))
        done = replay(in_memory(list(stack)), tmp_path / "out")
        assert {(hit["y_px"], hit["x_px"]) for hit in done.hits} == {(5, 7), (30, 40)}
        assert {hit["frame"] for hit in done.hits} == {10}

    def test_a_long_diagonal_track_is_one_hit(self, tmp_path: Path) -> None:
        stack = dark(COUNT, 120, 130)
        step = np.arange(100)
        stack[10, 10 + step, 15 + step] += 300
        done = replay(in_memory(list(stack)), tmp_path / "out")
        check_sums(done)
        (hit,) = done.hits
        assert hit["area_px"] == 100
        assert hit["class"] == "track"
        assert (hit["crop"]["width_px"], hit["crop"]["height_px"]) == (60, 60)

    @pytest.mark.parametrize("corner", [(0, 0), (0, 99), (79, 0), (79, 99)])
    def test_in_a_corner_the_crop_is_shifted_inside_and_says_where_it_begins(
        self, tmp_path: Path, corner: tuple[int, int]
    ) -> None:
        stack = dark(COUNT, 80, 100)
        one_pixel(stack, 10, at=corner)
        (hit,) = replay(in_memory(list(stack)), tmp_path / "out").hits
        crop = hit["crop"]
        assert (hit["y_px"], hit["x_px"]) == corner
        assert (crop["x0_px"], crop["y0_px"]) == (
            0 if not corner[1] else 40,
            0 if not corner[0] else 20,
        )
        assert (crop["width_px"], crop["height_px"]) == (60, 60)
        assert np.array_equal(
            pixels_of(crop),
            stack[10, crop["y0_px"] : crop["y0_px"] + 60, crop["x0_px"] : crop["x0_px"] + 60],
        )

    def test_a_pixel_that_blinks_again_and_again_makes_no_more_than_two_hits(
        self, tmp_path: Path
    ) -> None:
        stack = dark(120)
        stack[40::9, 20, 30] = 4000
        done = replay(in_memory(list(stack)), tmp_path / "out", calibration=calm())
        check_sums(done)
        assert len(done.hits) <= 2
        assert done.summary["rejected"]["hot_pixel"] >= 1  # then it is masked

    def test_a_pixel_that_blinks_while_calibrating_makes_none(self, tmp_path: Path) -> None:
        stack = dark(120)
        stack[4::9, 20, 30] = 4000
        done = replay(in_memory(list(stack)), tmp_path / "out")
        assert done.hits == []


def pixels_of(crop: dict[str, Any]) -> np.ndarray:
    import base64

    import cv2

    data = np.frombuffer(base64.b64decode(crop["data"]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)


class TestExtremes:
    def test_saturated_pixels_are_found_in_full(self, tmp_path: Path) -> None:
        stack = dark(COUNT)
        stack[10, 20:22, 30:32] = 65_535
        (hit,) = replay(in_memory(list(stack)), tmp_path / "out").hits
        assert (hit["peak_adu"], hit["area_px"]) == (65_535, 4)

    def test_a_saturated_stack_is_refused_in_words(self, tmp_path: Path) -> None:
        stack = np.full((COUNT, HEIGHT, WIDTH), 65_535, np.uint16)
        with pytest.raises(Failed, match="24 of one value only"):
            replay(in_memory(list(stack)), tmp_path / "out")

    def test_a_camera_that_clips_black_finds_what_is_above(self, tmp_path: Path) -> None:
        stack = np.zeros((COUNT, HEIGHT, WIDTH), np.uint8)
        stack[:, ::5, ::7] = np.random.default_rng(2).integers(0, 2, stack[:, ::5, ::7].shape)
        stack[10, 20, 31] = 90
        done = replay(in_memory(list(stack), bit_depth=8), tmp_path / "out")
        check_sums(done)
        assert [(hit["y_px"], hit["x_px"]) for hit in done.hits] == [(20, 31)]
        assert done.summary["processed"] == COUNT

    def test_every_frame_in_light_is_uncovered_and_none_of_it_live(self, tmp_path: Path) -> None:
        stack = dark(COUNT)
        stack[12:] += 30_000
        done = replay(in_memory(list(stack)), tmp_path / "out")
        check_sums(done)
        assert (done.summary["processed"], done.summary["uncovered"]) == (12, 12)
        assert done.summary["live_time_s"] == pytest.approx(12 * 0.09)
        assert done.summary["hits"] == 0
