"""``cosmic-edge score`` on a simulated recording: what is said, drawn and refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from tests.system.calls import Call

# What they share takes long to make: on one worker it is made once.
pytestmark = pytest.mark.xdist_group("score")

FRAMES = 900
CONTRACT = {
    "detectable",
    "found",
    "efficiency",
    "hits",
    "true_hits",
    "purity",
    "false_hits",
    "false_hits_per_hour",
    "by_class",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with some two hundred particles, and the hits of its replay."""
    folder = tmp_path_factory.mktemp("made")
    settings = ["--set", "hits_per_min=400", "--set", "drop_rate=0.01", "--set", "bad_rate=0.01"]
    settings += ["--set", "uncover_at_s=20", "--set", "uncover_s=3"]
    recording = str(folder / "recording")
    assert main(["simulate", "--frames", str(FRAMES), "--out", recording, *settings]) == 0
    assert main(["replay", recording, "--out", str(folder / "hits.jsonl")]) == 0
    return folder


def scored(call: Call, *arguments: object) -> dict[str, Any]:
    code, printed, said = call("score", *map(str, arguments), "--json")
    assert (code, said) == (0, "")
    return dict(json.loads(printed))


def test_a_recording_scores_as_its_hits_do(made: Path, call: Call) -> None:
    by_files = scored(call, made / "hits.jsonl", made / "recording" / "truth.jsonl")
    by_recording = scored(call, made / "recording")
    assert set(by_files) >= CONTRACT
    for key in ("hits", "true_hits", "false_hits", "duplicates", "particles"):
        assert by_recording[key] == by_files[key]
    # A record for each frame tells more of when the rig was not looking.
    assert by_recording["detectable"] <= by_files["detectable"]
    assert by_recording["replay"]["hits"] == by_recording["hits"]
    assert by_recording["live_time_s"] == pytest.approx(by_files["live_time_s"])

    print(f"{by_recording['found']} of {by_recording['detectable']}, {by_recording['missed']}")
    assert by_recording["detectable"] > 120
    assert by_recording["efficiency"] >= 0.98
    assert by_recording["false_hits"] == 0
    assert by_recording["not_detectable"]["uncovered"] > 5
    assert {"missing", "bad"} <= set(by_recording["not_detectable"])


def test_the_time_of_a_hit_is_within_half_an_exposure_of_its_particle(
    made: Path, call: Call
) -> None:
    got = scored(call, made / "hits.jsonl", made / "recording")
    exposure_s = 0.033
    assert got["time_residual"]["number"] == got["true_hits"]
    assert abs(got["time_residual"]["mean_s"]) < 0.2 * exposure_s
    assert got["time_residual"]["max_s"] <= 0.51 * exposure_s
    assert got["position_residual"]["peak"]["same_pixel"] > 0.5


def test_the_rigs_own_efficiency_stands_beside_the_truths(made: Path, call: Call) -> None:
    own = scored(call, made / "recording")["injection"]
    assert own is not None
    assert own["detectable"] >= 0.02 * FRAMES
    bright = [one for one in own["by_peak"] if one["from_sigma"] >= 20]
    assert all(one["efficiency"] >= 0.8 for one in bright)


def test_a_person_gets_a_table_and_a_picture(made: Path, call: Call, tmp_path: Path) -> None:
    picture = tmp_path / "score.png"
    arguments = [str(made / "hits.jsonl"), str(made / "recording"), "--plot", str(picture)]
    for _ in range(2):  # its own picture may be drawn over
        code, printed, said = call("score", *arguments)
        assert (code, said) == (0, "")
    for words in ("efficiency", "purity", "per hour of live time", "by class", "by peak", "track"):
        assert words in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_exposure_records_the_recording_tells_the_time(
    made: Path, call: Call, tmp_path: Path
) -> None:
    alone = shutil.copy(made / "hits.jsonl", tmp_path)
    got = scored(call, alone, made / "recording")
    assert got["live_time_from"] == "frames"
    assert got["false_hits_per_hour"] == 0
    assert got["live_time_s"] == pytest.approx(FRAMES / 30, rel=0.05)


def test_an_empty_hits_file_scores_zero(made: Path, call: Call, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").touch()
    got = scored(call, tmp_path / "none.jsonl", made / "recording")
    assert got["efficiency"] == 0
    assert got["hits"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("HITS", "name the truth as well"),
        ("TRUTH HITS", "peak_sigma is missing"),
        ("HITS HITS", "peak_sigma is missing"),
        ("TRUTH TRUTH", "no hit: schema is missing"),
        ("HITS frames.jsonl", "frame is missing"),
        ("HITS nowhere.jsonl", "No such file"),
        ("HITS small", "hits of another recording"),
        ("empty", "no truth.jsonl in it"),
        ("RECORDING --exposure HITS", "--exposure is for HITS"),
        ("HITS TRUTH --workers 2", "for a RECORDING alone"),
        ("HITS TRUTH --exposure TRUTH", "no record"),
        ("HITS TRUTH --plot p.pdf", "ends in .png"),
        ("HITS TRUTH --plot other.png", "is not a picture of a score"),
        ("HITS TRUTH --min-sigma -1", "--min-sigma"),
    ],
)
def test_what_can_not_be_scored_is_refused_in_one_line(
    arguments: str,
    words: str,
    made: Path,
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.png").write_bytes(b"\x89PNG\r\n\x1a\n of my cat")
    recording = made / "recording"
    if "small" in arguments:
        small = ["--frames", "20", "--set", "width_px=64", "--set", "height_px=64"]
        assert call("simulate", *small, "--out", "small")[0] == 0
    places = {
        "HITS": made / "hits.jsonl",
        "TRUTH": recording / "truth.jsonl",
        "RECORDING": recording,
        "frames.jsonl": recording / "frames.jsonl",
    }
    code, printed, said = call("score", *(str(places.get(a, a)) for a in arguments.split()))
    assert (code, printed) == (2, "")
    assert said.startswith("cosmic-edge: ")
    assert said.count("\n") == 1
    assert "internal error" not in said
    assert words in said
