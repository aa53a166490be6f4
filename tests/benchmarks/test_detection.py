"""The streams, the count of what was found, and a short run from end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.detection import __main__ as command
from benchmarks.detection.contenders import OURS, contenders
from benchmarks.detection.rule import Look
from benchmarks.detection.run import run_stream
from benchmarks.detection.streams import PRESETS, native_black_adu, stream_spec
from benchmarks.detection.table import to_json, where_behind
from benchmarks.detection.tally import Tally, Truth, score


def truth_of(path: Path, *particles: dict[str, Any]) -> Truth:
    lines = [{"status": "ok", "covered": True, "peak_sigma": 20.0, **one} for one in particles]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Truth.read(path)


@pytest.fixture
def tally(tmp_path: Path) -> Tally:
    at = {"x_px": 50, "y_px": 40, "rows": [40, 41], "cols": [50, 51]}
    return Tally(
        truth_of(
            tmp_path / "truth.jsonl",
            {"frame": 3, **at},
            {"frame": 9, "covered": False, **at},
            {"frame": 12, **at, "peak_sigma": 5.0},
        )
    )


def box(x0: int, y0: int, x1: int | None = None, y1: int | None = None) -> Look:
    return Look(np.array([[x0, y0, x0 if x1 is None else x1, y0 if y1 is None else y1]]))


def counted(tally: Tally, looks: dict[int, Look], frames: int = 20) -> Any:
    for frame in range(frames):
        tally.add(frame, looks.get(frame, Look()))
    return score(tally, 3600.0)


@pytest.mark.parametrize(
    ("look", "true"),
    [(box(52, 42), 1), (box(53, 41), 1), (box(54, 41), 0), (box(30, 20, 49, 39), 1)],
)
def test_a_hit_within_two_pixels_of_a_particle_is_true(tally: Tally, look: Look, true: int):
    one = counted(tally, {3: look})
    assert (one.true_hits, one.false_hits) == (true, 1 - true)
    assert (one.efficiency.found, one.efficiency.tried) == (true, 1)


def test_the_second_hit_of_a_particle_and_its_afterglow_are_duplicates(tally: Tally):
    both = Look(np.array([[50, 40, 50, 40], [51, 41, 51, 41]]))
    one = counted(tally, {3: both, 5: box(50, 40), 6: box(50, 40)})
    assert (one.hits, one.true_hits, one.duplicates, one.false_hits) == (4, 1, 2, 1)


def test_particles_while_the_cover_is_off_can_be_hit_but_not_missed(tally: Tally):
    one = counted(tally, {9: box(50, 40)})
    assert (one.efficiency.tried, one.efficiency.found) == (1, 0)
    assert one.false_hits == 0


def test_a_blind_frame_costs_live_time_and_shows_in_the_share_of_all(tally: Tally):
    one = counted(tally, {3: Look(live=False)})
    assert (one.efficiency.tried, one.of_all.tried) == (0, 1)
    assert one.live_h == pytest.approx(19.0)
    assert one.false_per_h_limit == pytest.approx(2.9957 / 19, rel=1e-3)


def test_faint_particles_are_counted_in_their_bins(tally: Tally):
    bins = {(low, high): share for low, high, share in counted(tally, {12: box(50, 40)}).bins}
    assert (bins[5, 7].found, bins[5, 7].tried) == (1, 1)
    assert (bins[20, 30].found, bins[20, 30].tried) == (0, 1)


@pytest.mark.parametrize("name", PRESETS)
def test_a_stream_is_a_camera_in_a_world_with_faults(name: str):
    spec = stream_spec(name, 20_000)
    assert (spec.width_px, spec.height_px) == (320, 240)
    assert (spec.hot_pixels, spec.telegraph_pixels, spec.hits_per_min) == (500, 200, 60.0)
    assert spec.temperature_drift_c == 10.0
    for value in (spec.leak_at_s, spec.uncover_at_s, spec.column_at_s):
        assert value is not None
    assert native_black_adu(spec) == (0.0 if name in ("webcam", "phone") else spec.black_adu)


def test_a_short_run_shows_every_rule_and_a_plot(tmp_path: Path, capsys):
    results, picture = tmp_path / "results.json", tmp_path / "plot.svg"
    arguments = ["--frames", "300", "--presets", "pi-hq", "--folder", str(tmp_path)]
    assert command.main([*arguments, "--json", str(results), "--plot", str(picture)]) == 0
    text = capsys.readouterr().out
    (stream,) = json.loads(results.read_text())["streams"]
    rules = stream["rules"]
    assert {one["name"] for one in rules} == {OURS, *(one.name for one in contenders())}
    ours = rules[0]
    assert len(ours["missed"]) == ours["of_all"]["of"] - ours["of_all"]["found"]
    assert len(ours["first_false"]) == ours["false_hits"]
    assert ours["name"] == OURS
    assert ours["live_share"] > 0.5
    assert ours["efficiency"]["of"] == stream["clear_particles"] > 15
    assert ours["efficiency"]["share"] > 0.4  # light takes a third of so short a stream
    for one in rules:
        assert one["hits"] == one["true_hits"] + one["duplicates"] + one["false_hits"]
        assert 0 <= one["live_share"] <= 1.001
    for name in ("CREDO 1.3", "CREDO iOS", "cmosdetector", "CRAYFIS"):
        assert name in text
    assert picture.read_text().lstrip().startswith("<?xml")
    assert picture.stat().st_size < 200_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plot.svg", "results.json"]


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, capsys):
    arguments = ["--frames", "60", "--presets", "webcam", "--folder", str(tmp_path / "none")]
    assert command.main(arguments) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", PRESETS)
def test_ours_is_clean_and_complete_on_a_long_stream(name: str, tmp_path: Path):
    result = run_stream(name, tmp_path, frames=20_000)
    mine = result.ours.score
    print(json.dumps(to_json(result), ensure_ascii=False))
    print("\n".join(where_behind(result)))
    assert mine.efficiency.limits[1] >= 0.99
    assert mine.efficiency.value >= 0.97
    assert mine.purity.value >= 0.99
    for entry in result.best:
        other = entry.score
        beaten = other.purity.value < mine.purity.value or other.of_all.value < mine.of_all.value
        assert beaten or entry.name == OURS, entry.name
