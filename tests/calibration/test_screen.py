"""Screening of dark frames made for the purpose: few, many, small, clipped, warming."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.screen import Conditions, Screened, Screener
from calibration.screen_own import own_features, void_px, white_noise_adu
from calibration.screen_pattern import compare
from calibration.screen_robust import RobustScreener

SHAPE = (120, 160)
FULL = Conditions(4095)


def sensor(seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    dark = rng.gamma(2.0, 1.0, SHAPE)
    dark.flat[rng.choice(dark.size, 300, replace=False)] += rng.uniform(60, 300, 300)
    return dark


def frame(seed: int, warm: float = 1.0, dark: np.ndarray | None = None) -> np.ndarray:
    rng = np.random.default_rng((17, seed))
    electrons = rng.poisson((sensor() if dark is None else dark) * warm)
    values = electrons + rng.normal(64, 2.5, SHAPE)
    return np.clip(np.rint(values), 0, 4095).astype(np.uint16)


def screened(frames: list[np.ndarray], conditions: Conditions = FULL) -> Screened:
    screener: Screener = RobustScreener()
    return screener.screen(frames, conditions)


def verdicts(frames: list[np.ndarray]) -> list[str]:
    return [one.verdict for one in screened(frames).judgements]


@pytest.mark.parametrize("count", [3, 4, 5, 12, 40])
def test_good_frames_are_good_however_many(count: int) -> None:
    assert set(verdicts([frame(n) for n in range(count)])) == {"good"}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_frames_are_not_guessed_at(count: int) -> None:
    made = screened([frame(n) for n in range(count)])
    assert [one.verdict for one in made.judgements] == ["unjudged"] * count
    assert made.reference is None


def test_of_two_frames_a_truncated_one_is_still_named() -> None:
    cut = frame(1)
    cut[90:] = 0
    made = screened([frame(0), cut]).judgements
    assert made[0].verdict == "unjudged"
    assert (made[1].verdict, made[1].reason) == ("bad", "truncated")


def test_two_bad_ones_of_five_do_not_outvote_the_others() -> None:
    light = np.linspace(0, 12, SHAPE[1])[None]
    frames = [frame(n) for n in range(5)]
    for n in (1, 3):
        frames[n] = np.rint(frames[n] + light).astype(np.uint16)
    assert verdicts(frames) == ["good", "bad", "good", "bad", "good"]


def test_two_shifted_alike_do_not_either() -> None:
    frames = [frame(n) for n in range(5)]
    for n in (0, 4):
        frames[n] = np.roll(frames[n], 2, axis=1)
    assert verdicts(frames) == ["bad", "good", "good", "good", "bad"]


def test_a_sensor_that_warms_from_frame_to_frame_is_good() -> None:
    frames = [frame(n, warm=2 ** (n / 40)) for n in range(30)]
    assert set(verdicts(frames)) == {"good"}


def test_mostly_lit_frames_are_bad_and_the_dark_ones_good() -> None:
    frames = [frame(n) for n in range(3)]
    frames += [np.rint(frame(n) * 0.5 + 900).astype(np.uint16) for n in range(10, 15)]
    assert verdicts(frames) == ["good"] * 3 + ["bad"] * 5


def test_a_particle_across_a_frame_is_no_fault() -> None:
    frames = [frame(n) for n in range(6)]
    frames[2][60, 40:80] = 900
    frames[4][10:16, 10:16] = 4095
    assert set(verdicts(frames)) == {"good"}


def test_frames_with_clipped_black_are_good() -> None:
    rng = np.random.default_rng(4)
    frames = [np.clip(rng.normal(-4, 2, SHAPE), 0, 255).astype(np.uint8) for _ in range(6)]
    made = screened(frames, Conditions(255)).judgements
    assert [one.verdict for one in made] == ["good"] * 6


def test_frames_of_one_value_only_do_not_stop_the_screening() -> None:
    nothing = np.zeros(SHAPE, np.uint16)
    assert verdicts([nothing] * 4) == ["good"] * 4
    assert verdicts([*(frame(n) for n in range(4)), nothing])[-1] == "bad"


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 6), st.sampled_from([1, 3, 4095]))
def test_frames_of_any_size_are_judged(height: int, width: int, count: int, top: int) -> None:
    rng = np.random.default_rng((height, width, count))
    frames = [rng.integers(0, top + 1, (height, width)).astype(np.uint16) for _ in range(count)]
    assert len(screened(frames).judgements) == count


@pytest.mark.parametrize("sigma", [0.7, 1.0, 8.0])
def test_noise_is_measured_beside_gradients_pick_up_and_hot_pixels(sigma: float) -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(500, sigma, (400, 512))
    plain = white_noise_adu(np.rint(values).astype(np.uint16))
    values += np.linspace(0, 2 * sigma, 512)
    values += sigma * np.sin(np.arange(512) * np.pi / 2 + rng.uniform(0, 6, (400, 1)))
    values.flat[rng.choice(values.size, 200, replace=False)] += 400
    assert plain == pytest.approx(np.hypot(sigma, 12**-0.5), rel=0.07)
    assert white_noise_adu(np.rint(values).astype(np.uint16)) == pytest.approx(plain, rel=0.07)


@pytest.mark.parametrize(
    ("rows", "columns", "expected"), [(slice(100, 120), slice(None), 3200), (7, slice(40, 90), 50)]
)
def test_pixels_without_picture_are_counted(rows: slice, columns: slice, expected: int) -> None:
    spoilt = frame(1)
    assert void_px(spoilt) == 0
    spoilt[rows, columns] = 77
    assert void_px(spoilt) == expected


def test_a_shift_is_measured() -> None:
    reference = np.mean([frame(n) for n in range(5)], axis=0).astype(np.float32)
    moved = compare(np.roll(frame(9), (3, -5), (0, 1)), reference, 3.0).pixels
    assert moved.offset_px == (3, -5)
    assert moved.elsewhere > 10 > moved.here
    still = compare(frame(9), reference, 3.0).pixels
    assert still.here > 10 > still.elsewhere


def test_pixels_at_the_top_are_counted() -> None:
    full = frame(1)
    full[:5, :5] = 4095
    assert own_features(full, 4095).full_px == 25
    assert own_features(np.minimum(full, 70), 4095).plateau_px > 1000


class TestKin:
    """One frame of an exposure, and series of two others."""

    @staticmethod
    def one(pixels: np.ndarray, exposure_s: float = 20.0) -> tuple[str, str]:
        screener = RobustScreener()
        kin = []
        for seconds, seed in ((1.0, 0), (40.0, 100)):
            frames = [frame(seed + n, seconds / 10) for n in range(5)]
            made = screener.screen(frames, Conditions(4095, seconds, -5.0))
            assert {one.verdict for one in made.judgements} == {"good"}
            assert made.reference is not None
            kin.append(made.reference)
        judged = screener.screen([pixels], Conditions(4095, exposure_s, -5.0), kin).judgements[0]
        return judged.verdict, judged.reason

    @pytest.mark.parametrize("exposure_s", [1.0, 5.0, 20.0, 40.0, 80.0])
    def test_a_good_one_is_good(self, exposure_s: float) -> None:
        assert self.one(frame(7, exposure_s / 10), exposure_s) == ("good", "")

    def test_a_shifted_one_is_not(self) -> None:
        assert self.one(np.roll(frame(7, 2.0), 3, axis=0)) == ("bad", "shifted")

    def test_nor_one_that_light_fell_on(self) -> None:
        lit = frame(7, 2.0) + np.random.default_rng(1).poisson(
            np.linspace(0, 20, SHAPE[1]), SHAPE
        ).astype(np.uint16)
        assert self.one(lit) == ("bad", "light")

    def test_nor_one_with_too_much_dark_signal_for_its_exposure(self) -> None:
        assert self.one(frame(7, 4.0))[0] == "bad"
