"""When pixels are judged with their neighbours, which ones are, and what noise makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calibration.clipped import black_floor_adu
from calibration.cluster import CLUSTER_SHARE
from calibration.correlation import NeighbourCorrelation
from calibration.derive import ThresholdRequest, derive
from calibration.model import Calibration
from calibration.statistics import PixelStatistics
from calibration.tail import normal_tail

HEIGHT, WIDTH = 80, 100
LEVEL_ADU, NOISE_ADU = 64.0, 4.0

Array = np.ndarray[Any, Any]


def noise(count: int = 60, noise_adu: float = NOISE_ADU) -> Array:
    return np.random.default_rng(1).normal(LEVEL_ADU, noise_adu, (count, HEIGHT, WIDTH))


def calibrate(values: Array, **request: Any) -> Calibration:
    """Make a calibration of all frames, whatever a judge of frames would say of them."""
    statistics, correlation = PixelStatistics(HEIGHT, WIDTH), NeighbourCorrelation()
    frames = np.clip(np.rint(values), 0, 4095).astype(np.uint16)
    for frame in frames:
        statistics.add(frame)
        correlation.add(frame)
    return derive(
        statistics,
        frame_maxima_adu=frames.max(axis=(1, 2)).astype(np.float32),
        level_adu=float(frames.mean()),
        level_range_adu=0.0,
        mode={"width_px": WIDTH, "height_px": HEIGHT, "bit_depth": 12, "black_level_adu": None},
        request=ThresholdRequest(**request),
        floor_adu=black_floor_adu(frames[0]),
        neighbour_correlation=correlation.result(),
    )


def test_pixels_are_judged_with_their_neighbours_from_well_below_their_own_threshold() -> None:
    made = calibrate(noise())
    assert made.cluster is not None
    assert made.look_threshold is not None
    below = made.seed_threshold.astype(int) - made.look_threshold
    assert 2 * NOISE_ADU < np.median(below) < 4 * NOISE_ADU
    assert made.summary()["thresholds"]["look_sigma"] == pytest.approx(made.cluster.look_sigma)


def test_clusters_have_their_share_of_the_wanted_false_triggers() -> None:
    made = calibrate(noise(), false_triggers_per_hour=1.0)
    assert made.cluster is not None
    single = normal_tail(made.seed_sigma / made.tail_stretch)
    share = made.cluster.false_probability / (single + made.cluster.false_probability)
    assert share == pytest.approx(CLUSTER_SHARE)
    reads = HEIGHT * WIDTH * 108_000
    assert made.expected_false_triggers_per_hour / reads == pytest.approx(
        single + made.cluster.false_probability, rel=0.1
    )


def test_a_fixed_threshold_of_single_pixels_gives_clusters_a_rate_beside_its_own() -> None:
    made = calibrate(noise(), seed_sigma=6.0)
    assert made.seed_sigma == 6.0
    assert made.cluster is not None
    beside = made.cluster.false_probability / normal_tail(6.0 / made.tail_stretch)
    assert beside == pytest.approx(CLUSTER_SHARE / (1 - CLUSTER_SHARE))


def rows_shared(share: float) -> Array:
    rows = np.random.default_rng(2).normal(0, NOISE_ADU * np.sqrt(share), (60, HEIGHT, 1))
    return (noise() - LEVEL_ADU) * np.sqrt(1 - share) + rows + LEVEL_ADU


def heavy() -> Array:
    tails = np.random.default_rng(3).standard_t(2.5, (60, HEIGHT, WIDTH))
    return LEVEL_ADU + NOISE_ADU * tails


def test_shared_noise_is_measured_and_allowed_for() -> None:
    made = calibrate(rows_shared(0.3))
    assert made.cluster is not None
    assert made.neighbour_correlation == pytest.approx(0.3, abs=0.03)
    assert made.cluster.correlation == made.neighbour_correlation


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(noise(19), id="few frames"),
        pytest.param(noise(60, 0.5), id="noise within one ADU"),
        pytest.param(np.maximum(noise(), LEVEL_ADU), id="clipped black"),
        pytest.param(rows_shared(0.8), id="noise mostly shared"),
        pytest.param(heavy(), id="heavy tail"),
    ],
)
def test_where_the_noise_of_neighbours_is_not_known_single_pixels_trigger_alone(
    values: Array,
) -> None:
    made = calibrate(values)
    assert made.cluster is None
    assert made.look_threshold is None
    assert "look_sigma" not in made.summary()["thresholds"]


def test_a_restless_pixel_below_its_threshold_is_judged_alone() -> None:
    values = noise()
    values[[5, 25, 45], 10, 20] = LEVEL_ADU + 6 * NOISE_ADU
    made = calibrate(values)
    assert made.look_threshold is not None
    assert not made.masked[10, 20]
    assert made.look_threshold[10, 20] == made.seed_threshold[10, 20]
    assert np.count_nonzero(made.look_threshold == made.seed_threshold) <= 3


def test_a_masked_pixel_is_never_looked_at() -> None:
    values = noise()
    values[[5, 25, 45], 10, 20] = LEVEL_ADU + 60 * NOISE_ADU
    made = calibrate(values)
    assert made.look_threshold is not None
    assert made.masked[10, 20]
    assert made.look_threshold[10, 20] == 65_535
