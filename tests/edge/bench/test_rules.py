"""The field's rules, written small for speed: each sees a particle and not plain noise."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.detection.peers.credo_linux import THRESHOLD
from edge.bench.dark import SHALLOW, dark_frames
from edge.bench.rules import RULES

SIZE = (320, 240)


@pytest.fixture(scope="module")
def learned():
    return dark_frames(SIZE, SHALLOW, particles=0, hot_pixels=0, ring=8).plain


@pytest.mark.parametrize("name", RULES)
def test_a_rule_sees_a_bright_particle_and_not_the_noise_it_knows(name, learned):
    look = RULES[name](learned)
    struck = learned[3].copy()
    struck[100:104, 200:204] = 250
    assert look(learned[2]) <= (0 if name != "CRAYFIS" else 2)  # it lets the brightest noise by
    assert look(struck) > 0
    assert (struck[100:104, 200:204] == 250).all(), "the frame is the camera's"


def test_a_fixed_threshold_counts_each_pixel_above_it(learned):
    pixels = np.full((40, 40), THRESHOLD, np.uint8)
    pixels[3, 5:9] = THRESHOLD + 1
    assert RULES["CREDO-Linux"](learned)(pixels) == 4
