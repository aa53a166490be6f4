"""Pixels judged with their neighbours: both paths agree; what is masked or outside is nought."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.calibrator import Calibrator
from calibration.cluster import ClusterRule
from calibration.derive import ThresholdRequest
from calibration.model import Calibration
from edge.pixels import significance
from edge.pixels.picture import raw
from edge.pixels.scan import scan_numpy
from edge.pixels.significance import constants, significant, significant_numpy
from edge.pixels.thresholds import ThresholdMap

HEIGHT, WIDTH = 64, 80
LEVEL_ADU, NOISE_ADU = 100.0, 8.0

Array = np.ndarray[Any, Any]


def frame(rng: np.random.Generator, height: int = HEIGHT, width: int = WIDTH) -> Array:
    values = rng.normal(LEVEL_ADU, NOISE_ADU, (height, width))
    made: Array = np.clip(np.rint(values), 0, 4095).astype(np.uint16)
    return made


@pytest.fixture(scope="module")
def made() -> Calibration:
    mode = {"width_px": WIDTH, "height_px": HEIGHT, "bit_depth": 12, "black_level_adu": None}
    calibrator = Calibrator(mode)
    rng = np.random.default_rng(1)
    for _ in range(200):
        calibrator.add(frame(rng))
    return calibrator.finish(ThresholdRequest())


def lit(made: Calibration, sigmas: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
    """Seeds of a frame that is at its baselines but for a few pixels, `sigmas` above them."""
    assert made.look_threshold is not None
    assert made.cluster is not None
    pixels = np.rint(made.mean_adu).astype(np.uint16)
    for (y, x), sigma in sigmas.items():
        scale = made.sigma_adu[y, x] * made.tail_stretch
        pixels[y, x] = np.rint(made.mean_adu[y, x] + sigma * scale)
    looked = scan_numpy(pixels, ThresholdMap.of(made.look_threshold), 4095).seeds
    return [divmod(int(one), WIDTH) for one in significant(pixels, looked, made, made.cluster)]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 0.6), st.sampled_from([np.uint8, np.uint16]))
def test_both_paths_give_the_same_seeds(seed: int, correlation: float, kind: Any) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 12, 2)
    pixels = np.clip(frame(rng, height, width), 0, 255).astype(kind)
    pixels[rng.random(pixels.shape) < 0.2] += np.asarray(40, kind)
    mean = rng.normal(LEVEL_ADU, 1, (height, width)).astype(np.float32)
    sigma = rng.uniform(6, 10, (height, width)).astype(np.float32)
    threshold = (mean + 6 * sigma).astype(np.uint16)
    look = np.where(rng.random((height, width)) < 0.8, mean + 2 * sigma, threshold)
    rule = ClusterRule(2.0, 30.0, 5.0, 1.1, 1.3, correlation)
    looked = scan_numpy(pixels, ThresholdMap.of(look.astype(np.uint16)), 0).seeds
    given_to_both = (
        pixels,
        looked,
        threshold,
        look.astype(np.uint16),
        mean,
        sigma,
        rng.random((height, width)) < 0.1,
        constants(rule),
        *rule.pattern_terms(),
    )
    fast = significance._significant_scalar(*raw(pixels), *given_to_both[1:])
    compiled = significance.significant_compiled(*given_to_both)
    plain = significant_numpy(*given_to_both)
    assert np.array_equal(np.sort(compiled), np.sort(plain))
    assert np.array_equal(np.sort(fast), np.sort(plain))


def test_a_single_pixel_triggers_above_its_own_threshold_alone(made: Calibration) -> None:
    assert lit(made, {(20, 30): made.seed_sigma / made.tail_stretch + 0.3}) == [(20, 30)]
    assert lit(made, {(20, 30): made.seed_sigma / made.tail_stretch - 0.4}) == []


@pytest.mark.parametrize("other", [(20, 31), (21, 29), (19, 30)])
def test_two_neighbours_trigger_together_where_neither_does_alone(
    made: Calibration, other: tuple[int, int]
) -> None:
    assert lit(made, {(20, 30): 5.8, other: 5.6}) == sorted([(20, 30), other])
    assert lit(made, {(20, 30): 5.8}) == []
    assert lit(made, {(20, 30): 5.8, (20, 32): 5.6}) == []


def test_a_spot_that_spills_little_into_many_neighbours_triggers(made: Calibration) -> None:
    spill = {(19, 30): 1.9, (21, 30): 1.9, (20, 29): 1.9, (20, 31): 1.9}
    assert lit(made, {(20, 30): 6.6, **spill}) == [(20, 30)]


def test_neighbours_beyond_the_edge_count_nought(made: Calibration) -> None:
    assert lit(made, {(0, 0): 5.8, (HEIGHT - 1, WIDTH - 1): 5.6}) == []
    assert lit(made, {(5, 0): 5.8, (4, WIDTH - 1): 5.6}) == []
    assert lit(made, {(0, 0): 5.8, (0, 1): 5.7}) == [(0, 0), (0, 1)]


def test_a_masked_or_restless_neighbour_counts_nought(made: Calibration) -> None:
    assert made.look_threshold is not None
    for threshold in (65_535, int(made.seed_threshold[20, 31])):
        seed, look = made.seed_threshold.copy(), made.look_threshold.copy()
        seed[20, 31] = look[20, 31] = threshold
        without = replace(made, seed_threshold=seed, look_threshold=look)
        assert lit(without, {(20, 30): 5.8, (20, 31): 5.6}) == []


def test_of_equally_bright_neighbours_the_pair_is_found_once(made: Calibration) -> None:
    assert lit(made, {(20, 30): 5.8, (20, 31): 5.8}) == [(20, 30), (20, 31)]


def test_neighbours_as_bright_as_shared_noise_foretells_count_nought(made: Calibration) -> None:
    assert made.cluster is not None
    shared = replace(made, cluster=replace(made.cluster, correlation=0.5, spot_limit=99.0))
    assert lit(shared, {(20, 30): 6.2, (20, 31): 3.6}) == []
    assert lit(shared, {(20, 30): 6.8, (20, 31): 6.6}) == [(20, 30), (20, 31)]
