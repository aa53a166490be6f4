"""From labelled crops to a model that the device loads: a short training, where Keras is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.classification.classes import CLASSES
from edge.classification.model import ModelClassifier, ModelFile
from edge.classification.spotted import spotted
from edge.cli.main import main
from edge.crop import encode_png
from edge.describe import describe
from edge.detection import Crop
from tests.training.made_up import drawn
from training.copies import copies_of
from training.crossval import Given, Rows, cross_validate
from training.fit import FitRules
from training.labelled import read_labelled
from training.methods import Net, Rules, Trees

EACH = 15


def labelled(folder: Path, random: np.random.Generator) -> Path:
    for kind in CLASSES:
        (folder / kind).mkdir(parents=True)
        for i in range(EACH):
            png = encode_png(Crop(drawn(kind, random), 0, 0))
            (folder / kind / f"{kind}{i}.png").write_bytes(png)
    return folder


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_a_trained_model_tells_what_it_was_shown_and_the_device_loads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("keras", reason="the extra train is not installed")
    random = np.random.default_rng(1)
    data = labelled(tmp_path / "data", random)
    model = tmp_path / "small.tflite"
    assert main(["train", str(data), "--out", str(model), "--epochs", "60"]) == 0
    assert "largest_difference" in capsys.readouterr().out
    assert model.with_suffix(".md").read_text().startswith("# small")
    classifier = ModelClassifier.load(ModelFile.read(model))
    right = 0
    for kind in CLASSES:
        candidate = spotted(drawn(kind, random))
        assert candidate is not None
        (answer,) = classifier.classify([(candidate, describe(candidate))])
        assert sum(answer.scores.values()) == pytest.approx(1, abs=1e-3)
        assert answer.votes is not None
        right += answer.label == kind
    assert right >= 3


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_methods_are_judged_on_groups_that_none_was_trained_on(tmp_path: Path) -> None:
    pytest.importorskip("keras", reason="the extra train is not installed")
    crops = read_labelled(labelled(tmp_path / "data", np.random.default_rng(2)))
    given = Given(crops, copies_of(crops, 1, 0))
    seen: list[set[int]] = []

    class Noted(Trees):
        def scores(self, given: Given, train: Rows, test: Rows, seed: int) -> np.ndarray:
            assert not {crops.group[i] for i in train} & {crops.group[i] for i in test}
            seen.append(set(test.tolist()))
            return super().scores(given, train, test, seed)

    methods = (Rules(), Noted(), Net(FitRules(epochs=40, copies=1)))
    found = cross_validate(given, methods, together=("net", "trees"), folds=3, repeats=1)
    assert [one.name for one in found] == ["rules", "trees", "net", "net + trees"]
    assert sorted(i for rows in seen for i in rows) == list(range(len(crops)))
    for one in found:
        assert one.predicted.sum(axis=2) == pytest.approx(np.ones((1, len(crops))), abs=1e-3)
        low, high = one.intervals["all"]
        assert low <= one.mean.all <= high
        assert one.confusion.sum() == len(crops)
    assert found[1].mean.all > 0.9
    assert found[3].predicted == pytest.approx(
        (found[1].predicted + found[2].predicted) / 2, abs=1e-9
    )
