"""Threshold maps: what a value must be above, in whole ADU."""

from __future__ import annotations

import numpy as np

from calibration.maps import threshold_rows


def maps(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_a_threshold_lies_so_many_sigma_over_the_baseline_rounded_down() -> None:
    made = threshold_rows(maps(64.0, 10.25), maps(2.0, 1.5), 7.0, 1023)
    assert made.dtype == np.uint16
    assert made.tolist() == [[78, 20]]


def test_hot_pixels_have_a_higher_threshold_by_their_stretch() -> None:
    made = threshold_rows(maps(64.0, 64.0), maps(2.0, 2.0), 7.0, 1023, maps(1.0, 1.5))
    assert made.tolist() == [[78, 85]]


def test_a_threshold_stays_within_the_range_of_values() -> None:
    made = threshold_rows(maps(1000.0, -90.0, 65_530.0), maps(9.0, 1.0, 9.0), 7.0, 1023)
    assert made.tolist() == [[1023, 0, 1023]]
    deep = threshold_rows(maps(65_530.0), maps(9.0), 7.0, 65_535)
    assert deep.tolist() == [[65_535]]
