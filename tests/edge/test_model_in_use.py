"""A model in a replay and in a live run: what hits, summaries and the terminal say of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from edge.classification import awaited
from edge.classification.classes import CLASSES
from edge.classification.model import ModelClassifier, ModelFile
from edge.cli.main import main
from edge.hits import Query, open_hits
from edge.sources import open_recording
from edge.sources.simulated import write_simulation
from simulator import SimulationSpec
from tests.edge.classification.made import TINY
from tests.edge.stacks import check_sums, replay

MODEL_ID = ModelFile.read(TINY).model_id


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("sim") / "recording"
    spec = SimulationSpec(width_px=96, height_px=80, seed=7, hits_per_min=3000)
    write_simulation(spec, folder, 120)
    return open_recording(folder)


def test_a_replay_with_a_model_says_so_in_every_hit(recording: Any, tmp_path: Path) -> None:
    found = replay(recording, tmp_path / "model", classify__model=str(TINY))
    check_sums(found)
    hits = found.hits
    assert len(hits) > 20
    for hit in hits:
        assert hit["provenance"]["model_id"] == MODEL_ID
        assert sum(hit["votes"].values()) == pytest.approx(1, abs=0.01)
        assert hit["class"] == max(CLASSES, key=hit["scores"].__getitem__)
    stated = found.summary["classifier"]
    assert (stated["model_id"], stated["fell_back"], stated["failures"]) == (MODEL_ID, None, 0)
    assert stated["runtime"]
    again = replay(recording, tmp_path / "again", workers=3, classify__model=str(TINY))
    assert again.content == found.content


def test_another_model_is_another_epoch(recording: Any, tmp_path: Path) -> None:
    rules = replay(recording, tmp_path / "rules", classify__model="rules")
    model = replay(recording, tmp_path / "model", classify__model=str(TINY))
    assert rules.summary["epoch"] != model.summary["epoch"]
    assert rules.summary["classifier"]["model_id"] == "rules/1"
    assert {hit["votes"] for hit in rules.hits} == {None}


def test_a_replay_without_its_model_finds_the_same_hits_and_says_why(
    recording: Any, tmp_path: Path
) -> None:
    rules = replay(recording, tmp_path / "rules", classify__model="rules")
    missing = tmp_path / "missing.tflite"
    found = replay(recording, tmp_path / "missing", classify__model=str(missing))
    assert found.summary["hits"] == rules.summary["hits"]
    assert str(missing) in found.summary["classifier"]["fell_back"]
    assert len([note for note in found.summary["notes"] if str(missing) in note]) == 1


SOURCE = "sim:?width=96&height=80&frames=150&paced=0&hits_per_min=3000&seed=3"


def run(folder: Path, model: object, capfd: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    (folder / "rig.toml").write_text(
        f'[calibration]\nframes = 30\n[classify]\nmodel = "{model}"\n', encoding="utf-8"
    )
    main(["run", "--config", str(folder / "rig.toml"), "--source", SOURCE, "--broker",
          "mqtt://127.0.0.1:1", "--state-dir", str(folder), "--json"])  # fmt: skip
    said = capfd.readouterr()
    return json.loads(said.out), said.err


def kept(folder: Path) -> list[Any]:
    reader = open_hits(folder)
    try:
        return [hit.message for hit in reader.hits(Query())]
    finally:
        reader.close()


@pytest.fixture(autouse=True)
def _short_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker is there: nothing would come of waiting for one."""
    monkeypatch.setattr("edge.live.session.DRAIN_S", 0.5)


def test_a_live_run_classifies_with_the_model_and_keeps_the_terminal_clean(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    summary, said = run(tmp_path, TINY, capfd)
    assert summary["hits"] > 10
    assert summary["classifier"]["model_id"] == MODEL_ID
    assert "XNNPACK" not in said
    hits = kept(tmp_path)
    assert len(hits) == summary["hits"]
    assert {hit.provenance.model_id for hit in hits} == {MODEL_ID}
    assert all(hit.votes is not None for hit in hits)


def test_a_live_run_with_a_damaged_model_goes_on_with_the_rules(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(TINY.read_bytes()[:3000])
    summary, _ = run(tmp_path, damaged, capfd)
    assert summary["hits"] > 10
    assert summary["classifier"]["model_id"] == "rules/1"
    assert str(damaged) in summary["classifier"]["fell_back"]
    assert len([line for line in caplog.messages if str(damaged) in line]) == 1
    hits = kept(tmp_path)
    assert len(hits) == summary["hits"]
    assert {hit.provenance.model_id for hit in hits} == {"rules/1"}


def test_a_model_that_fails_in_the_middle_loses_no_hit(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ModelClassifier.classify
    batches = iter(range(10_000))

    def fails_once(self: ModelClassifier, batch: Any) -> Any:
        if next(batches) == 3:
            raise RuntimeError("gather index out of bounds")
        return honest(self, batch)

    monkeypatch.setattr(ModelClassifier, "classify", fails_once)
    summary, _ = run(tmp_path, TINY, capfd)
    hits = kept(tmp_path)
    assert len(hits) == summary["hits"]
    decided = {hit.provenance.model_id for hit in hits}
    assert MODEL_ID in decided
    assert summary["classifier"] == {
        "model_id": MODEL_ID,
        "runtime": summary["classifier"]["runtime"],
        "fell_back": None,
        "failures": 1,
    }


def test_no_frame_waits_for_a_model_that_loads_slowly(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = awaited.classifier_of

    def slowly(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.7)
        return honest(*arguments, **options)

    monkeypatch.setattr(awaited, "classifier_of", slowly)
    summary, _ = run(tmp_path, TINY, capfd)
    assert summary["dropped"] == 0
    assert {hit.provenance.model_id for hit in kept(tmp_path)} == {MODEL_ID}
