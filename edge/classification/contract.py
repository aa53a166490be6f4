"""What a model must be: its file, its signature and its answers.

A model is a ``.tflite`` file with a signature ``classify_1``. It takes one float32 input or both:
``crop`` of shape (n, SIZE_PX, SIZE_PX, 2), made by `edge.classification.prepare`, and ``features``
of shape (n, 165), made by `edge.classification.numbers`. It has two float32 outputs ``scores`` and
``votes`` of shape (n, 4) in the order of `CLASSES`. Scores sum to 1; votes are the shares of judges
that are expected to choose each class, and sum to about 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from edge.classification.numbers import NAMES
from edge.classification.prepare import CHANNELS, SIZE_PX

SIGNATURE = "classify_1"
INPUT, NUMBERS = "crop", "features"
SCORES, VOTES = "scores", "votes"

_SLACK = {SCORES: 0.01, VOTES: 0.1}
"""How far from 1 the sum of an output may be."""

_ROUNDING = 1e-3
_FREE = -1


class ContractError(Exception):
    """A model that is none of ours, or an answer that is none: one line that says why."""


class Runner(Protocol):
    """One signature of a model, ready to run; what the interpreters call a signature runner."""

    def __call__(self, **inputs: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Outputs by name, each an array of its own."""

    def get_input_details(self) -> Mapping[str, Mapping[str, Any]]:
        """For each input at least ``shape``, ``shape_signature`` and ``dtype``."""

    def get_output_details(self) -> Mapping[str, Mapping[str, Any]]:
        """For each output the same."""


class Interpreter(Protocol):
    """The few methods of a TFLite interpreter that are used."""

    def allocate_tensors(self) -> None:
        """Get ready to run."""

    def get_signature_list(self) -> Mapping[str, Any]:
        """Signatures by name."""

    def get_signature_runner(self, signature_key: str) -> Runner:
        """One of them, ready to run."""


def accepted(interpreter: Interpreter) -> Runner:
    """Check what a model says of itself, and that it answers; hands on its runner.

    Raises
    ------
    ContractError
        It is a model of another kind.
    """
    # Before the signature's runner is made: tflite-runtime 2.14 leaves its fast kernels (XNNPACK)
    # out otherwise, and takes four times as long for each crop.
    interpreter.allocate_tensors()
    named = list(interpreter.get_signature_list())
    if SIGNATURE not in named:
        has = f"it has {', '.join(map(str, named[:4]))}" if named else "it has none"
        raise ContractError(f"no signature {SIGNATURE}: {has}")
    runner = interpreter.get_signature_runner(SIGNATURE)
    inputs = runner.get_input_details()
    known: dict[str, Sequence[int]] = {
        INPUT: (_FREE, SIZE_PX, SIZE_PX, CHANNELS),
        NUMBERS: (_FREE, len(NAMES)),
    }
    expected = {name: shape for name, shape in known.items() if name in inputs}
    _check(inputs, expected or {INPUT: known[INPUT]}, "input")
    shape = (_FREE, len(CLASSES))
    _check(runner.get_output_details(), {SCORES: shape, VOTES: shape}, "output")
    answer(runner, {name: np.zeros(sizes[1:], np.float32) for name, sizes in expected.items()})
    return runner


def wanted(runner: Runner) -> frozenset[str]:
    """Names of the inputs that a model takes."""
    return frozenset(runner.get_input_details())


def answer(
    runner: Runner, prepared: Mapping[str, NDArray[np.float32]]
) -> tuple[dict[str, float], dict[str, float]]:
    """Scores and votes of one crop, its inputs by name.

    Raises
    ------
    ContractError
        What comes out is not finite, not between 0 and 1, or does not sum to 1.
    """
    outputs = runner(**{name: values[np.newaxis] for name, values in prepared.items()})
    return _shares(outputs, SCORES), _shares(outputs, VOTES)


def _shares(outputs: Mapping[str, NDArray[Any]], name: str) -> dict[str, float]:
    values = np.asarray(outputs[name], np.float64)
    if values.shape != (1, len(CLASSES)):
        raise ContractError(f"{name} of shape {values.shape}, expected (1, {len(CLASSES)})")
    if not np.isfinite(values).all():
        raise ContractError(f"{name} that are not finite")
    if values.min() < -_ROUNDING or values.max() > 1.0 + _ROUNDING:
        raise ContractError(f"{name} beyond 0 to 1: {values.min():.3g} to {values.max():.3g}")
    total = float(values.sum())
    if abs(total - 1.0) > _SLACK[name]:
        raise ContractError(f"{name} that sum to {total:.3g}, expected 1")
    return dict(zip(CLASSES, map(float, np.clip(values[0], 0.0, 1.0)), strict=True))


def _check(
    found: Mapping[str, Mapping[str, Any]], expected: Mapping[str, Sequence[int]], what: str
) -> None:
    if set(found) != set(expected):
        has, wanted = ", ".join(sorted(map(str, found))) or "none", ", ".join(sorted(expected))
        raise ContractError(f"its {what}s are {has}, expected {wanted}")
    for name, shape in expected.items():
        stated = found[name].get("shape_signature", found[name]["shape"])
        sizes = tuple(int(size) for size in stated)
        # The converter may leave an output's first size unsaid; the trial run tells.
        same = sizes == tuple(shape) or (what == "output" and sizes == (1, *shape[1:]))
        if not same or np.dtype(found[name]["dtype"]) != np.float32:
            raise ContractError(
                f"its {what} {name} is {_written(sizes)} {np.dtype(found[name]['dtype']).name}, "
                f"expected {_written(shape)} float32"
            )


def _written(shape: Sequence[int]) -> str:
    return f"({', '.join('n' if size == _FREE else str(size) for size in shape)})"
