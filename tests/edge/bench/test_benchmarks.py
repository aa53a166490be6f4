"""The benchmarks run, compare equal work and say what they found."""

from __future__ import annotations

import io
import json
import math

import cv2
import numpy as np
import pytest
from rich.console import Console

from edge.bench import pixel_pass
from edge.bench.against_pixels import log_slope
from edge.bench.dark import DEEP, RAW10, RAW12, RAW14, SHALLOW, dark_frames, unlike_frames
from edge.bench.peers import OpenCvPass, Unpacker, numpy_pass, same_answer
from edge.bench.result import Result
from edge.bench.scale import Scale
from edge.bench.suite import measure
from edge.bench.table import show
from edge.bench.timing import Times, race
from edge.cli.main import main
from edge.pixels.scan import Scan, scan
from edge.pixels.thresholds import ThresholdMap

# What they share takes long to make: on one worker it is made once.
pytestmark = pytest.mark.xdist_group("bench")

TINY = Scale(
    rounds=2,
    large=(96, 64),
    medium=(64, 48),
    sizes=((64, 48), (96, 64), (128, 96)),
    hits=(0, 2, 5),
    hits_size=(320, 240),
    recordings=(((64, 48), 12),),
    replay_rounds=2,
    calibration_frames=6,
    commits=((1, 2), (8, 1)),
    hot_pixels=(0, 50, 500),
    memory_frames=5,
    loop_frames=66,
    loop_memory_frames=130,
    loop_rounds=2,
    peak_frames=66,
    live_s=1.0,
    live_warm_s=2.0,
)


@pytest.fixture(scope="module")
def small():
    """No cache to be filled, and the quick scale a tiny one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixel_pass, "cache_bytes", lambda: 0)
        patch.setattr("edge.bench.scale.QUICK", TINY)
        yield


@pytest.fixture(scope="module")
def measured(small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    console = Console(width=100, record=True, file=io.StringIO())
    results = measure(TINY, folder, show=lambda one: show(console, one))
    return results, console.export_text(), folder


@pytest.fixture(scope="module")
def entries(measured):
    return {one.name: json.loads(json.dumps(one.to_json())) for one in measured[0]}


def test_every_part_is_measured_and_shown(measured):
    results, text, _ = measured
    assert [result.name for result in results] == [
        "pass_12mp_u16",
        "pass_12mp_raw10",
        "pass_12mp_raw12",
        "pass_12mp_raw14",
        "pass_1080p_u8",
        "pass_12mp_u16_memory",
        "pass_12mp_raw10_memory",
        "pass_12mp_raw12_memory",
        "pass_12mp_raw14_memory",
        "pass_1080p_u8_memory",
        "loop_1080p_u8",
        "loop_1080p_u8_memory",
        "live_1080p_u8",
        "cost_against_pixels",
        "cost_against_pixels_u8",
        "cost_against_pixels_raw10",
        "cost_against_pixels_raw12",
        "cost_against_hot_pixels_12mp_u16",
        "cost_against_hot_pixels_12mp_raw10",
        "cost_against_hot_pixels_1080p_u8",
        "cost_against_hits",
        "cost_against_hits_written",
        "cost_against_hits_limited",
        "peak_memory",
        "rules_1080p_u8",
        "calibration_add_96x64_uint16",
        "calibration_add_64x48_uint8",
        "replay_64x48",
        "outbox_commit_1",
        "outbox_commit_8",
    ]
    for result in results:
        assert result.title in text
        for name in getattr(result, "times", [row[0] for row in getattr(result, "rows", [])]):
            assert name in text


def test_each_entry_holds_a_time_and_ratios_to_its_peers(measured):
    for result in (one for one in measured[0] if isinstance(one, Result)):
        entry = json.loads(json.dumps(result.to_json()))
        assert entry["ms"] > 0
        assert entry["spread_ms"][0] <= entry["ms"] <= entry["spread_ms"][1]
        assert entry["rounds"] == 2
        assert entry["ratios"].keys() == entry["peers_ms"].keys() != set()
        assert all(ratio > 0 and math.isfinite(ratio) for ratio in entry["ratios"].values())


def test_nothing_is_left_on_the_disk(measured):
    assert list(measured[2].iterdir()) == []


STANDARD = ("ms", "np_max_ms", "ratio_np_max", "opencv_ms", "speedup_opencv")


@pytest.mark.parametrize(
    "key",
    ["pass_12mp_u16", "pass_12mp_raw10", "pass_12mp_raw12", "pass_1080p_u8", "loop_1080p_u8"],
)
def test_the_standard_keys_hold_time_limit_and_rival_cached_and_from_memory(entries, key):
    for name in (key, f"{key}_memory"):
        assert all(0 < entries[name][field] < 1e6 for field in STANDARD)
    if key.startswith("pass"):
        assert (entries[key]["frames"], entries[f"{key}_memory"]["frames"]) == (1, 5)
        assert (entries[key]["hot_pixels"], entries[key]["particles"]) == (500, 3)


def test_the_ratio_is_of_the_unpacked_frame(measured):
    packed = next(one for one in measured[0] if one.name == "pass_12mp_raw10")
    assert packed.figures["packing"] == "mipi10"
    assert "np.max and np.copyto of the unpacked frame" in packed.notes[1]
    assert "OpenCV, already unpacked" in packed.times


def test_the_loop_is_stated_beside_the_pass_over_the_same_frames(entries):
    for name, frames in (("loop_1080p_u8", 66), ("loop_1080p_u8_memory", 130)):
        one = entries[name]
        assert one["frames"] == frames
        assert one["samples"] == frames * one["rounds"]
        assert one["limit_ms"] == pytest.approx(1.5 * one["pass_ms"] + 0.06, rel=0.01)
        assert 0 < one["ms"] <= one["p90_ms"] <= one["p99_ms"]
        assert one["turn_ms"] > 0
        assert one["particles"] == 1


def test_a_live_run_is_watched_from_outside(entries):
    one = entries["live_1080p_u8"]
    assert 0 <= one["source_cpu_share"] < 1
    assert 0 < one["cpu_share"] < 2
    assert one["rss_anon_mb"] >= one["rss_anon_first_quarter_mb"] > 10
    assert one["seconds"] == pytest.approx(1, abs=0.5)
    assert one["processed"] > 30
    assert one["calibrating"] == 0
    assert one["dropped"] >= 0


def test_memory_grows_with_the_frame(entries):
    one = entries["peak_memory"]
    assert list(one["rss_anon_mb_by_pixels"]) == ["3072", "6144", "12288"]
    for pixels, mb in one["rss_anon_mb_by_pixels"].items():
        assert 10 < mb < one["rss_mb_by_pixels"][pixels]


def test_growth_is_told_point_by_point(entries):
    hot = entries["cost_against_hot_pixels_1080p_u8"]["ratio_to_none_by_hot_pixels"]
    assert list(hot) == ["0", "50", "500"]
    assert hot["0"] == 1
    pixels = entries["cost_against_pixels_raw12"]
    assert list(pixels["ms_by_pixels"]) == list(pixels["np_max_ms_by_pixels"])
    assert list(entries["cost_against_hits"]["candidates_by_particles"].values()) == [0, 2, 5]


def test_the_command_prints_one_json_object(small, capsys, tmp_path):
    only = ["--only", "cost_against_pixels,outbox_commit_8", "--only", "pass_1080p_u8"]
    assert main(["bench", "--json", "--quick", "--folder", str(tmp_path), *only]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["threads"] == 1
    assert math.isfinite(found["cost_against_pixels"]["slope"])
    assert found["outbox_commit_8"]["hits_per_s"] > 0
    assert list(found) == ["pass_1080p_u8", "cost_against_pixels", "outbox_commit_8", "machine"]


def test_without_json_it_prints_tables_and_the_machine(small, capsys, tmp_path):
    only = ["--only", "pass_1080p_u8"]
    assert main(["bench", "--quick", "--folder", str(tmp_path), *only]) == 0
    out, error = capsys.readouterr()
    assert "scan (NumPy)" in out
    assert "a single thread each" in out
    assert error == ""


def test_a_folder_that_is_not_there_is_one_line(capsys, tmp_path):
    assert main(["bench", "--quick", "--folder", str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--folder" in error
    assert "no such folder" in error


def test_a_wrong_name_is_one_line_with_the_nearest_and_measures_nothing(capsys, tmp_path):
    assert main(["bench", "--only", "pas_12mp_u16", "--folder", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert 'no benchmark "pas_12mp_u16"; did you mean "pass_12mp_u16"?' in error
    assert list(tmp_path.iterdir()) == []


def test_a_name_like_none_is_told_what_there_is(capsys, tmp_path):
    assert main(["bench", "--only", "zzz", "--folder", str(tmp_path)]) == 2
    assert "there are pass_12mp_u16, " in capsys.readouterr().err


def test_an_interrupt_is_one_line_and_leaves_nothing(small, capsys, monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pixel_pass, "run", interrupted)
    assert main(["bench", "--quick", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "cosmic-edge: interrupted\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", pixel_pass.CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("size", [(160, 120), (99, 31)])
def test_every_contender_gives_the_same_answer(case, size):
    dark = dark_frames(size, case.sensor, hot_pixels=50)
    passes = pixel_pass.passes(dark)
    assert passes.keys() >= {"OpenCV", "plain NumPy", "scan (NumPy)"}
    pixel_pass.check(dark, passes)
    for packed, plain in zip(dark.frames, dark.plain, strict=True):
        assert same_answer(
            passes["OpenCV"](packed), numpy_pass(plain, dark.seed_threshold, dark.black_adu)
        )


def test_a_contender_with_another_answer_stops_the_race():
    dark = dark_frames((160, 120), SHALLOW)
    passes = pixel_pass.passes(dark)
    passes["OpenCV"] = lambda pixels: Scan(1, 2, 3, np.empty(0, np.int64), 4)
    with pytest.raises(AssertionError, match="OpenCV gives another answer"):
        pixel_pass.check(dark, passes)


@pytest.mark.parametrize("sensor", [RAW10, RAW12, RAW14])
@pytest.mark.parametrize("width", [96, 99])
def test_the_rivals_unpack_to_the_frame_that_was_packed(sensor, width):
    dark = dark_frames((width, 31), sensor)
    unpacker = Unpacker((31, width), sensor.packing)
    for packed, plain in zip(dark.frames, dark.plain, strict=True):
        np.testing.assert_array_equal(unpacker(packed), plain)


def test_spots_keep_apart_however_many():
    dark = dark_frames((320, 240), DEEP, particles=500, hot_pixels=0, spots=True)
    for pixels in dark.plain:
        lit = pixels > dark.seed_threshold
        assert lit.sum() == 4 * 500
        count, _ = cv2.connectedComponents(lit.astype(np.uint8), connectivity=8)
        assert count - 1 == 500


def test_frames_have_the_hot_pixels_in_common_and_no_particle_beyond():
    dark = dark_frames((160, 120), DEEP, particles=0, hot_pixels=40)
    raised = dark.seed_threshold > dark.seed_threshold.min()
    assert 30 < raised.sum() <= 40
    for pixels in dark.plain:
        assert not (pixels > dark.seed_threshold).any()
        assert (pixels[raised] > DEEP.level_adu + 6 * DEEP.noise_adu).all()


@pytest.mark.parametrize("sensor", [DEEP, SHALLOW])
def test_every_pipeline_finds_what_the_scan_finds(sensor):
    dark = dark_frames((160, 120), sensor, hot_pixels=50)
    opencv = OpenCvPass(dark.frames[0], dark.seed_threshold, dark.black_adu)
    for pixels in dark.frames:
        known = scan(pixels, ThresholdMap.of(dark.seed_threshold), dark.black_adu)
        assert 3 <= known.lit <= 100  # particles, not the hot pixels
        assert known.bright > known.lit
        for other in (
            opencv(pixels),
            numpy_pass(pixels, dark.seed_threshold, dark.black_adu),
        ):
            assert same_answer(known, other)


def test_another_answer_is_told_apart():
    seeds = np.array([3, 5], np.int64)
    one = Scan(10, 2, 2, seeds, 7)
    assert same_answer(one, Scan(10, 2, 2, seeds.copy(), 7))
    assert not same_answer(one, Scan(11, 2, 2, seeds, 7))
    assert not same_answer(one, Scan(10, 2, 2, seeds, 8))
    assert not same_answer(one, Scan(10, 2, 2, np.array([3, 6], np.int64), 7))


def test_a_ratio_compares_round_by_round():
    mine, theirs = Times((2.0, 20.0, 4.0)), Times((1.0, 10.0, 2.0))
    assert mine.ratio_to(theirs) == 2.0  # the slow round slowed both
    assert mine.median_ms == 4.0


def test_each_contender_runs_once_in_every_round_and_once_before():
    calls = []
    times = race({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3, repeats=1)
    assert {name: len(one.samples_ms) for name, one in times.items()} == {"a": 3, "b": 3}
    assert calls == ["a", "b", "a", "b", "b", "a", "a", "b"]


def test_a_cost_in_proportion_has_slope_one():
    assert log_slope([1e5, 1e6, 1e7], [0.1, 1.0, 10.0]) == pytest.approx(1.0)
    assert log_slope([10, 100], [1, 100]) == pytest.approx(2.0)


def test_many_unlike_frames_are_dark_and_differ():
    dark = unlike_frames((96, 64), SHALLOW, 10)
    assert len({frame.tobytes() for frame in dark.frames}) == 10
    assert {frame.shape for frame in dark.frames} == {(64, 96)}
    assert all(not (frame > dark.seed_threshold).any() for frame in dark.frames)
