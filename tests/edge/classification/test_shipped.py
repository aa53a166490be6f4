"""The model that comes with the program: small, the same in every runtime, good at what is new."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from edge.classification.classes import CLASSES
from edge.classification.contract import NUMBERS, answer
from edge.classification.model import ModelClassifier, ModelFile
from edge.classification.numbers import numbers
from edge.classification.runtime import Runtime, installed, start
from edge.classification.shipped import is_as_shipped, shipped
from edge.classification.spotted import spotted
from edge.describe import describe
from edge.pictures import read_picture

MOST_BYTES = 400_000
MOST_MS = 1.0
SAME = 0.005
CLOSE = 0.01


@pytest.fixture(scope="module")
def file() -> ModelFile:
    path = shipped()
    assert path is not None
    return ModelFile.read(path)


RUNTIMES = [one for key in ("litert", "tflite-runtime") if (one := installed(key)) is not None]


@pytest.fixture(scope="module")
def expected() -> dict:
    return json.loads(Path(__file__).with_name("shipped.json").read_text())


def crop(kind: str, seed: int) -> np.ndarray:
    """A crop that whoever made `shipped.json` drew as well: no more than integers of a seed."""
    random = np.random.default_rng(seed)
    pixels = random.integers(8, 13, (60, 60))
    if kind == "spot":
        pixels[29:32, 29:32] += random.integers(60, 150)
    if kind in ("track", "worm"):
        for step in range(16):
            bend = (0, 3, 5, 3, 0, -3, -5, -3)[step % 8] if kind == "worm" else step // 2
            pixels[30 + bend, 22 + step] += random.integers(60, 150)
    if kind == "artefact":
        pixels[10:50, 20:45] += random.integers(60, 150)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def test_it_is_small_and_as_it_was_shipped(file: ModelFile, expected: dict) -> None:
    assert len(file.content) <= MOST_BYTES
    assert is_as_shipped(file)
    assert file.path.with_suffix(".md").read_text().startswith(f"# {file.path.stem}")
    assert expected["sha256"] == file.sha256


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda one: one.name)
def test_it_answers_as_the_net_it_was_made_of(
    file: ModelFile, expected: dict, runtime: Runtime
) -> None:
    runner = start(file.content, runtime)
    for one in expected["answers"]:
        told = {NUMBERS: numbers(crop(one["kind"], one["seed"]))}
        scores, votes = answer(runner, told)
        net = np.array(one["scores"])
        ours = np.array([scores[name] for name in CLASSES])
        assert np.abs(ours - net).max() <= SAME
        assert np.abs([votes[name] for name in CLASSES] - np.array(one["votes"])).max() <= SAME
        best = np.sort(net)
        if best[-1] - best[-2] > CLOSE:
            assert ours.argmax() == net.argmax()


def test_a_camera_that_it_never_saw_is_told_right(file: ModelFile, shared_data: Path) -> None:
    """Raspberry Pi crops of another project, in which only hits are kept: three classes."""
    import csv

    folder = shared_data / "pi_camera_v1"
    with (folder / "index.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    classifier = ModelClassifier.load(file)
    right = 0
    for row in rows:
        candidate = spotted(read_picture((folder / row["file"]).read_bytes()))
        assert candidate is not None
        (found,) = classifier.classify([(candidate, describe(candidate))])
        right += found.label == row["label"]
    assert right >= 0.85 * len(rows)


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_hits_of_simulated_pi_cameras_are_told_by_what_lies_at_their_place(
    file: ModelFile, tmp_path: Path
) -> None:
    """Simulated with a seed that nothing was trained on; raw counts, warm and failing sensors."""
    from edge.cli.main import main
    from training.labelled import read_labelled

    asked = ["train-data", "--presets", "pi-v1,pi-v2,pi-hq", "--hits", "500", "--seed", "1000"]
    assert main([*asked, "--out", str(tmp_path / "made")]) == 0
    crops = read_labelled(tmp_path / "made")
    runner = start(file.content, RUNTIMES[0])
    right = 0
    for pixels, place, label in zip(crops.pixels, crops.each_place, crops.label, strict=True):
        scores, _ = answer(runner, {NUMBERS: numbers(pixels, place)})
        right += max(scores, key=scores.__getitem__) == CLASSES[label]
    print(f"{right} of {len(crops)} simulated Pi hits")
    assert right >= 0.95 * len(crops)


@pytest.mark.prove
@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda one: one.name)
def test_it_takes_less_than_a_millisecond_a_crop(file: ModelFile, runtime: Runtime) -> None:
    runner = start(file.content, runtime)
    told = {NUMBERS: numbers(crop("worm", 1))}
    took_s = []
    for _ in range(500):
        begun = time.perf_counter()
        answer(runner, told)
        took_s.append(time.perf_counter() - begun)
    print(f"{runtime.name}: {1e3 * np.median(took_s):.3f} ms a crop")
    assert 1e3 * np.median(took_s) <= MOST_MS
