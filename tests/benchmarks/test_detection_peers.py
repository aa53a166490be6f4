"""Each detector of the field, against frames made by hand: what its own rule takes for a hit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.detection.contenders import contenders
from benchmarks.detection.peers.cmosdetector import CmosDetector, pooled
from benchmarks.detection.peers.crayfis import Crayfis, hot_pixels
from benchmarks.detection.peers.credo_android import CredoAndroid
from benchmarks.detection.peers.credo_ios import CredoIos, block_sums
from benchmarks.detection.peers.credo_linux import CredoLinux
from benchmarks.detection.peers.credo_webcam import CredoWebcam
from benchmarks.detection.peers.pixel_sigma import PixelSigma
from benchmarks.detection.peers.plain import PlainThreshold
from benchmarks.detection.rule import Rule, Setting, brightest_of_clusters
from benchmarks.detection.views import Eye

HEIGHT, WIDTH = 120, 160
HOT = (30, 40)
TRACK = [(60, 80), (61, 81), (62, 82), (60, 81)]
FPS = 30.0


def dark(*, hot: int = 0, particle: int = 0, light: int = 0, noise_seed: int | None = None) -> Any:
    """An 8-bit frame: a hot pixel, a particle of four pixels, light all over."""
    pixels = np.full((HEIGHT, WIDTH), 2 + light, np.uint8)
    if noise_seed is not None:
        random = np.random.default_rng(noise_seed)
        pixels += random.integers(0, 3, pixels.shape, dtype=np.uint8)
    if hot:
        pixels[HOT] = hot
    if particle:
        for place in TRACK:
            pixels[place] = particle
    return pixels


def warmed(rule: Rule, frames: int, **frame: Any) -> Rule:
    """Show a rule so many frames without a particle."""
    for i in range(frames):
        rule.look(dark(noise_seed=i, **frame))
    return rule


def places(rule: Rule, pixels: Any) -> list[list[int]]:
    return rule.look(pixels).boxes.tolist()


def holds(box: list[int], place: tuple[int, int]) -> bool:
    return box[0] <= place[1] <= box[2] and box[1] <= place[0] <= box[3]


def test_touching_pixels_are_one_box_at_the_brightest():
    values = np.zeros((5, 6), np.uint16)
    values[1, 1], values[2, 2], values[4, 5] = 7, 9, 3
    assert sorted(brightest_of_clusters(values, values > 2).tolist()) == [
        [2, 2, 2, 2],
        [5, 4, 5, 4],
    ]
    assert brightest_of_clusters(values, values > 9).shape == (0, 4)


def test_a_plain_threshold_takes_a_hot_pixel_in_every_frame():
    rule = warmed(PlainThreshold(10, frames=20), 20, hot=200)
    for _ in range(3):
        found = places(rule, dark(hot=200, particle=150))
        assert len(found) == 2
        assert [HOT[1], HOT[0], HOT[1], HOT[0]] in found


def test_a_sigma_of_each_pixel_knows_the_hot_pixel_it_has_measured():
    rule = warmed(PixelSigma(6, frames=20), 20, hot=200)
    assert places(rule, dark(hot=200)) == []
    assert len(places(rule, dark(hot=200, particle=150))) == 1
    assert len(places(rule, dark(hot=240))) == 1


def test_credo_sends_hits_from_its_first_frame_on():
    assert places(CredoAndroid(FPS), dark(particle=121)) == [[80, 60, 80, 60]]
    assert places(CredoAndroid(FPS), dark(particle=120)) == []


def test_credo_takes_six_places_of_a_frame_and_blanks_what_is_near():
    pixels = np.full((80, 560), 2, np.uint8)
    pixels[40, 35::70] = 250  # eight of them, out of reach of each other's crops
    assert len(places(CredoAndroid(FPS), pixels)) == 6
    near = dark(particle=200)
    near[66, 88] = 199
    assert len(places(CredoAndroid(FPS), near)) == 1


def test_credo_calibrates_once_after_a_minute_by_its_clamps():
    rule = CredoAndroid(FPS)
    for _ in range(1799):
        rule.look(dark(hot=50))
    assert (rule.average, rule.black, rule.most) == (40, 40, 120)
    rule.look(dark(hot=50))
    assert (rule.average, rule.black, rule.most) == (22, 22, 150)
    for _ in range(1800):
        rule.look(dark(hot=20))
    assert rule.most == 150


def test_credo_sees_no_cover_where_light_or_many_hot_pixels_are():
    assert not CredoAndroid(FPS).look(dark(particle=200, light=60)).live
    pixels = dark(particle=200)
    pixels.ravel()[: 2 * pixels.size // 1000] = 60
    assert not CredoAndroid(FPS).look(pixels).live
    assert CredoAndroid(FPS, black_permille=980).look(pixels).live


def test_the_server_shows_a_place_once_for_ever():
    rule = CredoAndroid(FPS, server=True)
    counts = [len(places(rule, dark(hot=200))) for _ in range(4)]
    assert counts == [1, 0, 0, 0]


def test_ios_reports_the_block_and_holds_its_rate():
    rule = CredoIos(FPS)
    warmed(rule, 200)
    before = rule.factor
    sent = [rule.look(dark(noise_seed=i, particle=200)) for i in (500, 501, 502)]
    assert not any(look.live for look in sent)  # the first nine events are kept back
    assert rule.factor > before  # three events in a tenth of a second are too many
    for i in range(40):
        warmed(rule, 60)
        found = places(rule, dark(noise_seed=i, particle=200))
    assert any(holds(box, TRACK[0]) and box[2] - box[0] == 19 for box in found)


def test_ios_adds_up_whole_blocks_alone():
    assert block_sums(np.ones((45, 61), np.float32)).tolist() == [[400.0] * 3] * 2


def test_credo_linux_merges_by_column_and_forgets_nothing():
    rule = CredoLinux()
    pixels = dark(hot=61, particle=61)
    assert len(places(rule, pixels)) == 2
    pixels[100, 43] = 200  # far away, but in nearly the same column as the hot pixel
    assert len(places(rule, pixels)) == 2
    low = dark()
    low[5, 100] = low[100, 5] = 255
    assert places(rule, low) == []
    assert places(rule, dark(hot=60)) == []


def test_cmosdetector_needs_a_flash_and_lets_a_hot_pixel_be():
    rule = warmed(CmosDetector(), 101, hot=200)
    assert places(rule, dark(noise_seed=7, hot=200)) == []
    found = places(rule, dark(noise_seed=8, hot=200, particle=150))
    assert len(found) == 1
    assert holds(found[0], (60, 80)) or holds(found[0], (60, 81)) or holds(found[0], (61, 81))
    assert places(rule, dark(noise_seed=9, particle=85)) == []  # 255 of 765 is not above 255
    assert pooled(np.array([[1, 2, 9], [3, 4, 9]])).tolist() == [[4]]


def test_credo_webcam_needs_three_pixels_above_what_was_ever_seen():
    rule = warmed(CredoWebcam(), 100)
    assert places(rule, dark(hot=250, particle=200)) == [[80, 60, 80, 60]]
    assert places(rule, dark(hot=250)) == []


def test_credo_webcam_quits_when_the_cover_is_lifted():
    rule = CredoWebcam()
    warmed(rule, 110)
    assert not rule.look(dark(light=100)).live
    assert (rule.quits, rule.frames_until_quit) == (1, 111)
    assert not rule.look(dark(particle=200)).live  # it learns anew


def test_crayfis_masks_what_was_bright_twice_and_not_what_was_bright_once():
    largest = np.full((50, 50), 9)
    second = np.full((50, 50), 9)
    largest[5, 5] = second[5, 5] = 200
    largest[5, 6] = 205  # its neighbour, once
    largest[30, 30] = 220  # a particle
    mask = hot_pixels(largest, second)
    assert mask[5, 5]
    assert mask[5, 6]
    assert not mask[30, 30]
    assert mask.sum() == 2


def test_crayfis_keeps_its_rate_and_skips_light():
    rule = Crayfis(FPS, 4000, events_per_min=60)
    random = np.random.default_rng(3)
    looks = []
    for i in range(3000):
        pixels = dark(noise_seed=i, hot=100)
        if i % 10 == 0:
            pixels[random.integers(HEIGHT), random.integers(WIDTH)] = random.integers(50, 250)
        looks.append(rule.look(pixels))
    live = [look for look in looks if look.live]
    passed = sum(len(look.boxes) > 0 for look in live)
    assert 1700 <= len(live) <= 2000  # a quarter of the stream, and a level, are calibration
    assert passed / len(live) == pytest.approx(1 / 30, rel=0.35)
    assert not rule.look(dark(light=60)).live


def test_an_8_bit_view_loses_the_black_level_and_a_curve_lifts_what_is_faint():
    eye = Eye(10, 64.0)
    pixels = np.array([[0, 64, 67, 68, 128, 1023]], np.uint16)
    assert eye.see(pixels, "native") is pixels
    assert eye.see(pixels, "linear8").tolist() == [[0, 0, 0, 1, 16, 239]]
    curved = eye.see(pixels, "srgb8")[0].tolist()
    assert curved[:2] == [0, 0]
    assert curved[4] > 60
    assert curved[5] == 255
    assert Eye(8, 16.0).views == ("native",)


def test_every_contender_states_what_was_done_in_its_favour():
    names = [one.name for one in contenders()]
    assert len(set(names)) == len(names)
    setting = Setting(30.0, 400, 60.0, 0.0, 255)
    for one in contenders():
        assert len(one.favour) > 20
        assert one.make(setting).look(dark()).boxes.shape == (0, 4)
