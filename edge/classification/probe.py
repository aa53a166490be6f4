"""Whether a model can be run, found out in a process whose crash does no harm.

A damaged model may end the process that opens it: tflite-runtime dies of a signal where one byte of
its frame is wrong. So a model is opened elsewhere first; no check of the file alone finds all that
a runtime stumbles over.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

from edge.classification.runtime import Fault, Runtime, fault_of, installed, start

TIMEOUT_S = 30.0
_MOST_MEMORY = 1 << 30
"""A damaged size may ask for any amount of memory, which a rig has not."""

_OF_THE_PROCESSOR = ("SIGILL",)


def probe(model: bytes, runtime: Runtime, timeout_s: float = TIMEOUT_S) -> Fault | None:
    """Open a model and run it once in another process.

    Parameters
    ----------
    model : bytes
    runtime : Runtime
        One without a key can't be had in another process, and passes.
    timeout_s : float
        What takes longer has failed.

    Returns
    -------
    Fault or None
        None: it runs.
    """
    if runtime.key is None:
        return None
    try:
        ended = subprocess.run(  # noqa: S603 - this Python, with a key of ours
            [sys.executable, "-P", "-m", __name__, runtime.key],
            input=model,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        return Fault(runtime.name, f"no answer within {timeout_s:g} s", True)
    except (OSError, ValueError) as error:
        # Where nothing can be tried, nothing is risked.
        return Fault(runtime.name, f"it can't be tried in a process of its own ({error})", False)
    if ended.returncode < 0:
        name = _signal(-ended.returncode)
        return Fault(runtime.name, f"it crashes with {name}", name not in _OF_THE_PROCESSOR)
    return _told(runtime, ended.stdout)


def _told(runtime: Runtime, answer: bytes) -> Fault | None:
    try:
        said = json.loads(answer)
        if said["runs"] is True:
            return None
        return Fault(runtime.name, str(said["why"]), bool(said["of_model"]))
    except (ValueError, KeyError, TypeError):
        return Fault(runtime.name, "it ends without an answer", True)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _environment() -> dict[str, str]:
    """Where this process finds its modules, and one thread for libraries that would start many."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {
        **os.environ,
        "PYTHONPATH": paths,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def main(key: str) -> None:
    """Be the other process: the model comes on standard input, the answer goes to the output."""
    _bound()
    model = sys.stdin.buffer.read()
    runtime = installed(key)
    if runtime is None:
        answer = {"runs": False, "why": "not installed", "of_model": False}
    else:
        try:
            start(model, runtime)
            answer = {"runs": True}
        except Exception as error:  # whatever a native library turns its fault into
            fault = fault_of(runtime, error)
            answer = {"runs": False, "why": fault.why, "of_model": fault.of_model}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    # What a damaged model has done to memory must not show in the end of an interpreter.
    os._exit(0)


def _bound() -> None:
    """No core file, and no more memory than a rig can give; where the system knows such bounds."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        limit = _MOST_MEMORY if most == resource.RLIM_INFINITY else min(_MOST_MEMORY, most)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


if __name__ == "__main__":
    main(sys.argv[1])
