"""Our features beside what scikit-image, photutils and mahotas measured of the same pictures."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edge.features.hu import hu_moments
from edge.features.segment import (
    Clusters,
    clusters_of,
    lit_above,
    otsu_mask,
    share_threshold,
    smooth,
)
from edge.features.shape import shape_features
from edge.features.skeleton import thin
from edge.features.zernike import zernike_moments
from tests.edge.features.drawn import pictures
from tests.edge.features.make_reference import LIBRARIES, PLACE, measure

REFERENCE = json.loads(PLACE.read_text())["pictures"]
PICTURES = pictures()
each_picture = pytest.mark.parametrize("name", list(PICTURES))


def segmented(pixels: np.ndarray) -> tuple[Clusters, np.ndarray]:
    values = pixels.astype(float)
    smoothed = smooth(values)
    excess = values - np.median(values)
    return clusters_of(lit_above(smoothed, share_threshold(smoothed, 8)), excess), excess


def brightest(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    clusters, excess = segmented(pixels)
    rows, cols = clusters.pixels(int(clusters.order()[0]))
    return rows, cols, excess[rows, cols]


@each_picture
def test_the_cluster_is_photutils(name):
    clusters, _ = segmented(PICTURES[name])
    rows, _, excess = brightest(PICTURES[name])
    assert len(rows) == REFERENCE[name]["area_px"]
    assert excess.sum() == pytest.approx(REFERENCE[name]["photutils_sum"])
    large = np.count_nonzero(clusters.areas_px >= 5)
    assert large == REFERENCE[name]["photutils_components"]


@each_picture
def test_axes_hull_and_perimeter_are_scikit_images(name):
    ours, theirs = shape_features(*brightest(PICTURES[name])), REFERENCE[name]
    assert ours["convex_area_px"] == theirs["convex_area_px"]
    assert ours["perimeter_px"] == pytest.approx(theirs["perimeter_px"])
    # Without the 1/12 px² of the pixels' own size, which theirs leave out.
    axes = [math.sqrt(ours[f"{one}_axis_px"] ** 2 - 16 / 12) for one in ("major", "minor")]
    assert axes == pytest.approx([theirs["major_axis_px"], theirs["minor_axis_px"]], rel=1e-9)
    # The eccentricity is smaller for it, by 0.03 at most in these pictures.
    assert ours["eccentricity"] == pytest.approx(theirs["eccentricity"], abs=0.03)
    if ours["ellipticity"] > 0.01:
        # Theirs is from the column direction; both name a line, not a heading.
        between = ours["orientation_deg"] - (90 - math.degrees(theirs["orientation_rad"]))
        assert math.sin(math.radians(between)) == pytest.approx(0, abs=1e-9)


@each_picture
def test_weighted_axes_are_photutils_without_the_pixels_own_size(name):
    ours, theirs = shape_features(*brightest(PICTURES[name])), REFERENCE[name]
    axes = [ours["weighted_major_axis_px"], ours["weighted_minor_axis_px"]]
    sigmas = [math.sqrt((axis / 4) ** 2 - 1 / 12) for axis in axes]
    assert sigmas == pytest.approx(theirs["photutils_sigmas_px"], rel=1e-6)
    centre = [ours["centroid_x_px"], ours["centroid_y_px"]]
    assert centre == pytest.approx(theirs["photutils_centroid_px"], rel=1e-9)
    # 1/12 px² makes thin lines a little rounder than theirs.
    assert ours["weighted_ellipticity"] == pytest.approx(theirs["photutils_ellipticity"], abs=0.02)


@each_picture
def test_hu_moments_and_skeleton_are_scikit_images(name):
    rows, cols, _ = brightest(PICTURES[name])
    assert hu_moments(rows, cols) == pytest.approx(REFERENCE[name]["hu"], rel=1e-9, abs=1e-12)
    mask = np.zeros((60, 60), np.uint8)
    mask[rows, cols] = 1
    assert thin(mask).sum() == REFERENCE[name]["thinned_px"]


@each_picture
def test_otsus_split_is_scikit_images(name):
    expected = PICTURES[name] > REFERENCE[name]["otsu_threshold"]
    assert np.array_equal(otsu_mask(PICTURES[name]).astype(bool), expected)


@each_picture
def test_zernike_moments_are_mahotas(name):
    values = PICTURES[name].astype(float)
    light = np.maximum(values - share_threshold(values, 8), 0)
    rows, cols = np.indices(light.shape).reshape(2, -1)
    found = zernike_moments(rows, cols, light.ravel())
    assert found == pytest.approx(REFERENCE[name]["zernike"], abs=1e-9)


@pytest.mark.prove
@pytest.mark.filterwarnings("ignore")
@each_picture
def test_the_reference_is_what_the_libraries_measure_today(name):
    pytest.importorskip("skimage", reason=f"needs {', '.join(LIBRARIES)}")
    pytest.importorskip("photutils", reason=f"needs {', '.join(LIBRARIES)}")
    pytest.importorskip("mahotas", reason=f"needs {', '.join(LIBRARIES)}")
    found = measure(PICTURES[name])
    for key, value in REFERENCE[name].items():
        assert found[key] == pytest.approx(value, rel=1e-6, abs=1e-9), key
