"""The credo preset: a written table of decisions, the app's own loop, and each departure."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.credo import (
    DEPARTURES,
    MAX_PASSES,
    CredoCalibrator,
    CredoScan,
    CredoThresholds,
    calibrated,
    scan,
)

DEFAULTS = CredoThresholds()
LOW = CredoThresholds(average=25, black=25, black_count_permille=999, max_=80)
CROP = 20


def frame(base: int, lit: dict[tuple[int, int], int], width=100, height=100) -> np.ndarray:
    """An even frame with some (x, y) lit."""
    pixels = np.full((height, width), base, np.uint8)
    for (x, y), value in lit.items():
        pixels[y, x] = value
    return pixels


def row_of(count: int, value: int) -> dict[tuple[int, int], int]:
    return {(40 + index, 50): value for index in range(count)}


# What the rules say of each frame, worked out by hand: 100 x 100 px, so 10 px are 1 per mille.
# name, base, lit {(x, y): value}, thresholds, covered, hits [(x, y)] in order
TABLE = [
    ("black", 0, {}, DEFAULTS, True, []),
    ("evenly 39: mean below 40", 39, {}, DEFAULTS, True, []),
    ("evenly 40: mean not below 40", 40, {}, DEFAULTS, False, []),
    ("daylight", 200, {}, DEFAULTS, False, []),
    ("120 is not above 120", 0, {(50, 50): 120}, DEFAULTS, True, []),
    ("121 is", 0, {(50, 50): 121}, DEFAULTS, True, [(50, 50)]),
    ("saturated", 0, {(50, 50): 255}, DEFAULTS, True, [(50, 50)]),
    ("in the first corner", 0, {(0, 0): 255}, DEFAULTS, True, [(0, 0)]),
    ("in the last corner", 0, {(99, 99): 255}, DEFAULTS, True, [(99, 99)]),
    ("10 px at 41: 999 per mille", 0, row_of(10, 41), DEFAULTS, True, []),
    ("11 px at 41: 998.9 per mille", 0, row_of(11, 41), DEFAULTS, False, []),
    ("11 px at 40 are black", 0, row_of(11, 40), DEFAULTS, True, []),
    ("10 bright px, one crop", 0, row_of(10, 200), DEFAULTS, True, [(40, 50)]),
    ("11 bright px: a leak", 0, row_of(11, 200), DEFAULTS, False, []),
    (
        "brightest first",
        0,
        {(10, 10): 130, (80, 80): 200, (10, 80): 160},
        DEFAULTS,
        True,
        [(80, 80), (10, 80), (10, 10)],
    ),
    (
        "of equals the first in raster order",
        0,
        {(80, 10): 200, (10, 10): 200, (5, 80): 200},
        DEFAULTS,
        True,
        [(10, 10), (80, 10), (5, 80)],
    ),
    (
        "inside the crop of a brighter one",
        0,
        {(50, 50): 200, (40, 50): 190, (59, 59): 190},
        DEFAULTS,
        True,
        [(50, 50)],
    ),
    (
        "one px outside it",
        0,
        {(50, 50): 200, (39, 50): 190, (60, 50): 180},
        DEFAULTS,
        True,
        [(50, 50), (39, 50), (60, 50)],
    ),
    (
        "a crop at the edge is shifted inside, and so is the blank",
        0,
        {(0, 0): 200, (19, 19): 190, (20, 0): 180},
        DEFAULTS,
        True,
        [(0, 0), (20, 0)],
    ),
    (
        "five of six",
        0,
        {(10, 10): 206, (50, 10): 205, (90, 10): 204, (10, 50): 203, (50, 50): 202, (90, 50): 201},
        DEFAULTS,
        True,
        [(10, 10), (50, 10), (90, 10), (10, 50), (50, 50)],
    ),
    ("grey below the limit, with a hit", 39, {(3, 4): 255}, DEFAULTS, True, [(3, 4)]),
    ("just below 40 on the mean, ten lit", 39, row_of(10, 255), DEFAULTS, True, [(40, 50)]),
    ("calibrated: 81 is above 80", 5, {(50, 50): 81}, LOW, True, [(50, 50)]),
    ("calibrated: 80 is not", 5, {(50, 50): 80}, LOW, True, []),
    ("calibrated: mean 24", 24, {(50, 50): 81}, LOW, True, [(50, 50)]),
    ("calibrated: mean 25", 25, {(50, 50): 81}, LOW, False, []),
    ("calibrated: 11 px above black 25", 5, row_of(11, 26), LOW, False, []),
]


@pytest.mark.parametrize(
    ("base", "lit", "thresholds", "covered", "hits"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_decision_is_the_written_one(base, lit, thresholds, covered, hits):
    result = scan(frame(base, lit), 8, thresholds, CROP)
    assert result.covered is covered
    found = [(candidate.x_px, candidate.y_px) for candidate in result.candidates]
    assert found == hits


@pytest.mark.parametrize(
    ("mean", "mean_max", "average", "max_"),
    [
        (0.0, 0.0, 20, 80),
        (0.99, 26.9, 20, 80),
        (1.0, 26.99, 21, 80),
        (5.5, 27.0, 25, 81),
        (5.5, 27.5, 25, 82),
        (39.99, 53.3, 59, 159),
        (39.99, 54.0, 59, 160),
        (41.0, 255.0, 60, 160),
    ],
)
def test_calibrated_thresholds_are_the_written_ones(mean, mean_max, average, max_):
    assert calibrated(mean, mean_max) == CredoThresholds(average, average, 999, max_)


def test_only_covered_frames_calibrate():
    calibrator = CredoCalibrator(frames=3)
    for value in (4, 200, 6):
        assert calibrator.add(scan(frame(value, {(1, 1): 30 + value}), 8)) is None
    assert calibrator.covered == 2
    thresholds = calibrator.add(scan(frame(5, {(1, 1): 35}), 8))
    assert thresholds == CredoThresholds(25, 25, 999, 105)
    calibrator.add(scan(frame(39, {}), 8))
    assert calibrator.thresholds == thresholds
    assert calibrator.covered == 3


def test_short_recording_calibrates_on_what_it_has():
    calibrator = CredoCalibrator()
    assert calibrator.finish() is None
    calibrator.add(scan(frame(2, {(1, 1): 30}), 8))
    calibrator.add(scan(frame(4, {(1, 1): 31}), 8))
    assert calibrator.thresholds is None
    assert calibrator.finish() == calibrated(3.0, 30.5) == CredoThresholds(23, 23, 999, 91)


# The app's loop, transcribed step by step from CameraPreviewCallbackNative.kt (1.3.4), faults
# included: its `while` makes six passes of MAX_HITS_ONE_FRAME = 5.
@dataclass
class AppHit:
    x: int
    y: int
    max: int
    average: float
    blacks: float
    crop: list[list[int]]


def app(pixels: np.ndarray, config: CredoThresholds, crop_size: int) -> tuple[bool, list[AppHit]]:
    height, width = pixels.shape
    data = [int(value) for value in pixels.ravel()]
    original = list(data)
    hits: list[AppHit] = []
    active = False
    loop = -1
    while loop < 5:
        loop += 1
        total = maximum = max_index = zeroes = 0
        for index in range(width * height):
            byte = data[index]
            if byte > 0:
                total += byte
                if byte > maximum:
                    maximum, max_index = byte, index
            if byte <= config.black:
                zeroes += 1
        average = total / (width * height)
        blacks = zeroes * 1000 / (width * height)
        if not (average < config.average and blacks >= config.black_count_permille):
            break
        active = True
        if not maximum > config.max_:
            break
        centre_x, centre_y = max_index % width, max_index // width
        margin = crop_size // 2
        offset_x, offset_y = max(0, centre_x - margin), max(0, centre_y - margin)
        end_x, end_y = min(width, centre_x + margin), min(height, centre_y + margin)
        if offset_x == 0:
            end_x = crop_size
        if end_x == width:
            offset_x = width - crop_size
        if offset_y == 0:
            end_y = crop_size
        if end_y == height:
            offset_y = height - crop_size
        picture = []
        for y in range(offset_y, end_y):
            line = []
            for x in range(offset_x, end_x):
                luma = original[y * width + x]
                luma = luma - 256 if luma > 127 else luma  # a Kotlin Byte is signed
                if luma < 0:
                    luma += 255
                line.append(luma)
            picture.append(line)
        hits.append(AppHit(centre_x, centre_y, maximum, average, blacks, picture))
        for y in range(offset_y, end_y):
            for x in range(offset_x, end_x):
                data[y * width + x] = 0
    return active, hits


@settings(max_examples=120, deadline=None)
@given(
    data=st.data(),
    width=st.integers(8, 40),
    height=st.integers(8, 40),
    crop_size=st.sampled_from([2, 4, 8]),
    base=st.sampled_from([0, 3, 38, 40]),
    thresholds=st.sampled_from(
        [DEFAULTS, LOW, CredoThresholds(60, 60, 900, 160), CredoThresholds(60, 60, 0, 80)]
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_decisions_equal_the_apps_own_loop(data, width, height, crop_size, base, thresholds, seed):
    random = np.random.default_rng(seed)
    pixels = np.full((height, width), base, np.uint8)
    for _ in range(data.draw(st.integers(0, 14))):
        pixels[random.integers(height), random.integers(width)] = random.integers(20, 256)
    covered, hits = app(pixels, thresholds, crop_size)
    ours = scan(pixels, 8, thresholds, crop_size)
    assert ours.covered is covered
    expected = hits[:MAX_PASSES]
    assert [(c.x_px, c.y_px, c.peak_adu) for c in ours.candidates] == [
        (hit.x, hit.y, hit.max) for hit in expected
    ]
    if expected:
        assert (ours.mean, ours.blacks_permille) == (expected[0].average, expected[0].blacks)
    for found, hit in zip(ours.candidates, expected, strict=True):
        theirs = np.array(hit.crop)
        shifted = np.where(theirs >= 127, theirs + 1, theirs)  # undo Y + 255
        apart = (found.crop.pixels != shifted) & (found.crop.pixels != 127)
        assert not apart.any()


def test_candidates_hold_the_lit_pixels_of_their_crop_once():
    pixels = frame(2, {(50, 50): 200, (51, 50): 150, (52, 50): 120, (58, 50): 140, (65, 50): 130})
    first, second = scan(pixels, 8, DEFAULTS, CROP).candidates
    assert list(zip(first.cols, first.rows, strict=True)) == [(50, 50), (51, 50), (58, 50)]
    assert list(first.values_adu) == [200, 150, 140]
    # The second crop reaches over the first: its pixels are seen, but belong to one candidate.
    assert list(second.cols) == [65]
    assert second.crop.pixels[:, 58 - second.crop.x0_px].max() == 140
    assert first.excess_adu[0] == pytest.approx(200 - pixels.mean(), rel=1e-6)
    assert first.peak_sigma == pytest.approx((200 - pixels.mean()) / pixels.std(), rel=1e-6)


def test_strided_and_read_only_frames_are_read_as_they_are():
    pixels = np.zeros((100, 200), np.uint8)
    pixels[50, 100] = 250
    view = pixels[:, ::2]
    view.flags.writeable = False
    (found,) = scan(view, 8, DEFAULTS, CROP).candidates
    assert (found.x_px, found.y_px) == (50, 50)


@pytest.mark.parametrize(
    ("pixels", "depth", "why"),
    [
        (np.zeros((0, 5), np.uint8), 8, "empty frame"),
        (np.zeros((5, 5), np.uint8), 7, "8 to 16 bits"),
        (np.zeros((5, 5), np.uint16), 17, "8 to 16 bits"),
    ],
)
def test_what_is_no_frame_is_refused(pixels, depth, why):
    with pytest.raises(ValueError, match=why):
        scan(pixels, depth, DEFAULTS)


class TestDepartures:
    """One test for each entry of `DEPARTURES`: the app does one thing, the preset another."""

    def test_luma(self):
        pixels = frame(0, {(50, 50): 255, (51, 50): 128})
        _, (theirs,) = app(pixels, DEFAULTS, CROP)
        (ours,) = scan(pixels, 8, DEFAULTS, CROP).candidates
        assert theirs.crop[10][10:12] == [254, 127]
        assert list(ours.crop.pixels[10, 10:12]) == [255, 128]

    def test_calibrate_first(self):
        pixels = frame(0, {(50, 50): 255})
        _, hits = app(pixels, DEFAULTS, CROP)
        assert len(hits) == 1
        ours = scan(pixels, 8, None, CROP)
        assert ours.covered
        assert ours.candidates == ()

    def test_calibration_length(self):
        calibrator = CredoCalibrator()
        quiet = CredoScan(mean=1.0, max_=10, blacks_permille=1000.0, covered=True)
        answers = [calibrator.add(quiet) for _ in range(501)]
        assert answers[:499] == [None] * 499
        assert answers[499] == answers[500] == CredoThresholds(21, 21, 999, 80)

    def test_calibration_mean(self):
        calibrator = CredoCalibrator(frames=2)
        calibrator.add(CredoScan(mean=1.0, max_=10, blacks_permille=1000.0, covered=True))
        thresholds = calibrator.add(
            CredoScan(mean=21.0, max_=70, blacks_permille=1000.0, covered=True)
        )
        last_alone = calibrated(21.0, 70.0)
        assert thresholds == calibrated(11.0, 40.0) == CredoThresholds(31, 31, 999, 120)
        assert thresholds != last_alone

    def test_mean_once(self):
        pixels = frame(1, {(20, 20): 250, (80, 80): 240})
        _, (first, second) = app(pixels, DEFAULTS, CROP)
        assert second.average < first.average
        ours = scan(pixels, 8, DEFAULTS, CROP)
        assert len(ours.candidates) == 2
        assert ours.mean == first.average == pixels.mean()

    def test_passes(self):
        pixels = frame(
            0, {(10 + 20 * index, 50): 200 - index for index in range(5)} | {(9, 9): 150}
        )
        _, hits = app(pixels, DEFAULTS, 10)
        assert len(hits) == 6
        assert len(scan(pixels, 8, DEFAULTS, 10).candidates) == 5

    def test_blank_a_copy(self):
        pixels = frame(0, {(50, 50): 255})
        scan(pixels, 8, DEFAULTS, CROP)
        assert pixels[50, 50] == 255

    def test_grey_crop(self):
        pixels = frame(7, {(50, 50): 255})
        (ours,) = scan(pixels, 8, DEFAULTS, CROP).candidates
        assert ours.crop.pixels.ndim == 2
        np.testing.assert_array_equal(ours.crop.pixels, pixels[40:60, 40:60])

    @pytest.mark.parametrize("depth", [10, 12, 16])
    def test_deep_frames(self, depth):
        shift = depth - 8
        deep = frame(3, {}).astype(np.uint16) << shift
        deep[50, 50] = (121 << shift) - 1
        assert scan(deep, depth, DEFAULTS, CROP).candidates == ()
        deep[50, 50] = (121 << shift) + 1
        deep[20, 20] = (121 << shift) + 2
        result = scan(deep, depth, DEFAULTS, CROP)
        # The upper bits tie; the raw counts decide which comes first, and are kept.
        assert [(c.x_px, c.y_px) for c in result.candidates] == [(20, 20), (50, 50)]
        assert result.candidates[1].peak_adu == (121 << shift) + 1
        assert result.max_ == 121
        assert result.candidates[0].crop.pixels.dtype == np.uint16

    def test_crop_size(self):
        pixels = frame(0, {(100, 100): 255, (150, 100): 250}, width=300, height=300)
        _, hits = app(pixels, DEFAULTS, 128)
        assert len(hits) == 1
        assert len(scan(pixels, 8, DEFAULTS, 128).candidates) == 1
        ours = scan(pixels, 8, DEFAULTS).candidates
        assert len(ours) == 2
        assert ours[0].crop.pixels.shape == (60, 60)

    def test_small_frames(self):
        pixels = frame(0, {(3, 4): 255}, width=40, height=30)
        with pytest.raises(IndexError):
            app(pixels, DEFAULTS, 60)
        (ours,) = scan(pixels, 8, CredoThresholds(black_count_permille=999), 60).candidates
        assert ours.crop.pixels.shape == (30, 40)


def test_every_departure_is_shown():
    shown = {
        name.removeprefix("test_")
        for name, _ in inspect.getmembers(TestDepartures, inspect.isfunction)
        if name.startswith("test_")
    }
    assert shown == {departure.name for departure in DEPARTURES}
    assert all(all(departure) for departure in DEPARTURES)
