"""A model as a classifier, and files that are none."""

from __future__ import annotations

import hashlib
import random
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.classification.classes import CLASSES, Classifier
from edge.classification.contract import ContractError, answer
from edge.classification.flatbuffer import is_whole
from edge.classification.model import BadModel, ModelClassifier, ModelFile, NoRuntime
from edge.classification.numbers import NAMES, PLACE_KNOWN, numbers
from edge.classification.runtime import Runtime, load
from edge.classification.spotted import spotted
from edge.errors import CosmicEdgeError
from tests.edge.classification.made import TINY, Scripted, about, candidate, dark, even, tracked


def scripted(*args: object, **changes: object) -> ModelClassifier:
    made = Scripted(*args, **changes)
    return ModelClassifier.load(ModelFile.read(TINY), runtimes=[Runtime("app", lambda *_: made)])


@pytest.fixture(scope="module")
def tiny() -> Classifier:
    return ModelClassifier.load(ModelFile.read(TINY))


def test_a_model_gives_class_scores_and_votes(tiny):
    batch = [(candidate(tracked()), {}), (candidate(tracked(2) * 2), {})]
    for found in tiny.classify(batch):
        assert found.label == max(CLASSES, key=found.scores.__getitem__)
        assert tuple(found.scores) == CLASSES
        assert sum(found.scores.values()) == pytest.approx(1, abs=0.01)
        assert sum(found.votes.values()) == pytest.approx(1, abs=0.01)
        assert found.model_id == tiny.model_id


def test_an_answer_does_not_depend_on_what_else_is_classified(tiny):
    found = [(candidate(tracked(seed)), {}) for seed in range(6)]
    together = tiny.classify(found)
    assert together == [tiny.classify([one])[0] for one in found]
    assert len({tuple(one.scores.values()) for one in together}) == 6
    assert tiny.classify([]) == []


def test_a_rig_says_where_its_hit_lies_and_a_picture_does_not():
    pixels = tracked()
    pixels[5, 5] = 1000  # a hot pixel, which a rig takes for none
    rigs, guess = candidate(pixels[:, :]), spotted(pixels)
    own = replace(rigs, peak=int(np.flatnonzero(rigs.values_adu == 900)[0]))
    made = Scripted(input={"features": about((-1, len(NAMES)))})
    model = ModelClassifier.load(ModelFile.read(TINY), runtimes=[Runtime("app", lambda *_: made)])
    model.classify([(own, {}), (guess, {})])
    of_own, of_guess = (one[0] for one in made.seen[-2:])
    cut = own.crop.pixels
    assert (own.place_in_crop, guess.place_in_crop) == ((30, 30), None)
    assert (of_own == numbers(cut, (30, 30))).all()
    assert (of_guess == numbers(pixels)).all()
    assert (of_own[PLACE_KNOWN], of_guess[PLACE_KNOWN]) == (1, 0)
    assert of_own[NAMES.index("lit4_area_px")] == 8  # the track
    assert of_guess[NAMES.index("lit4_area_px")] == 1  # the hot pixel


def test_the_model_is_named_by_its_file_and_what_it_holds(tiny, tmp_path):
    digest = hashlib.sha256(TINY.read_bytes()).hexdigest()
    assert tiny.model_id == f"tiny/{digest[:12]}"
    odd = tmp_path / ("ä b/c".replace("/", "") + "x" * 150 + ".tflite")
    odd.write_bytes(TINY.read_bytes())
    name, _, rest = ModelFile.read(odd).model_id.partition("/")
    assert name.startswith("__bc")
    assert (len(name), rest) == (100, digest[:12])


def test_the_answers_are_those_of_tensorflow():
    """From which the converted model may differ by its half floats."""
    shown = np.float32(0.2) * np.sin(np.arange(4608, dtype=np.float32) ** 1.3).reshape(48, 48, 2)
    scores, votes = answer(load(TINY.read_bytes()).runner, {"crop": shown})
    assert list(scores.values()) == pytest.approx([0.0316, 0.0089, 0.0388, 0.9207], abs=0.003)
    assert list(votes.values()) == pytest.approx([0.4448, 0.3854, 0.1336, 0.0362], abs=0.003)


# -- what is no model of ours ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"signatures": {}}, "no signature classify_1: it has none"),
        ({"signatures": {"serving_default": {}}}, "it has serving_default"),
        ({"input": {"image": about((-1, 48, 48, 2))}}, "its inputs are image, expected crop"),
        ({"input": {"crop": about((-1, 64, 64, 1))}}, "is (n, 64, 64, 1) float32, expected (n, 48"),
        ({"input": {"crop": about((1, 48, 48, 2))}}, "is (1, 48, 48, 2) float32"),
        ({"input": {"crop": about((-1, 48, 48, 2), np.uint8)}}, "uint8, expected"),
        ({"output": {"scores": about((-1, 4))}}, "its outputs are scores, expected scores, votes"),
        (
            {"output": {"scores": about((-1, 3)), "votes": about((-1, 4))}},
            "output scores is (n, 3) float32, expected (n, 4)",
        ),
    ],
)
def test_a_model_of_another_kind_is_refused_in_a_line_that_says_why(changes, words):
    with pytest.raises(BadModel) as caught:
        scripted(**changes)
    assert words in str(caught.value)
    assert str(TINY) in str(caught.value)
    assert "\n" not in str(caught.value)


BAD_ANSWERS = [
    ({"scores": np.array([[np.nan, 0, 0, 1]])}, "scores that are not finite"),
    ({"votes": np.array([[np.inf, 0, 0, 1]])}, "votes that are not finite"),
    ({"scores": np.array([[1.5, -0.5, 0, 0]])}, "scores beyond 0 to 1"),
    ({"scores": np.array([[0.9, 0.9, 0, 0]])}, "scores that sum to 1.8"),
    ({"votes": np.zeros((1, 4))}, "votes that sum to 0"),
    ({"scores": np.full((1, 5), 0.2)}, "scores of shape (1, 5)"),
]


@pytest.mark.parametrize(("answers", "words"), BAD_ANSWERS)
def test_answers_that_are_none_are_found_at_the_start_and_later(answers, words):
    with pytest.raises(BadModel) as caught:
        scripted(lambda: even(**answers))
    assert words in str(caught.value)
    given = [even(), even(**answers)]
    later = scripted(lambda: given.pop(0))
    with pytest.raises(ContractError) as wrong:
        later.classify([(candidate(tracked()), {})])
    assert words in str(wrong.value)


def test_a_computer_without_a_runtime_is_told_what_to_install():
    def missing(model: bytes, threads: int) -> Scripted:
        raise ModuleNotFoundError("No module named 'x'")

    with pytest.raises(NoRuntime) as caught:
        ModelClassifier.load(ModelFile.read(TINY), runtimes=[Runtime("old", missing)])
    assert "pip install 'ai-edge-litert<2.2'" in str(caught.value)


def files(folder: Path) -> dict[str, Path]:
    whole = TINY.read_bytes()
    for name, content in {
        "empty": b"",
        "text": b"this is not a model at all\n",
        "few": whole[:7],
        "head": whole[:8],
        "offset": b"\xff\xff\xff\x7f" + whole[4:],
        "other": whole[:4] + b"TFL2" + whole[8:],
    }.items():
        (folder / f"{name}.tflite").write_bytes(content)
    with zipfile.ZipFile(folder / "keras.tflite", "w") as archive:
        archive.writestr("config.json", "{}")
    return {path.stem: path for path in folder.iterdir()} | {
        "missing": folder / "missing.tflite",
        "folder": folder,
    }


def test_a_file_that_is_no_model_never_reaches_a_runtime(tmp_path):
    for name, path in files(tmp_path).items():
        with pytest.raises(BadModel) as caught:
            ModelFile.read(path)
        assert str(path) in str(caught.value), name
        assert "\n" not in str(caught.value)


def survives(content: bytes, folder: Path) -> str:
    """Load a damaged model in this very process, and use it; the name of what came of it."""
    path = folder / "damaged.tflite"
    path.write_bytes(content)
    try:
        made = ModelClassifier.load(ModelFile.read(path))
        made.classify([(candidate(tracked()), {}), (candidate(tracked(3)), {})])
    except BadModel as error:
        return "refused" if "\n" not in str(error) else "refused in several lines"
    except (ContractError, RuntimeError, ValueError):
        return "fails later"
    return "runs"


def damaged(count: int, changed: int, seed: int) -> list[bytes]:
    draw = random.Random(seed)
    whole = TINY.read_bytes()
    found = []
    for _ in range(count):
        copy = bytearray(whole)
        for _ in range(changed):
            copy[draw.randrange(8, len(copy))] = draw.randrange(256)
        found.append(bytes(copy))
    return found


def cut(count: int) -> list[bytes]:
    whole = TINY.read_bytes()
    return [whole[:size] for size in np.linspace(9, len(whole) - 1, count).astype(int)]


def test_a_model_that_is_cut_short_anywhere_is_no_whole_one():
    whole = TINY.read_bytes()
    assert is_whole(whole)
    assert is_whole(whole + b"what a packer of metadata puts behind it")
    assert [size for size in range(len(whole)) if is_whole(whole[:size])] == []


def test_a_model_that_is_cut_short_is_refused_before_a_runtime_sees_it(tmp_path):
    path = tmp_path / "cut.tflite"
    for content in cut(12):
        path.write_bytes(content)
        with pytest.raises(BadModel, match="no whole TFLite model"):
            ModelFile.read(path)


def test_a_damaged_model_is_refused_or_answers_and_nothing_dies(tmp_path):
    ends = [survives(content, tmp_path) for content in damaged(12, 8, seed=5)]
    assert "refused" in ends


@pytest.mark.prove
def test_no_damage_kills_the_process(tmp_path):
    whole = TINY.read_bytes()
    for changed in (1, 8, 64):
        assert "refused" in [survives(content, tmp_path) for content in damaged(100, changed, 7)]
    draw = random.Random(9)
    for _ in range(60):
        start = draw.randrange(8, len(whole) - 512)
        survives(whole[:start] + bytes(512) + whole[start + 512 :], tmp_path)


def test_errors_of_a_model_end_a_command_with_the_right_code():
    assert (BadModel.exit_code, NoRuntime.exit_code) == (2, 1)
    assert issubclass(NoRuntime, CosmicEdgeError)


def test_a_crop_without_a_hit_has_an_answer(tiny):
    pixels = dark()
    pixels[3, 3] = 500
    flat = candidate(pixels)
    flat.crop.pixels[...] = 64
    (found,) = tiny.classify([(flat, {})])
    assert found.label in CLASSES
