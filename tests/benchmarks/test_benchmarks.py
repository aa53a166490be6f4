"""The benchmarks run, compare equal work and say what they found."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks.against_pixels import log_slope
from benchmarks.dark import DEEP, SHALLOW, dark_frames, unlike_frames
from benchmarks.peers import OpenCvPass, numpy_pass, same_answer
from benchmarks.scale import Scale
from benchmarks.timing import Times, race
from edge.pixels.scan import Scan, scan

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
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    console = Console(width=100, record=True, file=io.StringIO())
    return command.measure(TINY, folder, console), console.export_text(), folder


def test_every_part_is_measured_and_shown(measured):
    results, text, _ = measured
    assert [result.name for result in results] == [
        "pixel_pass_96x64_uint16",
        "pixel_pass_64x48_uint8",
        "cost_against_pixels",
        "cost_against_hits",
        "cost_against_hits_written",
        "calibration_add_96x64_uint16",
        "calibration_add_64x48_uint8",
        "replay_64x48",
        "outbox_commit_1",
        "outbox_commit_8",
    ]
    for result in results:
        assert result.title in text
        for name in result.times:
            assert name in text


def test_each_entry_holds_a_time_and_ratios_to_its_peers(measured):
    for result in measured[0]:
        entry = json.loads(json.dumps(result.to_json()))
        assert entry["ms"] > 0
        assert entry["spread_ms"][0] <= entry["ms"] <= entry["spread_ms"][1]
        assert entry["rounds"] == 2
        assert entry["ratios"].keys() == entry["peers_ms"].keys() != set()
        assert all(ratio > 0 and math.isfinite(ratio) for ratio in entry["ratios"].values())


def test_nothing_is_left_on_the_disk(measured):
    assert list(measured[2].iterdir()) == []


def test_the_command_prints_one_json_object(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(command, "QUICK", TINY)
    assert command.main(["--json", "--quick", "--folder", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["machine"]["cores"] >= 1
    assert math.isfinite(found["cost_against_pixels"]["slope"])
    assert found["outbox_commit_8"]["hits_per_s"] > 0


def test_a_folder_that_is_not_there_is_one_line(capsys, tmp_path):
    assert command.main(["--quick", "--folder", str(tmp_path / "none")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "No such file" in error


@pytest.mark.parametrize("sensor", [DEEP, SHALLOW])
def test_every_pipeline_finds_what_the_scan_finds(sensor):
    dark = dark_frames((160, 120), sensor, hot_pixels=50)
    opencv = OpenCvPass(dark.frames[0], dark.seed_threshold, dark.black_adu)
    for pixels in dark.frames:
        known = scan(pixels, dark.seed_threshold, dark.black_adu)
        assert 3 <= known.lit <= 100  # particles, not the hot pixels
        assert known.bright > known.lit
        for other in (
            opencv(pixels),
            numpy_pass(pixels, dark.seed_threshold, dark.black_adu),
        ):
            assert same_answer(known, other)


def test_another_answer_is_told_apart():
    seeds = np.array([3, 5], np.int64)
    one = Scan(10, 2, 2, seeds)
    assert same_answer(one, Scan(10, 2, 2, seeds.copy()))
    assert not same_answer(one, Scan(11, 2, 2, seeds))
    assert not same_answer(one, Scan(10, 2, 2, np.array([3, 6], np.int64)))


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
