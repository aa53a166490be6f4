"""A synthetic particle in the pixels: as bright as asked, anywhere, never beyond full scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.injection.deposit import (
    LEAST_PEAK_SIGMA,
    MOST_PEAK_SIGMA,
    Deposit,
    Readout,
    draw_peak_sigma,
    lay_in,
)
from edge.sources.particles import ParticleShape, draw_deposit

SPOT = ParticleShape("spot", "photon", np.array([[0.2, 0.5, 0.2], [0.5, 1.0, 0.5]]), 1, 1)
POINT = ParticleShape("spot", "photon", np.array([[1.0]]), 0, 0)


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def laid(
    peak_sigma: float,
    *,
    shape: ParticleShape = SPOT,
    level: int = 64,
    sigma: float = 2.0,
    adu_per_e: float | None = None,
    seed: int = 1,
    size: tuple[int, int] = (30, 40),
    full_scale: int = 1023,
) -> tuple[np.ndarray, Deposit]:
    """What was added to each pixel, and the deposit."""
    pixels = np.full(size, level, np.uint16)
    readout = Readout(np.full(size, sigma, np.float32), full_scale, adu_per_e)
    deposit = lay_in(pixels, shape, peak_sigma, readout, generator(seed))
    return pixels.astype(int) - level, deposit


def test_the_brightest_pixel_stands_so_many_sigma_above():
    added, deposit = laid(20.0)
    assert deposit.peak_sigma == pytest.approx(20.0)
    assert abs(added.max() - 40) <= 1
    assert added.min() == 0
    assert set(zip(deposit.rows, deposit.cols, strict=True)) >= set(
        zip(*np.nonzero(added >= 10), strict=True)
    )


def test_its_brightness_counts_in_the_noise_of_the_pixel_it_fell_on():
    sigma = np.full((20, 20), 1.0, np.float32)
    sigma[:, 10:] = 5.0
    seen = set()
    for seed in range(40):
        pixels = np.zeros((20, 20), np.uint16)
        deposit = lay_in(pixels, POINT, 10.0, Readout(sigma, 1023), generator(seed))
        noisy = bool(deposit.cols[0] >= 10)
        assert abs(int(pixels.max()) - (50 if noisy else 10)) <= 1
        seen.add(noisy)
    assert seen == {True, False}


def test_the_mean_of_what_is_added_is_the_signal_in_spite_of_whole_counts():
    sums = [laid(4.0, shape=POINT, sigma=0.6, seed=seed)[0].sum() for seed in range(3000)]
    assert abs(np.mean(sums) - 2.4) < 4 * 0.5 / np.sqrt(3000)


def test_shot_noise_is_drawn_where_the_counts_of_an_electron_are_known():
    sums = [laid(20.0, shape=POINT, adu_per_e=2.0, seed=seed)[0].sum() for seed in range(3000)]
    spread = np.sqrt(20 * 2.0**2 + 1 / 12)
    assert abs(np.mean(sums) - 40) < 4 * spread / np.sqrt(3000)
    assert abs(np.std(sums) - spread) < 5 * spread / np.sqrt(6000)


def test_a_pixel_stops_at_full_scale_and_the_brightness_says_so():
    added, deposit = laid(30.0, level=1000, shape=POINT)
    assert added.max() == 23
    assert deposit.peak_sigma == pytest.approx(11.5)
    assert laid(30.0, level=1023, shape=POINT)[1].peak_sigma == 0.0


def test_particles_fall_on_every_part_of_the_frame():
    places = [laid(10.0, seed=seed, size=(8, 8))[0] for seed in range(1200)]
    hit = np.sum([added >= 19 for added in places], axis=0)
    assert hit.min() > 0
    chi_square = ((hit - 1200 / 64) ** 2 / (1200 / 64)).sum()
    assert chi_square < 64 + 4 * np.sqrt(128)


def test_brightness_is_drawn_evenly_by_its_logarithm():
    random = generator()
    drawn = np.log([draw_peak_sigma(random) for _ in range(4000)])
    low, high = np.log(LEAST_PEAK_SIGMA), np.log(MOST_PEAK_SIGMA)
    assert low <= drawn.min() <= drawn.max() <= high
    counts, _ = np.histogram(drawn, 10, (low, high))
    assert ((counts - 400) ** 2 / 400).sum() < 9 + 5 * np.sqrt(18)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    bits=st.sampled_from([8, 10, 16]),
    peak_sigma=st.floats(4, 60),
    adu_per_e=st.one_of(st.none(), st.floats(0.1, 10)),
)
def test_whatever_falls_wherever_stays_inside_the_frame_and_its_range(
    seed, height, width, bits, peak_sigma, adu_per_e
):
    random = generator(seed)
    full = (1 << bits) - 1
    dtype = np.uint8 if bits == 8 else np.uint16
    pixels = random.integers(0, full + 1, (height, width)).astype(dtype)
    before = pixels.copy()
    sigma = random.uniform(0, full / 8, (height, width)).astype(np.float32)
    deposit = lay_in(
        pixels, draw_deposit(random, 3.0), peak_sigma, Readout(sigma, full, adu_per_e), random
    )
    assert pixels.dtype == dtype
    assert np.all(pixels >= before)
    assert pixels.max() <= full
    assert 0 <= deposit.peak_sigma <= peak_sigma * 1.0001
    assert len(deposit.rows) == len(deposit.cols) >= 1
    assert 0 <= deposit.rows.min() <= deposit.rows.max() < height
    assert 0 <= deposit.cols.min() <= deposit.cols.max() < width


def test_shapes_are_of_every_class_and_finer_pixels_share_a_cloud_among_more():
    def drawn(pitch: float | None) -> list[ParticleShape]:
        random = generator()
        return [draw_deposit(random, pitch) for _ in range(150)]

    fine, coarse = drawn(1.4), drawn(6.0)
    for shapes in (fine, coarse):
        assert {shape.kind for shape in shapes} == {"spot", "track", "worm"}
        for shape in shapes:
            assert shape.charge[shape.y_px, shape.x_px] == shape.charge.max() == 1.0
            assert shape.charge.min() >= 0
    lit = [
        np.mean([(s.charge > 0.1).sum() for s in shapes if s.kind == "spot"])
        for shapes in (fine, coarse)
    ]
    assert lit[0] > 1.5 * lit[1]
    default = drawn(None)
    assert all(np.array_equal(a.charge, b.charge) for a, b in zip(default, fine, strict=True))
