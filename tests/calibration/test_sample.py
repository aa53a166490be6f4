"""What a frame tells about its sensor: its stripe, its level, whether light came from a side."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.sample import STRIPES, Sample, Sampler, stripe_rows
from tests.calibration.tracked import HEIGHT_PX, WIDTH_PX, Rig


@pytest.fixture(scope="module")
def rig() -> Rig:
    return Rig()


def sample(rig: Rig, pixels: np.ndarray, index: int = 0, shift: int = 0) -> Sample:
    offset_adu = float(pixels.mean()) - shift - rig.base.expected_mean_adu
    sampler = Sampler(rig.base, np.array([0, 100]))
    return sampler.take(pixels, offset_adu, shift, stripe_rows(HEIGHT_PX, index))


@pytest.mark.parametrize("height_px", [1, 48, 64, 240, 1944])
def test_the_stripes_of_sixty_four_frames_are_all_rows_once(height_px: int) -> None:
    rows = [y for i in range(STRIPES) for y in range(height_px)[stripe_rows(height_px, i)]]
    assert rows == list(range(height_px))


def test_noise_is_told_in_units_of_the_calibrations(rig: Rig) -> None:
    squares = [sample(rig, rig.frame(0), i).noise_square for i in range(200)]
    assert np.mean(squares) == pytest.approx(0.95, abs=0.1)
    rig.noise_at = lambda index: 3.0
    louder = [sample(rig, rig.frame(0), i).noise_square for i in range(200)]
    rig.noise_at = lambda index: rig.sigma_adu
    assert np.mean(louder) > 1.7 * np.mean(squares)


def test_a_hit_and_what_is_beside_it_move_no_baseline(rig: Rig) -> None:
    pixels = rig.frame(0)
    pixels[0, 10:13] += 300
    quiet = sample(rig, pixels).quiet
    assert not quiet[0, 9:14].any()
    assert quiet.mean() > 0.9


def test_hot_pixels_that_grow_are_told_from_the_level(rig: Rig) -> None:
    pixels = rig.frame(0)
    pixels[30:40, 30:40] += 400
    seen = sample(rig, pixels)
    assert seen.bias_adu == pytest.approx(-400 * 100 / pixels.size, abs=0.6)
    assert abs(seen.offset_adu) < 0.8


def test_the_shift_of_a_leveled_frame_is_taken_back(rig: Rig) -> None:
    pixels = rig.frame(0)
    plain = sample(rig, pixels)
    leveled = sample(rig, pixels + np.uint16(7), shift=7)
    assert leveled.offset_adu == pytest.approx(plain.offset_adu - 7, abs=1e-6) or (
        np.allclose(
            leveled.stripe_adu - leveled.level_adu, plain.stripe_adu - plain.level_adu, atol=1e-3
        )
    )


@pytest.mark.parametrize("side", ["left", "top", "corner"])
def test_light_from_a_side_shows_before_it_is_a_sigma(rig: Rig, side: str) -> None:
    across = np.linspace(1, 0, WIDTH_PX)[None, :] ** 2
    down = np.linspace(1, 0, HEIGHT_PX)[:, None] ** 2
    light = {"left": across + 0 * down, "top": down + 0 * across, "corner": across * down}[side]
    dark = np.median([sample(rig, rig.frame(0)).unevenness for _ in range(50)])
    lit = [
        sample(rig, np.rint(rig.frame(0) + 3.0 * rig.sigma_adu * light).astype(np.uint16))
        for _ in range(50)
    ]
    assert dark < 0.25
    assert np.median([one.unevenness for one in lit]) > 0.5


def test_a_stripe_without_rows_tells_of_the_rest(rig: Rig) -> None:
    pixels = rig.frame(0)
    offset = float(pixels.mean()) - rig.base.expected_mean_adu
    watched = np.array([5, 77])
    seen = Sampler(rig.base, watched).take(pixels, offset, 0, slice(3, 3))
    assert seen.quiet.size == 0
    assert not seen.judges_noise
    assert seen.offset_adu == pytest.approx(offset)
    assert len(seen.watched_adu) == 2


def test_a_large_particle_is_no_light(rig: Rig) -> None:
    pixels = rig.frame(0)
    pixels[20:24, 20:40] += 2000
    assert sample(rig, pixels).unevenness < 0.6
