"""The way along a cluster: straight, bent, forked, in pieces."""

from __future__ import annotations

import math
import time

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.features.ridge import Ridge, ridge_of
from edge.features.skeleton import ends_and_forks, thin


def ridge(mask: np.ndarray) -> Ridge:
    rows, cols = np.nonzero(mask)
    return ridge_of(rows.astype(np.int64), cols.astype(np.int64))


def drawn(*points: tuple[int, int], thickness: int = 3, closed: bool = False) -> np.ndarray:
    mask = np.zeros((80, 80), np.uint8)
    cv2.polylines(mask, [np.array(points, np.int32)], closed, 1, thickness)
    return mask


def half_circle(radius: int) -> list[tuple[int, int]]:
    angles = np.linspace(0, math.pi, 50)
    return [(round(40 + radius * math.cos(a)), round(30 + radius * math.sin(a))) for a in angles]


@pytest.mark.parametrize("angle_deg", range(0, 180, 11))
@pytest.mark.parametrize("thickness", [1, 2, 3, 5])
def test_a_line_is_straight_at_any_angle(angle_deg, thickness):
    dx, dy = 30 * math.cos(math.radians(angle_deg)), 30 * math.sin(math.radians(angle_deg))
    ends = [(round(40 + s * dx), round(40 + s * dy)) for s in (-1, 1)]
    found = ridge(drawn(*ends, thickness=thickness))
    assert found.straightness > 0.97
    assert found.sagitta_share < 0.05
    assert found.path_length_px == pytest.approx(61, abs=3)
    assert (found.bends, found.forks) == (0, 0)


@pytest.mark.parametrize("thickness", [1, 2, 3, 5])
def test_a_half_circle_is_as_straight_as_its_chord_over_its_arc(thickness):
    found = ridge(drawn(*half_circle(22), thickness=thickness))
    assert found.straightness == pytest.approx(2 / math.pi, abs=0.04)
    assert found.sagitta_share == pytest.approx(0.5, abs=0.04)
    # Headings are over 3 px, so that the first and the last turn are missing.
    assert found.net_turn_deg == pytest.approx(170, abs=20)
    assert found.bends == 1


def test_a_zigzag_bends_and_an_arc_keeps_turning():
    zigzag = ridge(drawn((10, 10), (30, 30), (10, 50), (30, 70)))
    assert zigzag.bends == 2
    assert zigzag.turn_deg > zigzag.net_turn_deg + 100
    arc = ridge(drawn(*half_circle(22)))
    assert arc.turn_deg == pytest.approx(arc.net_turn_deg, abs=40)


def test_a_fork_has_three_ends():
    mask = drawn((40, 70), (40, 40)) | drawn((15, 15), (40, 40), (65, 15))
    found = ridge(mask)
    assert (found.ends, found.forks) == (3, 1)


def test_a_closed_ring_has_no_end():
    found = ridge(drawn(*half_circle(20), *[(x, 60 - y) for x, y in half_circle(20)[::-1]]))
    assert (found.ends, found.forks) == (0, 0)
    assert found.straightness < 0.75


def test_pieces_of_one_line_are_measured_as_one():
    whole = drawn((10, 20), (70, 50), thickness=2)
    parted = whole.copy()
    parted[:, 25:30] = 0
    parted[:, 50:53] = 0
    assert cv2.connectedComponents(parted)[0] == 4
    assert ridge(parted).path_length_px == pytest.approx(ridge(whole).path_length_px, abs=1)
    assert ridge(parted).straightness > 0.97


@pytest.mark.parametrize("thickness", [1, 3, 5, 7])
def test_width_along_a_line_is_its_thickness(thickness):
    mask = np.zeros((80, 80), np.uint8)
    mask[30 : 30 + thickness, 10:60] = 1
    assert ridge(mask).width_px == pytest.approx(thickness, abs=0.3)
    assert ridge(mask).width_spread < 0.15


def test_one_pixel_and_a_square_of_four_have_a_way():
    for side in (1, 2):
        found = ridge(np.ones((side, side)))
        assert 1 <= found.path_length_px <= side
        assert (found.straightness, found.bends, found.turn_deg) == (1, 0, 0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 24), st.integers(1, 24), st.floats(0.05, 1))
def test_any_cluster_has_a_finite_way_that_mirrors_keep(seed, height, width, filled):
    random = np.random.default_rng(seed)
    mask = random.random((height, width)) < filled
    mask[random.integers(height), random.integers(width)] = True
    found = ridge(mask)
    numbers = [getattr(found, name) for name in Ridge.__slots__]
    assert np.isfinite(numbers).all()
    assert 0 < found.straightness <= 1
    assert found.path_length_px >= 1
    rows, cols = np.nonzero(mask)
    assert ridge_of(rows + 1000, cols + 7) == found


@given(st.integers(0, 2**32 - 1))
def test_thinning_keeps_pieces_and_holes(seed):
    random = np.random.default_rng(seed)
    blurred = cv2.GaussianBlur(random.random((40, 40)), (0, 0), 1.5)
    mask = (blurred > np.quantile(blurred, random.uniform(0.3, 0.9))).astype(np.uint8)
    skeleton = thin(mask)
    assert not (skeleton & ~mask & 1).any()
    for one in (mask, skeleton):
        one[0], one[-1], one[:, 0], one[:, -1] = 0, 0, 0, 0
    skeleton = thin(mask)
    assert cv2.connectedComponents(skeleton)[0] == cv2.connectedComponents(mask)[0]
    holes = [cv2.connectedComponents(1 - one, connectivity=4)[0] for one in (skeleton, mask)]
    assert holes[0] == holes[1]
    assert np.array_equal(thin(skeleton), skeleton)


def test_a_lone_pixel_is_neither_end_nor_fork():
    skeleton = np.zeros((5, 5), np.uint8)
    skeleton[2, 2] = 1
    assert ends_and_forks(skeleton) == (0, 0)
    skeleton[2, 3] = 1
    assert ends_and_forks(skeleton) == (2, 0)


def test_a_blot_is_measured_on_a_coarser_grid_in_no_time():
    rows, cols = np.indices((400, 900)).reshape(2, -1)
    start = time.process_time()
    found = ridge_of(rows, cols)
    assert time.process_time() - start < 1
    assert found.width_px == pytest.approx(400, rel=0.35)
    assert 400 < found.path_length_px < 1100
    assert found.straightness > 0.9


def test_of_a_thousand_pieces_the_largest_make_the_way():
    mask = np.random.default_rng(1).random((120, 120)) < 0.05
    mask[60, 10:110] = True
    start = time.process_time()
    found = ridge(mask)
    assert time.process_time() - start < 1
    assert found.path_length_px > 95
