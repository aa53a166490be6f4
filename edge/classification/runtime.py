"""Which TFLite runtime there is, and which of them runs a given model.

LiteRT and tflite-runtime have the same interpreter, and both may be installed and yet fail: with a
NumPy they were not built for, on another processor, with an operation they are too old for. Each
fails late, so that nothing less than a run of the very model tells.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, TypeAlias

import numpy as np

from edge.classification.contract import ContractError, Interpreter, Runner, accepted
from edge.classification.hush import hushed

InterpreterFactory: TypeAlias = Callable[[bytes, int], Interpreter]
"""Makes an interpreter of a model's bytes with so many threads."""

THREADS = 1
"""A crop is too little work to be shared: two threads take longer than one."""

_PACKAGES = {"litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}
_DISTRIBUTIONS = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}
# What a runtime that does not fit this computer raises; a model that is at fault raises others.
_UNFIT = (ImportError, SystemError, AttributeError, OSError)
_LONGEST = 160
# Its wheels don't say so, and what they raise says nothing.
_OLD, _TOO_NEW = "tflite-runtime", 2


@dataclass(frozen=True, slots=True)
class Runtime:
    """One way to run a model.

    Attributes
    ----------
    name : str
        With its version, such as "litert 2.3.0".
    factory : InterpreterFactory
    key : str or None
        By which another process of ours finds it; None where an app hands its own in.
    """

    name: str
    factory: InterpreterFactory
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a runtime does not run a model.

    Attributes
    ----------
    runtime : str
    why : str
        One line.
    of_model : bool
        The model is at fault, as far as can be told.
    """

    runtime: str
    why: str
    of_model: bool

    def __str__(self) -> str:
        return f"{self.runtime}: {self.why}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that runs, and what runs it."""

    runner: Runner
    runtime: str


Trial: TypeAlias = Callable[[bytes, Runtime], Fault | None]
"""Tries a model with a runtime where a crash does no harm."""


class NotLoaded(Exception):
    """No runtime runs the model; `faults` has one for each that was tried or looked for."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)


def installed(key: str) -> Runtime | None:
    """The runtime of that key, where its package can be found; it is not imported yet."""
    if importlib.util.find_spec(_PACKAGES[key]) is None:
        return None
    return Runtime(_named(key), lambda model, threads: _create(key, model, threads), key)


def load(
    model: bytes, runtimes: Sequence[Runtime] | None = None, trial: Trial | None = None
) -> Loaded:
    """Find a runtime that runs a model: by constructing it and running it once on zeros.

    Parameters
    ----------
    model : bytes
        The whole file.
    runtimes : sequence of Runtime, optional
        In the order they are tried; None: LiteRT, then tflite-runtime.
    trial : callable, optional
        Asked first: `edge.classification.probe.probe`.

    Raises
    ------
    NotLoaded
        None of them runs it.
    """
    faults: list[Fault] = []
    if runtimes is None:
        found = {key: installed(key) for key in _PACKAGES}
        runtimes = [runtime for runtime in found.values() if runtime is not None]
        faults = [Fault(key, "not installed", False) for key in found if found[key] is None]
    for runtime in runtimes:
        fault = trial(model, runtime) if trial is not None else None
        if fault is None:
            try:
                return Loaded(start(model, runtime), runtime.name)
            except Exception as error:  # whatever a native library turns its fault into
                fault = fault_of(runtime, error)
        faults.append(fault)
    raise NotLoaded(faults)


def start(model: bytes, runtime: Runtime) -> Runner:
    """Construct the interpreter, check the contract and run it once; raises what goes wrong."""
    with hushed():
        return accepted(runtime.factory(model, THREADS))


def fault_of(runtime: Runtime, error: BaseException) -> Fault:
    """What an exception says, in one line."""
    if (
        runtime.key == _OLD
        and isinstance(error, _UNFIT)
        and int(np.__version__.partition(".")[0]) >= _TOO_NEW
    ):
        return Fault(runtime.name, f"it needs NumPy below {_TOO_NEW}", False)
    said = " ".join(str(error).split())[:_LONGEST]
    if not isinstance(error, ContractError):
        said = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return Fault(runtime.name, said, not isinstance(error, _UNFIT))


def _named(key: str) -> str:
    try:
        return f"{key} {metadata.version(_DISTRIBUTIONS[key])}"
    except metadata.PackageNotFoundError:
        return key


def _create(key: str, model: bytes, threads: int) -> Interpreter:
    module: Any = importlib.import_module(f"{_PACKAGES[key]}.interpreter")
    made: Interpreter = module.Interpreter(model_content=model, num_threads=threads)
    return made
