"""Pieces of one particle are one cluster; two particles, noise and bad pixels stay apart."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.cover import CoverRule
from calibration.model import Calibration
from edge.classification.rules import RuleClassifier
from edge.describe import describe
from edge.detection import Candidate
from edge.pixels.candidates import ScanLimits, scan_pixels
from edge.pixels.clusters import grow, grow_numpy
from edge.pixels.join import joined
from edge.stages.frame_veto import FrameVeto
from edge.stages.hold import MULTI_FRAME, Hold
from tests.edge.candidates import processed, stamp

HEIGHT, WIDTH = 120, 160
MEAN, SIGMA = 100.0, 10.0
BUSY, QUIET = 200.0, 0.0
"""Lit pixels in a usual frame: so many that nearness alone proves nothing, and none."""

Signal = np.ndarray


def sensor(lit_px: float = BUSY, hot: tuple[tuple[int, int], ...] = ()) -> Calibration:
    """Equal pixels of noise 10 ADU at 100 ADU; `hot` ones only masked by a high threshold."""
    shape = (HEIGHT, WIDTH)
    is_hot = np.zeros(shape, bool)
    for place in hot:
        is_hot[place] = True
    return Calibration(
        id="test",
        mode={},
        mean_adu=np.full(shape, MEAN, np.float32),
        sigma_adu=np.full(shape, SIGMA, np.float32),
        seed_threshold=np.where(is_hot, 60_000, int(MEAN + 6 * SIGMA)).astype(np.uint16),
        growth_threshold=np.where(is_hot, 60_000, int(MEAN + 3.5 * SIGMA)).astype(np.uint16),
        masked=np.zeros(shape, bool),
        hot=is_hot,
        frames_used=500,
        level_adu=MEAN,
        noise_adu=SIGMA,
        cover=CoverRule(1000.0, 60_000, 1.0, lit_px=lit_px),
        frame_maxima_adu=np.full(1, 140.0, np.float32),
        seed_sigma=6.0,
        growth_sigma=3.5,
        tail_stretch=1.0,
        expected_false_triggers_per_hour=1.0,
    )


def picture(signal_sigma: Signal, seed: int, noise: float = 1.0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    counts = MEAN + SIGMA * (signal_sigma + noise * draw.standard_normal(signal_sigma.shape))
    return np.clip(np.rint(counts), 0, 65_535).astype(np.uint16)


def dark() -> Signal:
    return np.zeros((HEIGHT, WIDTH))


def line(signal: Signal, start: tuple[float, float], end: tuple[float, float], z: float) -> Signal:
    """Add a track that lights each pixel on its way with z, and those beside with a third."""
    steps = int(np.hypot(end[0] - start[0], end[1] - start[1])) * 4
    t = np.linspace(0, 1, steps + 1)
    rows = np.rint(start[0] + t * (end[0] - start[0])).astype(int)
    cols = np.rint(start[1] + t * (end[1] - start[1])).astype(int)
    core = np.zeros(signal.shape, bool)
    core[rows, cols] = True
    beside = np.zeros(signal.shape, bool)
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        beside |= np.roll(core, (dy, dx), (0, 1))
    signal[beside & ~core] += z / 3
    signal[core] += z
    return signal


def pieces(pixels: np.ndarray, calibration: Calibration) -> list[np.ndarray]:
    seeds = np.flatnonzero(pixels > calibration.seed_threshold)
    return grow(pixels, calibration.growth_threshold, seeds)


def numbers(
    make: Callable[[], Signal], calibration: Calibration, tries: int = 40
) -> tuple[list[int], list[int]]:
    """Clusters before and after, for the same particles in different noise."""
    before, after = [], []
    for seed in range(tries):
        pixels = picture(make(), seed)
        parts = pieces(pixels, calibration)
        before.append(len(parts))
        after.append(len(joined(parts, pixels, calibration)))
    return before, after


def broken(gap_px: int, z: float, angle_deg: float = 20.0) -> Signal:
    """A track with bright ends of 8 px and z over a gap in its middle."""
    down, right = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))

    def at(way_px: float) -> tuple[float, float]:
        return HEIGHT / 2 + way_px * down, WIDTH / 2 + way_px * right

    inner = (gap_px + 1) / 2
    signal = line(line(dark(), at(-inner), at(-inner - 8), 15), at(inner), at(inner + 8), 15)
    return line(signal, at(1 - inner), at(inner - 1), z) if z else signal


@pytest.mark.parametrize("angle_deg", [0, 20, 45, 77, 90, 120])
def test_a_track_that_is_faint_in_the_middle_is_one(angle_deg: float) -> None:
    before, after = numbers(lambda: broken(12, 2.0, angle_deg), sensor())
    assert np.mean(np.array(before) > 1) > 0.8
    assert np.mean(np.array(after) == 1) >= 0.9


def test_what_has_nothing_between_stays_two_where_others_are_near_all_the_time() -> None:
    for gap_px in (5, 8, 12, 20):
        _, after = numbers(lambda gap_px=gap_px: broken(gap_px, 0.0), sensor(), 100)  # type: ignore[misc]
        assert np.mean(np.array(after) == 1) <= 0.02


def test_what_has_nothing_between_is_one_where_hardly_anything_ever_lights() -> None:
    _, after = numbers(lambda: broken(12, 0.0), sensor(QUIET), 20)
    assert set(after) == {1}
    _, after = numbers(lambda: broken(40, 0.0), sensor(QUIET), 20)
    assert set(after) == {2}


def test_lone_pixels_need_proof_however_quiet_the_sensor() -> None:
    def two_pixels() -> Signal:
        signal = dark()
        signal[50, 50] = signal[50, 60] = 20
        return signal

    _, after = numbers(two_pixels, sensor(QUIET), 20)
    assert set(after) == {2}


def test_a_curved_track_with_faint_stretches_is_one() -> None:
    def arc() -> Signal:
        signal = dark()
        points = [(60 + 30 * np.sin(a), 80 + 30 * np.cos(a)) for a in np.linspace(0, 2.4, 10)]
        for i, (start, end) in enumerate(pairwise(points)):
            line(signal, start, end, 2.3 if i in {2, 6} else 15)
        return signal

    before, after = numbers(arc, sensor())
    assert np.mean(before) > 2
    assert np.mean(np.array(after) == 1) >= 0.7


def test_a_gap_of_a_pixel_or_two_needs_no_proof() -> None:
    for gap_px in (1, 2):
        signal = dark()
        signal[60, 60:64] = signal[60, 64 + gap_px : 68 + gap_px] = 15
        for seed in range(10):
            pixels = picture(signal, seed, noise=0.3)
            parts = pieces(pixels, sensor())
            assert len(parts) == 2
            (one,) = joined(parts, pixels, sensor())
            # What lies between stays outside: one by one those pixels are no more than noise.
            assert np.array_equal(one, np.sort(np.concatenate(parts)))


def test_two_parallel_tracks_stay_two() -> None:
    for apart_px in (5, 7, 10):

        def two(apart_px: int = apart_px) -> Signal:
            signal = line(dark(), (60, 50), (66, 90), 20)
            return line(signal, (60 + apart_px, 50), (66 + apart_px, 90), 20)

        for lit_px in (QUIET, BUSY):
            _, after = numbers(two, sensor(lit_px), 50)
            assert np.mean(np.array(after) == 2) >= 0.96


def test_two_crossing_tracks_are_one_as_they_were() -> None:
    signal = line(line(dark(), (40, 60), (80, 100), 20), (80, 60), (40, 100), 20)
    pixels = picture(signal, 1)
    parts = pieces(pixels, sensor())
    assert len(parts) == 1
    assert joined(parts, pixels, sensor()) is parts


def test_a_bright_pixel_between_is_no_bridge() -> None:
    places = ((60, 79), (60, 80), (60, 81))

    def between() -> Signal:
        signal = broken(9, 0.0, 0.0)
        for place in places:
            signal[place] = 50
        return signal

    _, after = numbers(between, sensor(hot=places), 50)
    assert np.mean(np.array(after) == 2) >= 0.96

    # One that the calibration missed, too faint to be a seed, neither.
    def unknown() -> Signal:
        signal = broken(9, 0.0, 0.0)
        signal[60, 80] = 5
        return signal

    _, after = numbers(unknown, sensor(), 50)
    assert np.mean(np.array(after) == 2) >= 0.9


def test_a_masked_pixel_in_a_track_does_not_part_it() -> None:
    signal = line(dark(), (60, 60), (60, 90), 20)
    calibration = sensor(hot=((60, 75), (59, 75), (61, 75)))
    pixels = picture(signal, 3)
    parts = pieces(pixels, calibration)
    assert len(parts) == 2
    assert len(joined(parts, pixels, calibration)) == 1


def test_light_over_everything_proves_nothing() -> None:
    slope = np.linspace(0.4, 1.6, WIDTH) * np.ones((HEIGHT, 1))
    _, after = numbers(lambda: broken(12, 0.0) + slope, sensor(), 60)
    assert np.mean(np.array(after) == 2) >= 0.95


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 25), st.sampled_from([QUIET, 2.0, BUSY]))
def test_no_pixel_is_lost_and_the_order_stays(seed: int, blobs: int, lit_px: float) -> None:
    draw = np.random.default_rng(seed)
    signal = dark()
    for _ in range(blobs):
        y, x = draw.integers(HEIGHT - 6), draw.integers(WIDTH - 6)
        signal[y : y + draw.integers(1, 6), x : x + draw.integers(1, 6)] += draw.uniform(5, 30)
    pixels = picture(signal, seed)
    calibration = sensor(lit_px)
    parts = pieces(pixels, calibration)
    seeds = np.flatnonzero(pixels > calibration.seed_threshold)
    out = joined(parts, pixels, calibration)
    assert [one[0] for one in out] == sorted(one[0] for one in out)
    assert all((np.diff(one) > 0).all() for one in out)
    whole = np.concatenate([*parts, np.empty(0, np.int64)])
    assert np.array_equal(np.sort(np.concatenate([*out, np.empty(0, np.int64)])), np.sort(whole))
    if blobs:
        other = grow_numpy(pixels, calibration.growth_threshold, seeds) if len(seeds) else []
        again = joined(other, pixels, calibration)
        assert [one.tolist() for one in again] == [one.tolist() for one in out]


def test_pieces_of_a_chain_are_one_from_end_to_end() -> None:
    signal = dark()
    for i in range(6):
        signal[60 + i % 2, 20 + 6 * i : 24 + 6 * i] = 15
    pixels = picture(signal, 5, noise=0.3)
    parts = pieces(pixels, sensor())
    assert len(parts) == 6
    assert len(joined(parts, pixels, sensor())) == 1


def test_a_thousand_clusters_are_judged_by_their_boxes() -> None:
    signal = dark()
    signal[2::4, 2::5] = 20
    pixels = picture(signal, 1, noise=0.1)
    parts = pieces(pixels, sensor())
    assert len(parts) == 30 * 32
    assert joined(parts, pixels, sensor()) is parts


def scanned(pixels: np.ndarray, calibration: Calibration, most: int = 50) -> tuple[bool, int]:
    found = scan_pixels(pixels, stamp(0), calibration, ScanLimits(most_candidates=most))
    return found.flood, len(found.candidates)


def test_specks_are_a_flood_though_they_would_be_one_cluster() -> None:
    signal = dark()
    signal[np.arange(30, 60), np.arange(30, 120, 3)] = 20
    pixels = picture(signal, 1, noise=0.3)
    assert scanned(pixels, sensor(), most=29) == (True, 0)
    assert scanned(pixels, sensor(), most=30) == (False, 1)


def candidates(pixels: np.ndarray, calibration: Calibration) -> tuple[Candidate, ...]:
    return scan_pixels(pixels, stamp(0), calibration, ScanLimits()).candidates


def test_peak_and_shape_of_a_joined_candidate_are_those_of_the_whole() -> None:
    signal = broken(6, 2.0, 0.0)
    signal[60, 90] = 40
    (one,) = candidates(picture(signal, 2), sensor())
    features = describe(one)
    assert (one.y_px, one.x_px) == (60, 90)
    assert features["area_px"] == one.area_px >= 16
    assert features["length_px"] == pytest.approx(25, abs=3)
    assert features["elongation"] > 4
    assert 0.4 < features["solidity"] < 1
    assert features["orientation_deg"] == pytest.approx(0, abs=3)
    assert all(np.isfinite(value) for value in features.values())
    assert RuleClassifier().classify([(one, features)])[0].label in {"track", "worm"}


@pytest.mark.parametrize("lit_px", [QUIET, BUSY])
@pytest.mark.parametrize("along", ["row", "column"])
def test_a_line_that_lights_in_pieces_is_still_vetoed(lit_px: float, along: str) -> None:
    signal = dark()
    long = WIDTH if along == "row" else HEIGHT
    for i, start in enumerate(range(4, long - 8, 13)):
        piece = np.s_[50, start : start + 2 + i % 4]
        signal[piece if along == "row" else piece[::-1]] = 15
    found = candidates(picture(signal, 4), sensor(lit_px))
    assert len(found) >= 6
    assert set(FrameVeto().reasons(found, HEIGHT, WIDTH)) == {"row_column"}


def test_a_line_with_few_gaps_is_vetoed_as_one() -> None:
    signal = dark()
    signal[5:70, 50] = signal[72:110, 50] = 15
    found = candidates(picture(signal, 4, noise=0.3), sensor())
    assert len(found) == 1
    assert FrameVeto().reasons(found, HEIGHT, WIDTH) == ["row_column"]


def test_what_stays_lit_in_changing_pieces_is_one_artefact() -> None:
    hold = Hold(frames=3)
    settled = []
    for index in range(8):
        signal = broken(2, 0.0)
        if index % 2:
            signal[:, WIDTH // 2 :] = 0  # only one of the pieces
        found = candidates(picture(signal, index), sensor())
        assert len(found) == 1
        settled += list(hold.push(processed(index, *found), found))
    settled += list(hold.flush())
    assert sum(len(one.hits) for one in settled) == 0
    assert sum(one.rejected[MULTI_FRAME] for one in settled) == 8
