"""A calibration of 500 frames of a warming sensor, troubled by particles and light."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from calibration.calibrator import Calibrator
from calibration.derive import ThresholdRequest
from calibration.jit import numba_available
from calibration.merge import ChunkedStatistics, _numba_kernel, lift, merge, merge_numpy
from calibration.model import Calibration
from calibration.statistics import PixelStatistics
from tests.calibration.troubled import HEIGHT, MODE, WIDTH, Trouble, frames


@cache
def calibrated(trouble: Trouble) -> tuple[Calibration, Calibrator]:
    calibrator = Calibrator(MODE)
    for frame in frames(trouble):
        calibrator.add(frame)
    return calibrator.finish(ThresholdRequest()), calibrator


def off(trouble: Trouble) -> np.ndarray:
    """Difference of thresholds from the clean ones, in ADU, of pixels that neither masks.

    The height above the baseline has whole ADU; so the last ADU is no difference.
    """
    clean, _ = calibrated(Trouble(frames=trouble.frames, seed=trouble.seed))
    made, _ = calibrated(trouble)
    used = ~clean.masked & ~made.masked
    assert np.count_nonzero(used) > 0.999 * used.size
    change = np.abs(made.seed_threshold.astype(float) - clean.seed_threshold)
    return np.maximum(change - 1, 0)[used] / clean.seed_threshold[used]


def height_off(trouble: Trouble) -> np.ndarray:
    """As `off`, for the height over the baseline, which is the noise times the threshold."""
    clean, _ = calibrated(Trouble(frames=trouble.frames, seed=trouble.seed))
    made, _ = calibrated(trouble)
    used = ~clean.masked & ~made.masked
    height = [one.seed_threshold[used] - one.mean_adu[used] for one in (made, clean)]
    return np.abs(height[0] - height[1]) / height[1]


TROUBLES = [
    Trouble(struck_share=0.001),
    Trouble(struck_share=0.005),
    Trouble(struck_share=0.1),
    Trouble(leak_sigma=0.3),
    Trouble(leak_sigma=30.0),
    Trouble(leak_sigma=0.5, flash=True, last=240),
    Trouble(leak_sigma=50.0, flash=True, last=240),
    Trouble(struck_share=0.02, leak_sigma=3.0),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: repr(one)[8:-1])
def test_thresholds_are_those_of_clean_frames_of_the_same_warming(trouble: Trouble) -> None:
    assert np.median(off(trouble)) == 0
    assert np.percentile(off(trouble), 99) < 0.05
    assert np.median(height_off(trouble)) < 0.03
    # One ADU of 17 is 6 %.
    assert np.percentile(height_off(trouble), 99) < 0.07


def test_clean_frames_of_a_warming_sensor_are_all_used() -> None:
    _, calibrator = calibrated(Trouble())
    assert calibrator.frames_used == 500
    assert not calibrator.reasons


def test_a_sensor_that_cools_down_is_calibrated_as_well() -> None:
    made, calibrator = calibrated(Trouble(frames=300, warming_c=-10.0))
    assert calibrator.frames_used >= 100
    assert made.masked_px < 20


def test_struck_frames_are_thrown_away_once_clean_ones_come() -> None:
    _, calibrator = calibrated(Trouble(struck_share=0.1))
    assert calibrator.frames_used == 475
    assert calibrator.reasons["thrown_away"] == 25
    assert calibrator.refused == 25


def test_light_that_leaks_in_is_named() -> None:
    _, calibrator = calibrated(Trouble(leak_sigma=30.0))
    assert calibrator.reasons["light"] >= 55
    assert set(calibrator.reasons) == {"light"}


def plain(count: int = 12) -> list[np.ndarray]:
    return list(frames(Trouble(frames=count, warming_c=0.0)))


def truncated(frame: np.ndarray) -> np.ndarray:
    frame[90:] = 64
    return frame


def repeated(frame: np.ndarray) -> np.ndarray:
    frame[90:] = frame[89]
    return frame


def saturated(frame: np.ndarray) -> np.ndarray:
    frame[:10, :10] = 4095
    return frame


def banded(frame: np.ndarray) -> np.ndarray:
    frame[::4] += 3
    return frame


def noisy(frame: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(9).normal(0, 1.5, frame.shape)
    return np.rint(frame + noise).astype(np.uint16)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (truncated, "truncated"),
        (repeated, "truncated"),
        (saturated, "saturated"),
        (banded, "banding"),
        (noisy, "light"),
    ],
)
def test_a_spoilt_frame_is_refused_by_its_name(spoil: object, reason: str) -> None:
    calibrator = Calibrator(MODE)
    *before, last = plain()
    assert {calibrator.add(frame) for frame in before} == {"used"}
    assert callable(spoil)
    assert calibrator.add(spoil(last.copy())) == "unlike"
    assert calibrator.reasons == {reason: 1}
    assert calibrator.add(last) == "used"


def test_what_stays_unlike_is_usual_in_the_end() -> None:
    calibrator = Calibrator(MODE)
    for frame in plain(10):
        calibrator.add(frame)
    rng = np.random.default_rng(3)
    for _ in range(230):
        frame = np.rint(rng.normal(64, 3.5, (HEIGHT, WIDTH))).astype(np.uint16)
        calibrator.add(frame)
    assert calibrator.frames_used == 30
    assert calibrator.refused == 210


@pytest.mark.parametrize("count", [1, 5, 16, 17, 32, 40])
def test_chunks_give_what_one_run_gives(count: int) -> None:
    rng = np.random.default_rng(count)
    whole, chunks = PixelStatistics(7, 9), ChunkedStatistics(7, 9)
    for _ in range(count):
        frame = rng.integers(0, 12, (7, 9)).astype(np.uint16)
        whole.add(frame)
        chunks.add(frame, join=True)
    made = chunks.joined()
    assert made.count == whole.count
    for name in ("total", "squares", "largest", "when"):
        assert np.array_equal(getattr(made, name), getattr(whole, name)), name


def test_a_chunk_that_is_left_alone_is_what_its_frames_give() -> None:
    rng = np.random.default_rng(4)
    alone, chunks = PixelStatistics(7, 9), ChunkedStatistics(7, 9)
    for _ in range(20):
        chunks.add(rng.integers(0, 9, (7, 9)).astype(np.uint16), join=True)
    chunks.join()
    for n in range(30):
        if n == 4:
            chunks.drop_joined()
        frame = rng.integers(0, 900, (7, 9)).astype(np.uint16)
        alone.add(frame)
        chunks.add(frame, join=n >= 4)
    made = chunks.joined()
    for name in ("total", "squares", "largest", "when"):
        assert np.array_equal(getattr(made, name), getattr(alone, name)), name


def test_both_paths_merge_alike() -> None:
    rng = np.random.default_rng(6)
    parts = [
        (
            np.sort(rng.integers(0, 9, (4, 5, 6)), axis=0)[::-1],
            rng.integers(0, 256, (3, 5, 6)).astype(np.uint8),
        )
        for _ in range(2)
    ]
    (one, when), (two, two_when) = [(a.astype(np.uint16), b) for a, b in parts]
    from calibration.merge import _merge_scalar

    slow, slow_when = one.copy(), when.copy()
    merge_numpy(one, when, two, two_when)
    _merge_scalar(slow, slow_when, two, two_when)
    assert np.array_equal(one, slow)
    assert np.array_equal(when, slow_when)


@pytest.mark.parametrize("shift", [-3, 0, 5])
def test_lifting_statistics_is_lifting_the_frames(shift: int) -> None:
    rng = np.random.default_rng(8)
    lifted, before = PixelStatistics(5, 6), PixelStatistics(5, 6)
    for _ in range(9):
        frame = rng.integers(10, 99, (5, 6)).astype(np.uint16)
        before.add(frame)
        lifted.add((frame.astype(int) + shift).astype(np.uint16))
    lift(before, shift)
    for name in ("total", "squares", "largest", "when"):
        assert np.array_equal(getattr(before, name), getattr(lifted, name)), name


@pytest.mark.skipif(not numba_available(), reason="numba is not in use")
def test_frames_of_any_size_are_merged_by_one_compiled_kernel() -> None:
    for height_px in (16, 2100):  # one band of rows, and several
        before, later = (PixelStatistics(height_px, 256) for _ in range(2))
        merge(before, later)
    assert len(_numba_kernel().signatures) == 1
