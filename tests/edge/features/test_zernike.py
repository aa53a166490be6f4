"""Zernike moments against their definition, and what they don't change with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.features.zernike import zernike_moments, zernike_names


def by_definition(light: np.ndarray, n: int, m: int, radius: float) -> float:
    """(n + 1)/pi |sum of light times the conjugate polynomial|, pixel by pixel."""
    total = light.sum()
    rows, cols = np.indices(light.shape)
    y0, x0 = (rows * light).sum() / total, (cols * light).sum() / total
    inside, value = 0.0, 0j
    for (row, col), amount in np.ndenumerate(light):
        rho, theta = math.hypot(row - y0, col - x0) / radius, math.atan2(row - y0, col - x0)
        if amount <= 0 or rho > 1:
            continue
        inside += amount
        radial = sum(
            (-1) ** s * math.factorial(n - s) * rho ** (n - 2 * s)
            / math.factorial(s) / math.factorial((n + m) // 2 - s)
            / math.factorial((n - m) // 2 - s)
            for s in range((n - m) // 2 + 1)
        )  # fmt: skip
        value += amount * radial * complex(math.cos(m * theta), -math.sin(m * theta))
    return (n + 1) / math.pi * abs(value) / inside


def moments(light: np.ndarray, **options) -> np.ndarray:
    rows, cols = np.indices(light.shape).reshape(2, -1)
    return zernike_moments(rows, cols, light.ravel(), **options)


@pytest.mark.parametrize("radius", [6.0, 21.0])
def test_they_are_the_analytic_definition(radius):
    light = np.random.default_rng(4).random((19, 24)) ** 3
    orders = [tuple(map(int, name.split("_")[1:])) for name in zernike_names()]
    expected = [by_definition(light, n, m, radius) for n, m in orders]
    assert moments(light, radius_px=radius) == pytest.approx(expected, abs=1e-9)


def test_there_are_25_of_degree_8():
    assert len(zernike_names()) == len(moments(np.ones((3, 3)))) == 25
    assert zernike_names()[:4] == ("zernike_0_0", "zernike_1_1", "zernike_2_0", "zernike_2_2")


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1000), st.integers(0, 3), st.booleans())
def test_gain_shift_turn_and_mirror_change_nothing(seed, gain, quarters, mirror):
    light = np.random.default_rng(seed).random((17, 21))
    other = np.pad(np.rot90(light * gain, quarters), ((3, 9), (1, 30)))
    other = other[:, ::-1] if mirror else other
    assert moments(other) == pytest.approx(moments(light), abs=1e-9)


@pytest.mark.parametrize("light", [np.zeros((4, 4)), -np.ones((2, 2)), np.zeros((0, 3))])
def test_darkness_has_none(light):
    assert np.array_equal(moments(light), np.zeros(25))


def test_light_outside_the_disc_alone_has_none():
    ring = np.zeros((101, 101))
    ring[0, 0] = ring[100, 100] = 1
    assert np.array_equal(moments(ring), np.zeros(25))
