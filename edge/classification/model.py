"""A trained model as a classifier."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES, Classification, Standing
from edge.classification.contract import INPUT, NUMBERS, Runner, answer, wanted
from edge.classification.flatbuffer import is_whole
from edge.classification.numbers import numbers
from edge.classification.prepare import prepare
from edge.classification.probe import probe
from edge.classification.runtime import NotLoaded, Runtime, load
from edge.detection import Candidate
from edge.errors import BadUse, Failed

_MAX_BYTES = 256_000_000
_LONGEST_STEM = 100
_HASH_CHARS = 12
_MADE: Mapping[str, Callable[[Candidate], NDArray[np.float32]]] = {
    INPUT: lambda candidate: prepare(candidate.crop.pixels),
    NUMBERS: lambda candidate: numbers(candidate.crop.pixels, candidate.place_in_crop),
}


class BadModel(BadUse):
    """A file that is no model of ours: one line that names it and says why."""


class NoRuntime(Failed):
    """Nothing on this computer runs a model: one line that says what to install."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model as read.

    Attributes
    ----------
    path : Path
    content : bytes
    sha256 : str
    """

    path: Path
    content: bytes
    sha256: str

    @property
    def model_id(self) -> str:
        """Its name and what it holds, for a hit's provenance."""
        stem = re.sub(r"[^A-Za-z0-9_.+-]", "_", self.path.stem)[:_LONGEST_STEM]
        return f"{stem}/{self.sha256[:_HASH_CHARS]}"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that is a TFLite model by its first bytes.

        Raises
        ------
        BadModel
            It is not there, can't be read, or is something else.
        """
        try:
            if path.is_dir():
                raise BadModel(f"{path}: is a folder; name the .tflite file in it")
            if path.stat().st_size > _MAX_BYTES:
                raise BadModel(
                    f"{path}: larger than {_MAX_BYTES // 1_000_000} MB, so it is no model"
                )
            content = path.read_bytes()
        except OSError as error:
            raise BadModel(f"{path}: can't be read ({error.strerror or error})") from None
        if content[4:8] != b"TFL3":
            raise BadModel(f"{path}: is no TFLite model (bytes 5 to 8 are not TFL3)")
        if not is_whole(content):
            raise BadModel(f"{path}: is no whole TFLite model: cut short or damaged; copy it again")
        return cls(path, content, hashlib.sha256(content).hexdigest())


class ModelClassifier:
    """Gives classes, scores and expected votes by a ``.tflite`` model.

    Crops are run one by one: on a model of real size a batch takes no less time, and a change of
    its size may cost as much as a crop. So an answer never depends on what else was waiting.
    """

    def __init__(self, model_id: str, runner: Runner, runtime: str) -> None:
        self.model_id = model_id
        self._runner = runner
        self._runtime = runtime
        self._wanted = wanted(runner)

    @classmethod
    def load(
        cls, file: ModelFile, *, runtimes: Sequence[Runtime] | None = None, careful: bool = True
    ) -> Self:
        """Make a classifier of a model.

        Parameters
        ----------
        file : ModelFile
        runtimes : sequence of Runtime, optional
            None: those that are installed. An app on Android hands its own in.
        careful : bool
            Try it in another process first, which a damaged model may crash.

        Raises
        ------
        BadModel
            It is damaged, or keeps another contract.
        NoRuntime
            There is nothing to run it with.
        """
        try:
            loaded = load(file.content, runtimes, probe if careful else None)
        except NotLoaded as error:
            raise _refusal(file.path, error) from None
        return cls(file.model_id, loaded.runner, loaded.runtime)

    def classify(self, batch: Sequence[tuple[Candidate, dict[str, float]]]) -> list[Classification]:
        """Classify the raw crops; a model that wants features measures the crop itself.

        Raises
        ------
        Exception
            Whatever goes wrong in the runtime, and `ContractError` for an answer that is none.
        """
        return [self._one(candidate) for candidate, _ in batch]

    def standing(self) -> Standing:
        """What decides, and what runs it."""
        return Standing(self.model_id, self._runtime)

    def _one(self, candidate: Candidate) -> Classification:
        inputs = {name: made(candidate) for name, made in _MADE.items() if name in self._wanted}
        scores, votes = answer(self._runner, inputs)
        label = max(CLASSES, key=scores.__getitem__)
        return Classification(label, scores, self.model_id, votes)


def _refusal(path: Path, error: NotLoaded) -> BadModel | NoRuntime:
    of_model = [fault for fault in error.faults if fault.of_model]
    if of_model:
        return BadModel(f"{path}: is no usable model: {of_model[0].why} ({of_model[0].runtime})")
    return NoRuntime(
        f"no TFLite runtime works here ({error}); install one: pip install 'ai-edge-litert<2.2'"
    )
