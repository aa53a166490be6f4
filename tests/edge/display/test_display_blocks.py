"""Crops in characters."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rich.console import Console

from edge.display.blocks import (
    RAMP,
    Picture,
    characters,
    fill,
    half_blocks,
    shrink,
    stretch,
    zoom,
)


def spot(size: int = 60, row: int = 12, col: int = 40, value: int = 600) -> np.ndarray:
    rng = np.random.default_rng(1)
    pixels = np.rint(rng.normal(64, 3, (size, size))).astype(np.uint16)
    pixels[row, col] = value
    return pixels


def test_stretching_shows_the_particle_and_hides_the_noise() -> None:
    levels = stretch(spot())
    assert levels.dtype == np.uint8
    assert levels[12, 40] == 255
    assert np.median(levels) == 0
    assert (levels > 64).sum() == 1


def test_noise_alone_stays_dark() -> None:
    levels = stretch(spot(value=64))
    assert levels.max() < 190
    assert np.count_nonzero(levels > 128) < 0.03 * levels.size


def test_a_flat_or_empty_crop_is_black() -> None:
    assert stretch(np.full((5, 5), 1000, np.uint16)).max() == 0
    assert stretch(np.zeros((0, 0), np.uint8)).shape == (0, 0)


def test_a_spot_of_one_pixel_survives_shrinking() -> None:
    levels = np.zeros((60, 60), np.uint8)
    levels[59, 59] = 200
    small = shrink(levels, 17, 16)
    assert small.shape == (16, 16)
    assert small[15, 15] == 200
    assert small.sum() == 200
    assert shrink(levels, 60, 60) is levels


def test_a_close_up_holds_all_that_is_lit() -> None:
    levels = np.zeros((60, 60), np.uint8)
    levels[50, 55] = levels[58, 59] = 255
    near = zoom(levels, 16)
    assert near.shape == (16, 16)
    assert np.count_nonzero(near) == 2
    wide = levels.copy()
    wide[2, 3] = 255
    assert np.count_nonzero(zoom(wide, 16)) == 3


def test_a_hot_pixel_beside_a_hit_neither_darkens_it_nor_draws_the_eye() -> None:
    pixels = spot(row=20, col=20, value=200)
    pixels[50, 50] = 60_000
    assert stretch(pixels)[20, 20] < 30
    levels = stretch(pixels, white_adu=200)
    assert levels[20, 20] == levels[50, 50] == 255
    near = zoom(levels, 16, (20, 20))
    assert near.shape == (16, 16)
    assert np.count_nonzero(near == 255) == 1
    assert zoom(levels, 16).shape == (33, 33)


def test_a_close_up_follows_a_track_from_its_peak_on() -> None:
    levels = np.zeros((60, 60), np.uint8)
    levels[range(10, 40), range(10, 40)] = 120
    near = zoom(levels, 16, (12, 12))
    assert near.shape == (32, 32)
    assert np.count_nonzero(near) == 30


def test_a_peak_outside_the_crop_is_ignored() -> None:
    file = io.StringIO()
    Console(file=file, width=80).print(Picture(spot(), peak=(60, 3)))
    assert "@" in file.getvalue()


def test_small_pictures_are_put_in_the_middle() -> None:
    filled = fill(np.full((2, 3), 9, np.uint8), 7, 6)
    assert filled.shape == (6, 7)
    assert filled[2:4, 2:5].min() == 9
    assert filled.sum() == 54


def test_half_blocks_hold_two_rows_in_a_line() -> None:
    text = half_blocks(np.array([[0, 255], [255, 0], [255, 255]], np.uint8))
    assert text.plain == "▀▀\n▀▀"
    styles = [span.style for span in text.spans]
    assert styles[0].color.triplet < styles[0].bgcolor.triplet
    assert styles[1].color.triplet > styles[1].bgcolor.triplet
    assert sum(styles[3].bgcolor.triplet) < 20  # a row that is not there is dark


def test_characters_run_from_dark_to_bright() -> None:
    ramp = np.linspace(0, 255, 10).astype(np.uint8).reshape(1, -1)
    assert characters(np.vstack([ramp, ramp])).plain == RAMP
    assert characters(ramp).plain == RAMP


def test_without_colour_or_utf_8_a_picture_is_ascii() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    Console(file=file, width=80).print(Picture(spot()))
    file.flush()
    lines = raw.getvalue().decode("ascii").splitlines()
    assert len(lines) == 30
    assert lines[6][40] == "@"


def test_in_colour_a_picture_fits_80_columns() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system="truecolor")
    console.print(Picture(spot(size=128)))
    assert all(line.count("▀") <= 80 for line in file.getvalue().splitlines())
    assert file.getvalue().count("\n") == 39


@settings(max_examples=50, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 70), st.integers(1, 70)),
    ),
    st.integers(1, 90),
    st.integers(2, 90),
    st.booleans(),
)
def test_any_crop_is_drawn_inside_its_columns(
    pixels: np.ndarray, columns: int, rows: int, close_up: bool
) -> None:
    file = io.StringIO()
    console = Console(file=file, width=100, color_system=None)
    console.print(Picture(pixels, columns, rows, close_up=close_up))
    lines = file.getvalue().splitlines()
    assert len(lines) <= -(-rows // 2)
    assert all(len(line.rstrip()) <= columns for line in lines)
