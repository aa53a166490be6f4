"""Hits of a simulation: labelled by its truth, as a score matches them; made anew by their seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge.classification.classes import CLASSES
from edge.cli.main import main
from edge.errors import BadUse
from edge.messages import encode
from edge.scoring import score_files
from tests.edge.hits.made import message
from tests.edge.scoring.lines import Line, particle, track, write
from training.labelled import joined, read_labelled
from training.scenes import KINDS, scenes_of
from training.simulate import simulate_scene


def hit(seq: int, frame: int, x: int, y: int) -> Line:
    made = message(seq, origin="simulation", frame=frame, x_px=x, y_px=y)
    made["crop"] |= {"x0_px": max(x - 30, 0), "y0_px": max(y - 30, 0)}
    return made


def lay(folder: Path, truth: list[Line], hits: list[Line], name: str = "hits.jsonl") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "truth.jsonl", truth)
    (folder / name).write_bytes(b"".join(encode(one) + b"\n" for one in hits))
    return folder


def test_a_hit_is_what_the_truth_says_it_was(tmp_path: Path) -> None:
    truth = [
        particle(5, 40, 40),
        track(6, 100, 100, 20),
        particle(6, 200, 60, **{"class": "worm"}),
        particle(7, 60, 60, **{"class": "unknown"}),
        track(8, 20, 20, 9),
        particle(8, 25, 21),
    ]
    hits = [
        hit(1, 5, 41, 41),
        hit(2, 6, 119, 100),
        hit(3, 6, 110, 101),
        hit(4, 6, 200, 60),
        hit(5, 6, 300, 200),
        hit(6, 7, 60, 60),
        hit(7, 7, 40, 40),
        hit(8, 7, 201, 61),
        hit(9, 8, 20, 20),
    ]
    folder = lay(tmp_path / "rec", truth, hits)
    for given in (folder, tmp_path, folder / "hits.jsonl", folder / "truth.jsonl"):
        crops = read_labelled(given)
        # Hits 7 and 8 are one and two frames late, 3 is on the track of 2; 9 is two particles.
        assert [CLASSES[i] for i in crops.label] == ["spot", "track", "worm", "artefact"]
        assert crops.places == ((30, 30), (30, 30), (30, 30), (30, 30))
        assert crops.is_own.all()
        assert crops.left_out == {
            "second hit of one particle": 1,
            "its particle has no class of ours": 1,
            "afterglow of a particle": 2,
            "several particles are in one hit": 1,
        }
        assert len(crops) + sum(crops.left_out.values()) == len(hits)


def test_particles_of_64_frames_and_artefacts_of_a_place_are_one_group(tmp_path: Path) -> None:
    truth = [particle(frame, 40, 40) for frame in (0, 63, 64)]
    hits = [hit(n, frame, 40, 40) for n, frame in enumerate((0, 63, 64), 1)]
    hits += [hit(4, 100, 203, 81), hit(5, 400, 205, 80), hit(6, 100, 280, 80)]
    again = joined([read_labelled(lay(tmp_path, truth, hits))])
    assert again.group[0] == again.group[1]
    assert again.group[3] == again.group[4]
    assert len(set(again.group)) == 4


def test_the_same_simulation_replayed_twice_shares_its_groups(tmp_path: Path) -> None:
    truth, hits = [particle(3, 40, 40)], [hit(1, 3, 40, 40)]
    lay(tmp_path / "once", truth, hits)
    lay(tmp_path / "twice", truth, hits)
    crops = read_labelled(tmp_path)
    assert len(crops) == 2
    assert len(set(crops.group)) == 1
    assert len(set(crops.name)) == 2


@pytest.mark.parametrize(
    ("truth", "hits", "said"),
    [
        ([{"frame": "x"}], [hit(1, 1, 1, 1)], "line 1: no particle"),
        ([particle(1, 5, 5) | {"series": "a"}], [hit(1, 1, 5, 5)], "another recording"),
        ([particle(1, 5, 5)], [], "1 left out: truth.jsonl without hits"),
    ],
)
def test_what_does_not_belong_together_is_refused_in_one_line(
    tmp_path: Path, truth: list[Line], hits: list[Line], said: str
) -> None:
    with pytest.raises(BadUse, match=said) as raised:
        read_labelled(lay(tmp_path, truth, hits))
    assert "\n" not in str(raised.value)


def test_two_hits_files_beside_one_truth_are_refused(tmp_path: Path) -> None:
    lay(tmp_path, [particle(1, 5, 5)], [hit(1, 1, 5, 5)])
    lay(tmp_path, [particle(1, 5, 5)], [hit(1, 1, 5, 5)], "others.jsonl")
    with pytest.raises(BadUse, match=r"hits\.jsonl, others\.jsonl"):
        read_labelled(tmp_path)


def test_a_recording_and_its_replay_are_read_as_they_are_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "rec"
    rate = ["--set", "hits_per_min=600", "--width", "160", "--height", "120"]
    assert main(["simulate", "--out", str(recording), "--frames", "200", *rate]) == 0
    hits = recording / "hits.jsonl"
    assert main(["replay", str(recording), "--out", str(hits), "--json"]) == 0
    capsys.readouterr()
    crops = read_labelled(recording)
    score = score_files(hits, recording).to_json()
    several = crops.left_out.get("several particles are in one hit", 0)
    assert int((crops.label == CLASSES.index("artefact")).sum()) == score["false_hits"]
    assert int((crops.label != CLASSES.index("artefact")).sum()) + several == score["true_hits"]
    assert len(crops) + sum(crops.left_out.values()) == score["hits"]
    assert len(crops) > 30
    assert all(one.dtype == np.uint16 for one in crops.pixels)


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(tmp_path: Path) -> None:
    def made(seed: int, name: str) -> tuple[bytes, bytes]:
        (scene,) = scenes_of("pi-v1", 40, seed, {"plain": KINDS["plain"]})
        simulate_scene(scene, tmp_path / name)
        one, two = (tmp_path / name / file for file in ("hits.jsonl", "truth.jsonl"))
        return one.read_bytes(), two.read_bytes()

    first = made(1, "a")
    assert made(1, "b") == first
    assert all(one != other for one, other in zip(made(2, "c"), first, strict=True))
    crops = read_labelled(tmp_path / "a")
    assert len(crops) + sum(crops.left_out.values()) == first[0].count(b"\n")


def test_scenes_of_cameras_and_of_seeds_have_nothing_in_common() -> None:
    every = [
        scene
        for seed in (1, 2)
        for camera in ("pi-v1", "webcam")
        for scene in scenes_of(camera, 3000, seed)
    ]
    assert len({scene.spec.seed for scene in every}) == len(every) == 2 * 2 * 2 * len(KINDS)


def test_the_command_leaves_hits_and_truth_alone_and_says_what_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.scenes.KINDS", {"plain": KINDS["plain"]})
    out = tmp_path / "data"
    arguments = ["train-data", "--out", str(out), "--presets", "webcam", "--hits", "30"]
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)["webcam"]
    assert sum(report[name] for name in CLASSES) == report["hits"] == len(read_labelled(out))
    names = {path.name for path in out.rglob("*") if path.is_file()}
    assert names == {"hits.jsonl", "hits.jsonl.exposure.jsonl", "truth.jsonl"}
    assert main(arguments) == 2
    assert "not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("presets", "said"), [("pi-v9", "did you mean"), (" , ", "names no camera")]
)
def test_a_camera_that_is_none_is_one_line_and_leaves_nothing(
    tmp_path: Path, presets: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    assert main(["train-data", "--out", str(out), "--presets", presets]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not out.exists()
