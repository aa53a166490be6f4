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

EACH = 15


def drawn(kind: str, random: np.random.Generator) -> np.ndarray:
    pixels = random.normal(10, 1, (60, 60))
    if kind == "spot":
        pixels[29:32, 29:32] += random.uniform(60, 150)
    if kind in ("track", "worm"):
        for step in range(16):
            bend = 4 * np.sin(step / 2) if kind == "worm" else step / 2
            pixels[int(30 + bend), 22 + step] += random.uniform(60, 150)
    if kind == "artefact":
        pixels[10:50, 20:45] += random.uniform(60, 150)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_a_trained_model_tells_what_it_was_shown_and_the_device_loads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("keras", reason="the extra train is not installed")
    random = np.random.default_rng(1)
    for kind in CLASSES:
        (tmp_path / "data" / kind).mkdir(parents=True)
        for i in range(EACH):
            png = encode_png(Crop(drawn(kind, random), 0, 0))
            (tmp_path / "data" / kind / f"{kind}{i}.png").write_bytes(png)
    model = tmp_path / "small.tflite"
    assert main(["train", str(tmp_path / "data"), "--out", str(model), "--epochs", "20"]) == 0
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
