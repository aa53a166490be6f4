"""Shape features: against shapes measured by hand, SciPy, OpenCV and brute force."""

from __future__ import annotations

import math
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from edge.crop import crop
from edge.describe import describe
from edge.detection import Candidate


def candidate(mask: np.ndarray, values: np.ndarray | None = None, origin=(0, 0)) -> Candidate:
    """The lit pixels of a drawn mask, with a baseline of 10 counts."""
    mask = np.asarray(mask, dtype=bool)
    frame = np.full(mask.shape, 10, np.uint16)
    frame[mask] = 110 if values is None else np.asarray(values)[mask] + 10
    rows, cols = np.nonzero(mask)
    excess = frame[rows, cols].astype(np.float32) - 10
    peak = int(np.argmax(excess))
    return Candidate(
        rows=(rows + origin[0]).astype(np.int32),
        cols=(cols + origin[1]).astype(np.int32),
        values_adu=frame[rows, cols],
        excess_adu=excess,
        peak=peak,
        peak_sigma=float(excess[peak]) / 2.0,
        crop=crop(frame, int(rows[peak]), int(cols[peak])),
    )


def drawing(*lines: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in line] for line in lines])


def test_one_pixel_has_a_shape_without_a_division_by_zero():
    features = describe(candidate(drawing("#"), origin=(7, 9)))
    side = 4 * math.sqrt(1 / 12)
    expected = {
        "area_px": 1,
        "convex_area_px": 1,
        "solidity": 1,
        "major_axis_px": side,
        "minor_axis_px": side,
        "ellipticity": 0,
        "elongation": 1,
        "eccentricity": 0,
        "orientation_deg": 0,
        "weighted_ellipticity": 0,
        "centroid_x_px": 9,
        "centroid_y_px": 7,
        "length_px": 1,
        "width_px": 1,
        "perimeter_px": 0,
        "bbox_x0_px": 9,
        "bbox_x1_px": 9,
        "bbox_y0_px": 7,
        "bbox_y1_px": 7,
        "peak_share": 1,
        "mean_excess_adu": 100,
        "peak_sigma": 50,
    }
    assert {name: features[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("count", [2, 3, 6, 40])
def test_row_piece_has_the_axes_of_a_rectangle(count):
    features = describe(candidate(np.ones((1, count), bool)))
    # A rectangle's variance is side² / 12; ours is exact for pixels that are squares.
    assert features["major_axis_px"] == pytest.approx(4 * math.sqrt(count**2 / 12))
    assert features["minor_axis_px"] == pytest.approx(4 * math.sqrt(1 / 12))
    assert features["ellipticity"] == pytest.approx(1 - 1 / count)
    assert features["elongation"] == pytest.approx(count)
    assert features["eccentricity"] == pytest.approx(math.sqrt(1 - 1 / count**2))
    assert (features["length_px"], features["width_px"]) == (count, 1)
    assert features["solidity"] == 1
    assert features["orientation_deg"] == 0


def test_orientation_turns_from_columns_to_rows():
    assert describe(candidate(np.ones((9, 1), bool)))["orientation_deg"] == 90
    assert describe(candidate(np.eye(9, dtype=bool)))["orientation_deg"] == pytest.approx(45)
    assert describe(candidate(np.eye(9, dtype=bool)[::-1]))["orientation_deg"] == pytest.approx(-45)
    assert describe(candidate(np.ones((4, 4), bool)))["orientation_deg"] == 0


def test_disc_is_round_and_solid():
    y, x = np.mgrid[-8:9, -8:9]
    features = describe(candidate(x * x + y * y <= 49))
    assert features["ellipticity"] == 0
    assert features["orientation_deg"] == 0
    assert features["solidity"] == 1
    assert features["major_axis_px"] == pytest.approx(2 * math.sqrt(149 / math.pi), rel=0.02)


@pytest.mark.parametrize(("run", "rise"), [(1, 0), (1, 1), (2, 1), (3, 2), (7, 3), (13, 5), (0, 1)])
def test_straight_line_at_any_angle_is_solid(run, rise):
    canvas = np.zeros((80, 80), np.uint8)
    cv2.line(canvas, (5, 5), (5 + 5 * run, 5 + 5 * rise), 1)
    features = describe(candidate(canvas > 0))
    assert features["solidity"] == 1
    assert features["width_px"] < 2.5
    slope = math.degrees(math.atan2(rise, run))
    assert features["orientation_deg"] == pytest.approx(slope, abs=2.5)


def test_hooked_cluster_fills_its_hull_badly():
    features = describe(
        candidate(
            drawing(
                "#.......",
                "#.......",
                "#.......",
                "#.......",
                "#.......",
                "#.......",
                "########",
            )
        )
    )
    # 14 pixels; the hull is the triangle (0,0) (0,6) (7,6): 21 + 14/2 + 1 points in or on it.
    assert features["area_px"] == 14
    assert features["convex_area_px"] == 29
    assert features["solidity"] == pytest.approx(14 / 29)


def test_hole_counts_against_solidity():
    assert describe(candidate(drawing("###", "#.#", "###")))["solidity"] == pytest.approx(8 / 9)


def test_weights_follow_the_light():
    values = np.array([[0, 300, 100]])
    features = describe(candidate(values > 0, values, origin=(20, 30)))
    assert features["centroid_x_px"] == pytest.approx(30 + 1.25)
    assert features["centroid_y_px"] == 20
    assert features["peak_share"] == pytest.approx(0.75)
    assert features["mean_excess_adu"] == 200
    # Weighted variance along x: 0.75 * 0.25 = 3/16.
    assert features["weighted_major_axis_px"] == pytest.approx(4 * math.sqrt(3 / 16 + 1 / 12))
    assert features["weighted_minor_axis_px"] == pytest.approx(4 * math.sqrt(1 / 12))


def test_alike_weights_give_the_unweighted_shape():
    features = describe(candidate(drawing("##..", ".###", "..##")))
    for name in ("major_axis_px", "minor_axis_px", "ellipticity", "orientation_deg"):
        assert features[f"weighted_{name}"] == pytest.approx(features[name])


def test_excess_below_zero_weighs_nothing_and_darkness_weighs_alike():
    lit = candidate(drawing("###"))
    negative = Candidate(
        lit.rows, lit.cols, lit.values_adu, np.float32([-5, 10, 30]), 2, math.inf, lit.crop
    )
    features = describe(negative)
    assert features["peak_share"] == pytest.approx(0.75)
    assert features["peak_sigma"] == 1e9
    dark = Candidate(
        lit.rows, lit.cols, lit.values_adu, np.float32([0, 0, 0]), 0, math.nan, lit.crop
    )
    assert describe(dark)["peak_share"] == pytest.approx(1 / 3)
    assert describe(dark)["centroid_x_px"] == 1
    assert describe(dark)["peak_sigma"] == 0


def brute_convex_area(rows: np.ndarray, cols: np.ndarray) -> int:
    """Lattice points that no line through two pixels parts from all pixels, in exact numbers."""
    points = [(int(x), int(y)) for x, y in zip(cols, rows, strict=True)]
    count = 0
    for y in range(min(rows), max(rows) + 1):
        left, right = [], []
        # Where the hull cuts this row: the extremes over all segments between two points.
        for ax, ay in points:
            for bx, by in points:
                if min(ay, by) <= y <= max(ay, by):
                    ends = (ax, bx) if ay == by else (Fraction(bx - ax, by - ay) * (y - ay) + ax,)
                    left.append(min(ends))
                    right.append(max(ends))
        count += math.floor(max(right)) - math.ceil(min(left)) + 1
    return count


masks = st.builds(
    lambda height, width, bits: np.resize(np.array(bits, dtype=bool), (height, width)),
    st.integers(1, 7),
    st.integers(1, 7),
    st.lists(st.booleans(), min_size=1, max_size=49),
).filter(lambda mask: mask.any())


@settings(max_examples=150, deadline=None)
@given(mask=masks)
def test_convex_area_is_the_number_of_pixels_in_the_hull(mask):
    found = candidate(mask)
    features = describe(found)
    assert features["convex_area_px"] == brute_convex_area(found.rows, found.cols)
    assert 0 < features["solidity"] <= 1


def scipy_perimeter(mask: np.ndarray) -> float:
    """The published estimator, by convolution."""
    image = np.pad(mask, 3).astype(int)
    border = image - ndimage.binary_erosion(image).astype(int)
    codes = ndimage.convolve(border, np.array([[10, 2, 10], [2, 1, 2], [10, 2, 10]]))
    weights = dict.fromkeys((5, 7, 15, 17, 25, 27), 1.0)
    weights |= dict.fromkeys((21, 33), math.sqrt(2)) | dict.fromkeys(
        (13, 23), (1 + math.sqrt(2)) / 2
    )
    return sum(weights.get(int(code), 0.0) for code in codes.ravel())


@settings(max_examples=100, deadline=None)
@given(mask=masks, origin=st.tuples(st.integers(0, 3000), st.integers(0, 4000)))
def test_moments_perimeter_and_box_agree_with_scipy_and_opencv(mask, origin):
    values = (np.arange(mask.size).reshape(mask.shape) % 7 + 1) * 20
    features = describe(candidate(mask, values, origin))
    light = np.where(mask, values, 0)
    y, x = ndimage.center_of_mass(light)
    assert features["centroid_x_px"] == pytest.approx(origin[1] + x)
    assert features["centroid_y_px"] == pytest.approx(origin[0] + y)
    assert features["perimeter_px"] == pytest.approx(scipy_perimeter(mask))

    moments = cv2.moments(light.astype(np.float64))
    covariance = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]])
    eigenvalues = np.linalg.eigvalsh(covariance / moments["m00"])
    assert features["weighted_major_axis_px"] == pytest.approx(
        4 * math.sqrt(max(eigenvalues[1], 0) + 1 / 12)
    )
    assert features["weighted_minor_axis_px"] == pytest.approx(
        4 * math.sqrt(max(eigenvalues[0], 0) + 1 / 12), rel=1e-5
    )
    (box,) = ndimage.find_objects(mask.astype(int))
    assert features["bbox_y0_px"] == origin[0] + box[0].start
    assert features["bbox_y1_px"] == origin[0] + box[0].stop - 1
    assert features["bbox_x0_px"] == origin[1] + box[1].start
    assert features["bbox_x1_px"] == origin[1] + box[1].stop - 1


@settings(max_examples=100, deadline=None)
@given(mask=masks, seed=st.integers(0, 2**32 - 1))
def test_all_features_are_finite_floats_in_their_ranges(mask, seed):
    values = np.random.default_rng(seed).integers(0, 65000, mask.shape)
    features = describe(candidate(mask, values))
    assert all(type(value) is float and math.isfinite(value) for value in features.values())
    assert 0 <= features["ellipticity"] < 1
    assert 0 <= features["weighted_ellipticity"] < 1
    assert 0 <= features["eccentricity"] < 1
    assert features["elongation"] >= 1
    assert -90 < features["orientation_deg"] <= 90
    assert -90 < features["weighted_orientation_deg"] <= 90
    assert 0 <= features["peak_share"] <= 1
    assert features["major_axis_px"] >= features["minor_axis_px"] >= 1.15


@settings(max_examples=60, deadline=None)
@given(mask=masks)
def test_turning_the_picture_turns_only_the_orientation(mask):
    plain, turned = describe(candidate(mask)), describe(candidate(np.rot90(mask)))
    for name in ("area_px", "convex_area_px", "perimeter_px", "ellipticity", "width_px"):
        assert turned[name] == pytest.approx(plain[name], abs=1e-9)


def test_orientation_of_a_round_cluster_is_not_left_to_rounding():
    y, x = np.mgrid[-6:7, -6:7]
    values = np.round(900 * np.exp(-(x * x + y * y) / 9)).astype(int)
    features = describe(candidate(values > 30, values, origin=(1999, 3001)))
    assert features["weighted_orientation_deg"] == 0
    assert features["weighted_ellipticity"] == pytest.approx(0, abs=1e-9)


def test_light_is_the_candidates_own():
    one = candidate(np.ones((2, 3), bool), np.array([[10, 20, 30], [40, 90, 60]]))
    features = describe(one)
    assert features["sum_excess_adu"] == one.sum_adu == 250
    assert features["peak_excess_adu"] == 90
    assert features["peak_share"] == pytest.approx(90 / 250)


def test_a_bent_hit_is_less_straight_than_its_ellipse_tells():
    mask = np.zeros((30, 30), np.uint8)
    cv2.polylines(mask, [np.array([(3, 3), (25, 3), (25, 25)], np.int32)], False, 1, 2)
    bent = describe(candidate(mask))
    assert bent["straightness"] == pytest.approx(math.sqrt(0.5), abs=0.05)
    assert (bent["bends"], bent["ends"], bent["forks"]) == (1, 2, 0)
    assert bent["path_length_px"] == pytest.approx(44, abs=4)


def test_a_hit_in_pieces_is_described_as_one():
    features = describe(candidate(drawing("##..##..##")))
    assert features["path_length_px"] == pytest.approx(10)
    assert features["straightness"] == 1
    assert all(math.isfinite(value) for value in features.values())


def test_a_message_has_room_for_all_features():
    assert len(describe(candidate(drawing("##")))) <= 64  # edge.messages.fields.Numbers
