"""What clusters win: particles of several pixels are found where their peak alone is too low."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from calibration.calibrator import Calibrator
from calibration.derive import ThresholdRequest
from calibration.model import Calibration
from calibration.tail import normal_sigma, normal_tail
from edge.detection import FrameStamp
from edge.frame import SensorMode
from edge.pixels.candidates import ScanLimits, scan_pixels

HEIGHT, WIDTH = 240, 320
LEVEL_ADU = 64.0
FRAMES = 40
SPACING_PX = 12
BINS = range(4, 11)

Array = np.ndarray[Any, Any]

ONE = {(0, 0): 1.0}
SHAPES = {
    "pair": {(0, 0): 1.0, (0, 1): 1.0},
    "uneven pair": {(0, 0): 1.0, (1, 1): 0.5},
    "line": {(0, -1): 0.8, (0, 0): 1.0, (0, 1): 0.8},
    "block": {(0, 0): 1.0, (0, 1): 0.9, (1, 0): 0.9, (1, 1): 0.8},
    "spot": {(0, 0): 1.0, (0, 1): 0.35, (0, -1): 0.35, (1, 0): 0.35, (-1, 0): 0.35},
}


class Sensor:
    """Noise over baselines of their own, and a calibration of it."""

    def __init__(self, noise_adu: float) -> None:
        self.rng = np.random.default_rng(7)
        self.noise_adu = noise_adu
        self.sigma_adu = float(np.sqrt(noise_adu**2 + 1 / 12))
        self.baseline = LEVEL_ADU + self.rng.normal(0, 0.5, (HEIGHT, WIDTH))
        note = {"width_px": WIDTH, "height_px": HEIGHT, "bit_depth": 12, "black_level_adu": None}
        calibrator = Calibrator(note)
        for _ in range(200):
            assert calibrator.add(self.frame()) == "used"
        self.calibration: Calibration = calibrator.finish(ThresholdRequest())
        self.stamp = FrameStamp(
            0, 0, "", SensorMode("", WIDTH, HEIGHT, 12), None, None, 0, None, "simulation"
        )

    def frame(self, signal: Array | float = 0.0) -> Array:
        values = self.rng.standard_normal((HEIGHT, WIDTH)) * self.noise_adu
        return np.clip(np.rint(values + self.baseline + signal), 0, 4095).astype(np.uint16)

    @property
    def ideal_sigma(self) -> float:
        """Threshold of single pixels, perfectly known, at the false rate of the calibration."""
        reads = HEIGHT * WIDTH * ThresholdRequest().frames_per_hour
        return normal_sigma(self.calibration.expected_false_triggers_per_hour / reads)

    def efficiency(self, shape: dict[tuple[int, int], float]) -> dict[int, tuple[float, float]]:
        """Share of particles found, and what the ideal threshold would find, by peak in sigma."""
        rows = np.arange(SPACING_PX, HEIGHT - SPACING_PX, SPACING_PX)
        cols = np.arange(SPACING_PX, WIDTH - SPACING_PX, SPACING_PX)
        peaks, found = [], []
        for _ in range(FRAMES):
            peak = self.rng.uniform(BINS.start, BINS.stop, (len(rows), len(cols)))
            signal = np.zeros((HEIGHT, WIDTH))
            for (dy, dx), share in shape.items():
                signal[np.ix_(rows + dy, cols + dx)] += share * peak * self.sigma_adu
            limits = ScanLimits(crop_size_px=8, most_candidates=10_000)
            scanned = scan_pixels(self.frame(signal), self.stamp, self.calibration, limits)
            seen = np.zeros((HEIGHT, WIDTH), np.bool_)
            for one in scanned.candidates:
                seen[one.rows, one.cols] = True
            hit = np.zeros(peak.shape, np.bool_)
            for dy, dx in shape:
                hit |= seen[np.ix_(rows + dy, cols + dx)]
            peaks.append(peak.ravel())
            found.append(hit.ravel())
        return _by_bin(np.concatenate(peaks), np.concatenate(found), self.ideal_sigma)


def _by_bin(peaks: Array, found: Array, ideal_sigma: float) -> dict[int, tuple[float, float]]:
    ideal = np.array([normal_tail(ideal_sigma - float(peak)) for peak in peaks])
    chosen = {low: (peaks >= low) & (peaks < low + 1) for low in BINS}
    return {
        low: (float(found[here].mean()), float(ideal[here].mean())) for low, here in chosen.items()
    }


@cache
def sensor(noise_adu: float) -> Sensor:
    return Sensor(noise_adu)


def error(share: float) -> float:
    particles = FRAMES * (HEIGHT // SPACING_PX - 1) * (WIDTH // SPACING_PX - 1) / len(BINS)
    return float(np.sqrt(max(share * (1 - share), 1e-3) / particles))


@pytest.mark.parametrize("noise_adu", [1.0, 3.0])
def test_single_pixels_lose_less_than_three_points_to_an_ideal_threshold(noise_adu: float) -> None:
    for low, (found, ideal) in sensor(noise_adu).efficiency(ONE).items():
        assert found > ideal - 0.03 - 3 * error(ideal), low
        assert low < 10 or found >= 0.99


@pytest.mark.parametrize("noise_adu", [1.0, 3.0])
@pytest.mark.parametrize("shape", list(SHAPES))
def test_particles_of_several_pixels_are_found_more_often_than_ideally_alone(
    shape: str, noise_adu: float
) -> None:
    bins = sensor(noise_adu).efficiency(SHAPES[shape])
    for low, (found, ideal) in bins.items():
        assert found > ideal - 2 * error(ideal), low
    assert bins[6][0] > bins[6][1] + 0.04
    assert bins[10][0] >= 0.99


def test_noise_alone_gives_no_candidate() -> None:
    limits = ScanLimits()
    made = sensor(3.0)
    for _ in range(100):
        assert not scan_pixels(made.frame(), made.stamp, made.calibration, limits).candidates
