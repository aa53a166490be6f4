"""No hit goes without a class: the rules stand behind a model, and it is said."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edge.classification import chosen, shipped
from edge.classification.awaited import LOADING, Awaited
from edge.classification.chosen import classifier_of
from edge.classification.classes import Classification, Classifier, Standing
from edge.classification.fallback import WithFallback
from edge.classification.model import ModelFile
from edge.classification.runtime import Runtime
from edge.config.load import load_config
from edge.config.model import Config
from edge.describe import describe
from edge.errors import BadUse
from tests.edge.classification.made import TINY, Scripted, candidate, even, tracked

FOUND = candidate(tracked())
BATCH = [(FOUND, describe(FOUND))]
ANSWER = Classification("worm", {"worm": 1.0}, "m/1")


class Model:
    """Does at each batch what it is told to."""

    model_id = "m/1"

    def __init__(self, *does: Callable[[], None]) -> None:
        self.does = list(does)
        self.asked = 0

    def standing(self) -> Standing:
        return Standing(self.model_id, "litert 9")

    def classify(self, batch: Sequence[object]) -> list[Classification]:
        self.asked += 1
        if self.does:
            self.does.pop(0)()
        return [ANSWER for _ in batch]


def fail() -> None:
    raise RuntimeError("node 7 failed\nto invoke")


def work() -> None:
    pass


def test_a_batch_that_the_model_fails_at_is_decided_by_the_rules_and_says_so(caplog):
    made = WithFallback(Model(fail))
    with caplog.at_level(logging.WARNING):
        (first,) = made.classify(BATCH)
    (second,) = made.classify(BATCH)
    assert (first.model_id, second.model_id) == ("rules/1", "m/1")
    assert made.standing() == Standing("m/1", "litert 9", None, 1)
    (line,) = caplog.messages
    assert "m/1 failed" in line
    assert "node 7 failed to invoke" in line


def test_after_three_failures_in_a_row_the_rules_stay(caplog):
    model = Model(fail, fail, work, fail, fail, fail)
    made = WithFallback(model)
    with caplog.at_level(logging.WARNING):
        decided = [made.classify(BATCH)[0].model_id for _ in range(8)]
    assert decided == ["rules/1", "rules/1", "m/1", *["rules/1"] * 5]
    assert model.asked == 6
    standing = made.standing()
    assert (standing.model_id, standing.runtime, standing.failures) == ("rules/1", None, 5)
    assert "3 times in a row" in str(standing.fell_back)
    assert len(caplog.messages) == 2


def test_an_answer_that_is_no_number_is_a_failure():
    nan = even(scores=even()["scores"] * float("nan"))
    answers = [even(), nan]
    app = Runtime("app", lambda *_: Scripted(lambda: answers.pop(0)))
    made, note = classifier_of(of(TINY), runtimes=[app])
    assert note == ""
    assert made.classify(BATCH)[0].model_id == "rules/1"
    assert made.standing().failures == 1


def test_no_candidates_are_no_batch():
    model = Model(fail)
    assert WithFallback(model).classify([]) == []
    assert model.asked == 0


def test_a_model_that_is_too_slow_is_given_up_where_time_counts():
    slow = [lambda: time.sleep(0.02)] * 4
    live = WithFallback(Model(*slow), slowest_s=0.01)
    assert [live.classify(BATCH)[0].model_id for _ in range(4)] == ["m/1"] * 3 + ["rules/1"]
    assert "too slow" in str(live.standing().fell_back)
    replayed = WithFallback(Model(*slow))
    assert [replayed.classify(BATCH)[0].model_id for _ in range(4)] == ["m/1"] * 4


# -- what a configuration asks for -----------------------------------------------------------


def of(model: object) -> Config:
    return load_config(None, {"classify.model": str(model)})


def test_a_model_of_ones_own_is_used():
    made, note = classifier_of(of(TINY))
    assert note == ""
    assert made.classify(BATCH)[0].model_id == ModelFile.read(TINY).model_id
    assert made.standing().fell_back is None


def test_rules_are_asked_for_and_nothing_fell_back():
    made, note = classifier_of(of("rules"))
    assert (note, made.standing()) == ("", Standing("rules/1"))


def test_without_a_shipped_model_the_rules_decide_and_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    made, note = classifier_of(Config())
    assert made.standing() == Standing("rules/1", fell_back=chosen.NONE_SHIPPED)
    assert chosen.NONE_SHIPPED in note
    assert made.classify(BATCH)[0].model_id == "rules/1"


def test_a_model_that_is_missing_or_none_stops_nobody(tmp_path):
    text = tmp_path / "text.tflite"
    text.write_text("hello")
    for path in (tmp_path / "missing.tflite", text):
        made, note = classifier_of(of(path))
        assert str(path) in note
        assert "\n" not in note
        assert made.classify(BATCH)[0].model_id == "rules/1"


def test_a_fault_that_nobody_thought_of_stops_nobody(monkeypatch):
    def surprise(*_: object) -> Classifier:
        raise MemoryError("no room")

    monkeypatch.setattr(chosen, "_model", surprise)
    made, note = classifier_of(Config())
    assert "MemoryError: no room" in note
    assert made.standing().model_id == "rules/1"


@pytest.mark.parametrize("value", ["shippd", "model", "", "m.h5"])
def test_a_slip_of_the_pen_is_no_path(value):
    with pytest.raises(BadUse, match=r"\[classify\] model"):
        of(value)


def test_a_path_in_the_configuration_begins_at_its_folder(tmp_path):
    (tmp_path / "rig.toml").write_text('[classify]\nmodel = "models/mine.tflite"\n')
    assert load_config(tmp_path / "rig.toml").classify.model == tmp_path / "models/mine.tflite"


# -- the shipped model -----------------------------------------------------------------------


def ship(folder: Path, content: bytes, digest: str | None = None) -> ModelFile:
    (folder / "ours.tflite").write_bytes(content)
    if digest is not None:
        (folder / "SHA256SUMS").write_text(f"{digest}  ours.tflite\n")
    found = shipped.shipped(folder)
    assert found is not None
    return ModelFile.read(found)


def test_the_shipped_model_is_known_by_its_digest(tmp_path):
    content = TINY.read_bytes()
    assert not shipped.is_as_shipped(ship(tmp_path, content), tmp_path)
    digest = hashlib.sha256(content).hexdigest()
    assert shipped.is_as_shipped(ship(tmp_path, content, digest), tmp_path)


def test_a_shipped_model_that_changed_since_is_damaged(tmp_path):
    digest = hashlib.sha256(TINY.read_bytes()).hexdigest()
    changed = bytearray(TINY.read_bytes())
    changed[-1] ^= 1  # a weight: no check of the frame finds it
    with pytest.raises(BadUse, match="is damaged"):
        shipped.is_as_shipped(ship(tmp_path, bytes(changed), digest), tmp_path)


def test_what_is_shipped_here_keeps_the_contract():
    path = shipped.shipped()
    if path is None:
        pytest.skip("no model is shipped with this version")
    assert shipped.is_as_shipped(ModelFile.read(path))
    made, note = classifier_of(Config(), careful=True)
    assert (note, made.classify(BATCH)[0].model_id) == ("", ModelFile.read(path).model_id)


# -- loading while the rig starts ------------------------------------------------------------


def test_the_first_batch_waits_for_the_model():
    def load() -> Classifier:
        time.sleep(0.05)
        return WithFallback(Model())

    made = Awaited(load)
    assert made.classify(BATCH)[0].model_id == "m/1"
    assert made.standing().runtime == "litert 9"


def test_nobody_waits_for_a_model_that_does_not_come():
    come = threading.Event()

    def load() -> Classifier:
        come.wait(30)
        return WithFallback(Model())

    made = Awaited(load, patience_s=0.05)
    begun = time.monotonic()
    decided = [made.classify(BATCH)[0].model_id for _ in range(20)]
    assert set(decided) == {"rules/1"}
    assert time.monotonic() - begun < 1.0  # the first waited, the others did not
    assert made.standing().fell_back == LOADING
    come.set()
    made.begin().result(10)
    assert made.classify(BATCH)[0].model_id == "m/1"


def test_it_is_loaded_once():
    loaded = []

    def load() -> Classifier:
        loaded.append(1)
        return WithFallback(None)

    made = Awaited(load)
    assert made.begin() is made.begin()
    made.classify(BATCH)
    assert loaded == [1]
